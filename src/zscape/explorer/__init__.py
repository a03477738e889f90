"""The explorer: walk through a latent space in a browser, a notebook or one file.

The front end in `web/` decodes in the browser. It is the same in all three places, and takes one
file of bytes, the payload, that `zscape.explorer.engine` makes of a run.
"""

from importlib import import_module

from zscape.errors import ConfigError


def require(*packages: str) -> None:
    """Check that packages of the extra `explore` are installed.

    Raises:
        ConfigError: one is missing.
    """
    try:
        for package in packages:
            import_module(package)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f'{error.name} is not installed; install it with: pip install "zscape[explore]".'
        ) from error
