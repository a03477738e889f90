"""The errors zscape raises for mistakes a user can mend.

Each message is one line that says what was wrong, what was expected and what to do.
The command line prints it without a traceback and exits with status 2.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

# The extra of zscape that has a backend of Keras. It has none for others, such as PyTorch.
_BACKEND_EXTRAS = {"tensorflow": "cpu", "jax": "jax"}
_OTHER_BACKENDS = ("torch", "openvino", "mlx")

# What damaged and hostile files make the libraries raise that read them.
PARSE_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class ZscapeError(Exception):
    """Base of every error that zscape raises on purpose."""


class ConfigError(ZscapeError):
    """A setting is unknown or outside its range."""


class DataError(ZscapeError):
    """Images or labels cannot be read, or do not have the expected form."""


class RunError(ZscapeError):
    """A run folder is missing, damaged, in use or in the way."""


class ModelError(ZscapeError):
    """A model file is damaged or holds something zscape refuses to load."""


class TrainingError(ZscapeError):
    """Training cannot go on: the loss is no longer a number, or never moved."""


class ClusterError(ZscapeError):
    """A cluster cannot be joined, or its workers were lost and cannot be replaced."""


def reason_of(error: BaseException) -> str:
    """Return what an error says, in one short line."""
    text = " ".join(str(error).split())[:160].rstrip(".")
    return text or type(error).__name__


def require(*packages: str, extra: str) -> None:
    """Import packages that come with an extra of zscape; ConfigError where one is missing."""
    for package in packages:
        try:
            import_module(package)
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"the package {_top(error, package)} is not installed; install it with: "
                f'pip install "zscape[{extra}]".'
            ) from error
        except ImportError as error:
            raise ConfigError(
                f"the package {package} is installed but cannot be imported ({error}); install it "
                f'again with: pip install --force-reinstall "zscape[{extra}]".'
            ) from error


@contextmanager
def backend_needed() -> Iterator[None]:
    """Say how to install the backend of Keras where an import within finds that it is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = _top(error)
        if missing in _BACKEND_EXTRAS:
            raise ConfigError(
                f"the package {missing} is not installed; install it with: "
                f'pip install "zscape[{_BACKEND_EXTRAS[missing]}]", or choose another backend '
                "with the environment variable KERAS_BACKEND."
            ) from error
        if missing in _OTHER_BACKENDS:
            raise ConfigError(
                f"the package {missing} is not installed, and zscape does not run on it; set the "
                "environment variable KERAS_BACKEND to tensorflow and install that with: "
                'pip install "zscape[cpu]".'
            ) from error
        raise


def _top(error: ImportError, otherwise: str = "") -> str:
    """Return the package that an import did not find."""
    return (error.name or otherwise).partition(".")[0]
