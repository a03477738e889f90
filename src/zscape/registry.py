"""Registries: bottlenecks, presets, densities and corruptions, each added in one file.

A class is made known by the decorator of its registry. Those of zscape lie in a package with one
module for each, named as the class is registered, and are imported when first asked for. Others
come from plugins: Python files that the user names, or installed packages with an entry point in
the group `zscape.plugins` that has the name of the class.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from zscape.errors import ConfigError

T = TypeVar("T")
C = TypeVar("C", bound=type)
Option = float | int | bool | str

ENTRY_POINTS = "zscape.plugins"

_plugins: dict[str, str] = {}  # names of loaded modules, by the path or name they were asked by


@dataclass(frozen=True)
class Choice:
    """The name of a registered class and options for it: `NAME` or `NAME:key=value,...`.

    Attributes:
        name: as it is registered.
        options: those that are not left at their defaults; numbers, texts, true or false.
    """

    name: str
    options: Mapping[str, Option] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the text that `parse` takes."""
        text = ",".join(f"{key}={_text(value)}" for key, value in self.options.items())
        return f"{self.name}:{text}" if text else self.name

    @classmethod
    def parse(cls, text: str | Choice) -> Self:
        """Read `NAME` or `NAME:key=value,...`; a `Choice` is returned as it is."""
        if isinstance(text, Choice):
            return cls(text.name, text.options)
        if not isinstance(text, str):
            raise ConfigError(f"{text!r} is no text; expected NAME or NAME:key=value,...")
        name, colon, rest = text.strip().partition(":")
        options: dict[str, Option] = {}
        for part in rest.split(",") if colon else []:
            key, _, value = (piece.strip() for piece in part.partition("="))
            if not key or not value:
                raise ConfigError(
                    f"{text!r}: {part!r} is not key=value; expected NAME:key=value,... as in "
                    "gaussian:beta=2."
                )
            if key in options:
                raise ConfigError(f"{text!r} gives {key} twice; give it once.")
            options[key] = _value(value)
        return cls(name, options)

    def to_dict(self) -> dict[str, Any]:
        """Return name and options for JSON."""
        return {"name": self.name, "options": dict(self.options)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild what `to_dict` gave."""
        name, options = values.get("name"), values.get("options", {})
        if not isinstance(name, str) or not isinstance(options, Mapping):
            raise ConfigError(f"{dict(values)!r} has no name and options.")
        return cls(name, options)


class Registry(Generic[T]):
    """Classes of one kind by name.

    Args:
        kind: what they are, for messages: `bottleneck`.
        home: the package with a module for each, or a module with all of them.
        given: arguments of their constructors that are no options.
        base: what all of them are derived from.
    """

    all: ClassVar[list[Registry[Any]]] = []

    def __init__(
        self, kind: str, home: str, given: tuple[str, ...] = (), base: type[T] | None = None
    ) -> None:
        self.kind = kind
        self._base = base
        self._home = home
        Registry.all.append(self)
        self._given = given
        self._classes: dict[str, type[T]] = {}

    def register(self, name: str) -> Callable[[C], C]:
        """Return the decorator that makes a class known under `name`."""
        if not name.isidentifier():
            raise ConfigError(f"{self.kind} is named {name!r}; expected letters, digits and _.")

        def decorate(cls: C) -> C:
            if self._base is not None and not issubclass(cls, self._base):
                base = f"zscape.{self._base.__name__}"
                raise ConfigError(f"{self.kind} {name!r} is no subclass of {base}; derive it so.")
            known = self._classes.get(name)
            taken = known is not None and known.__qualname__ != cls.__qualname__
            if taken or (name in self._own_names() and not cls.__module__.startswith(self._home)):
                raise ConfigError(
                    f"there is a {self.kind} {name!r} already; register yours under another name."
                )
            self._classes[name] = cls
            return cls

        return decorate

    def names(self) -> tuple[str, ...]:
        """Return all names that can be asked for, in alphabetical order."""
        return tuple(sorted({*self._own_names(), *self._classes}))

    def __getitem__(self, name: str) -> type[T]:
        """Return the class registered under a name, which is imported if need be."""
        if name not in self._classes and name in self._own_names():
            importlib.import_module(f"{self._home}.{name}")
        if name not in self._classes and entry_points(group=ENTRY_POINTS, name=name):
            load_plugin(name)
        if name not in self._classes:
            close = difflib.get_close_matches(str(name), self.names(), n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ConfigError(
                f"{self.kind} is {name!r}; {hint}expected one of {', '.join(self.names())}."
            )
        return self._classes[name]

    def options(self, name: str) -> dict[str, Option]:
        """Return the options of a class with their defaults, as its constructor has them."""
        parameters = inspect.signature(self[name]).parameters
        return {
            parameter.name: parameter.default
            for parameter in parameters.values()
            if isinstance(parameter.default, bool | int | float | str)
            and parameter.name not in self._given
        }

    def plugin(self, name: str) -> str | None:
        """Return the file or module that registered a class, None for those of zscape."""
        module = self._classes[name].__module__ if name in self._classes else None
        return next((asked for asked, loaded in _plugins.items() if loaded == module), None)

    def complete(self, choice: Choice | str) -> Choice:
        """Return a choice with a value for every option, each of the type of its default.

        The class checks the ranges when it is made.
        """
        choice = Choice.parse(choice)
        known = self.options(choice.name)
        for name in choice.options:
            if name not in known:
                has = f"it has {', '.join(known)}" if known else "it has none"
                raise ConfigError(f"the {self.kind} {choice.name} has no option {name!r}; {has}.")
        options = {
            name: _like(name, choice.options.get(name, default), default)
            for name, default in known.items()
        }
        return Choice(choice.name, options)

    def make(self, choice: Choice | str, **given: Any) -> T:
        """Return an object of the class that is chosen, with its options and what is given."""
        choice = self.complete(choice)
        return self[choice.name](**given, **choice.options)

    def _own_names(self) -> tuple[str, ...]:
        return names_in(self._home) if _folder(self._home).is_dir() else ()


def names_in(home: str) -> tuple[str, ...]:
    """Return what a package (by the names of its modules, not imported) or a module registers."""
    folder = _folder(home)
    if folder.is_dir():
        names = (module.name for module in pkgutil.iter_modules([str(folder)]))
        return tuple(sorted(name for name in names if not name.startswith("_")))
    importlib.import_module(home)
    return tuple(name for each in Registry.all if each._home == home for name in each.names())


def _folder(home: str) -> Path:
    return Path(__file__).parent.joinpath(*home.split(".")[1:])


def check_number(
    name: str,
    value: Any,
    *,
    low: float = 0.0,
    high: float = 1e9,
    above: bool = False,
    below: bool = False,
    whole: bool = False,
) -> Any:
    """Return a number as a float, or as an int if it must be `whole`; `name` is for the message.

    It must lie from `low` to `high`, not at `low` if `above` is set, and not at `high` if `below`.
    """
    try:
        plain = float(value) if not isinstance(value, bool | str) else float("nan")
    except (TypeError, ValueError, OverflowError):
        plain = float("nan")
    inside = (plain > low if above else plain >= low) and (plain < high if below else plain <= high)
    if not inside or (whole and plain != int(plain)):
        kind = "a whole number" if whole else "a number"
        least = f"above {low:g}" if above else f"{low:g} or more"
        most = f", {'below' if below else 'at most'} {high:g}" if high < 1e9 else ""
        raise ConfigError(f"{name} is {value!r}; expected {kind}, {least}{most}.")
    return int(plain) if whole else plain


def load_plugin(source: str | Path) -> None:
    """Run a Python file, or import a module, that registers classes; once for each.

    Its classes may then be used by name, and model files with Keras layers that it registers
    open.

    Args:
        source: the path of a `.py` file, or the name of an installed module or of its entry point.

    Raises:
        ConfigError: there is no such file or module, or running it fails.
    """
    path = Path(source).expanduser()
    is_file = path.suffix == ".py"
    key = str(path.resolve()) if is_file else str(source)
    if key in _plugins:
        return
    if is_file and not path.is_file():
        raise ConfigError(f"plugin {source} does not exist; expected a Python file.")
    entry = next(iter(entry_points(group=ENTRY_POINTS, name=key)), None)
    name = f"zscape_plugin_{path.stem}" if is_file else entry.module if entry else key
    try:
        if is_file:
            spec = importlib.util.spec_from_file_location(name, path)
            if spec is None or spec.loader is None:
                raise ImportError("it is no Python file")
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        else:
            importlib.import_module(name)
    except ConfigError:
        sys.modules.pop(name, None)
        raise
    except Exception as error:  # whatever the user's own code raises
        sys.modules.pop(name, None)
        raise ConfigError(
            f"plugin {source} cannot be loaded ({type(error).__name__}: {error}); mend it, or "
            "leave it out."
        ) from error
    _plugins[key] = name


def missing_plugins(sources: Iterable[str]) -> list[str]:
    """Return those of some plugins that are not loaded."""
    return [source for source in sources if source not in _plugins]


def plugins() -> tuple[str, ...]:
    """Return what `load_plugin` takes for the plugins that were loaded."""
    return tuple(_plugins)


def plugin_modules() -> frozenset[str]:
    """Return the names of the modules of plugins that were loaded."""
    return frozenset(_plugins.values())


def _value(text: str) -> Option:
    """Return what a text stands for: a number, true or false, or itself."""
    if text in ("true", "false"):
        return text == "true"
    try:
        number = float(text)
    except ValueError:
        return text
    whole = number.is_integer() and abs(number) < 2**53 and not set(text) & set(".eE")
    return int(number) if whole else number


def _text(value: Option) -> str:
    """Return the shortest text of a value that loses nothing."""
    if isinstance(value, bool | str):
        return str(value).lower() if isinstance(value, bool) else value
    short = f"{value:g}".replace("+", "")  # a + joins corruptions
    return short if float(short) == value else repr(value).replace("+", "")


def _like(name: str, value: Any, default: Option) -> Option:
    """Return an option in the type of its default."""
    if isinstance(default, bool | str):
        if type(value) is not type(default):
            kind = "true or false" if isinstance(default, bool) else "a text"
            raise ConfigError(f"{name} is {value!r}; expected {kind}.")
        return type(default)(value)
    number: float = check_number(name, value, low=-1e9, whole=isinstance(default, int))
    return number
