"""The errors zscape raises for mistakes a user can mend.

Each message is one line that says what was wrong, what was expected and what to do.
The command line prints it without a traceback and exits with status 2.
"""

from importlib import import_module


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


def require(*packages: str, extra: str) -> None:
    """Import packages that come with an extra of zscape; ConfigError where one is missing."""
    try:
        for package in packages:
            import_module(package)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f'{error.name} is not installed; install it with: pip install "zscape[{extra}]".'
        ) from error
