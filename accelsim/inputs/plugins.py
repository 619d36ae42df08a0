"""What users may add is found, not listed: in a folder, in entry points and in plug-in files.

A new operator kind, policy or request pattern is one new file with one class: in the folder of its
kind, in an installed package that names it as an entry point, or in a file of its own.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Generic, TypeVar, get_args

from accelsim.errors import ConfigError
from accelsim.inputs.paths import suggest

Base = TypeVar("Base")

# File -> its module, in the order in which plug-ins were loaded.
_plugins: dict[Path, ModuleType] = {}


def load_plugins(paths: Iterable[str | Path]) -> tuple[str, ...]:
    """Import plug-ins and return the SHA-256 of each file, in order.

    A path is a Python file or a folder, of which every Python file is taken. Equal content is
    imported once; a file that has changed since takes the place of what it was. Each file stands
    alone: plug-ins that share code are better a package with entry points. Raises ConfigError for
    a path without Python files and for a file that fails.
    """
    return tuple(_load(file) for path in paths for file in _files_of(Path(path)))


def loaded_plugins() -> tuple[str, ...]:
    """Return what tells the loaded plug-ins from all others: the names of their modules."""
    return tuple(module.__name__ for module in _plugins.values())


def _files_of(path: Path) -> list[Path]:
    files = sorted(path.glob("*.py")) if path.is_dir() else [path]
    if not files or not all(file.is_file() and file.suffix == ".py" for file in files):
        raise ConfigError(f"plug-in '{path}': expected a Python file, or a folder with some")
    return [file.resolve() for file in files]


def _load(file: Path) -> str:
    source = file.read_bytes()
    digest = hashlib.sha256(source).hexdigest()
    name = f"accelsim_plugin_{digest}"
    known = [module for module in _plugins.values() if module.__name__ == name]
    _plugins[file] = known[0] if known else _import(name, file, source)
    return digest


def _import(name: str, file: Path, source: bytes) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # where pickle finds the classes
    try:
        exec(compile(source, file, "exec"), module.__dict__)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"plug-in '{file}': {type(error).__name__}: {error}") from error
    return module


class Registry(Generic[Base]):
    """The classes of one kind by name: all concrete subclasses of ``base``.

    ``package`` is the folder with one file a class, ``group`` that of the entry points, each of
    which is a class or a module. ``noun`` is what a message calls one. ``key`` is the class
    attribute with the name, in a ConfigModel the field that is a Literal of it.
    """

    def __init__(
        self, package: str, base: Callable[..., Base], group: str, noun: str, key: str = "name"
    ) -> None:
        self.noun, self.key = noun, key
        self._package, self._base, self._group = package, base, group
        self._plugins: tuple[ModuleType, ...] | None = None
        self._found: Mapping[str, type[Base]] = {}

    def all(self) -> Mapping[str, type[Base]]:
        """Return the classes by name: those of the folder first, in the order of the files.

        Raises ConfigError when two have the same name, naming both files, or one has none.
        """
        plugins = tuple(_plugins.values())
        if self._plugins != plugins:
            found: dict[str, type[Base]] = {}
            added = (each for module in plugins for each in self._in(module))
            for each in dict.fromkeys([*self._permanent, *added]):
                self._add(found, each)
            self._plugins, self._found = plugins, MappingProxyType(found)
        return self._found

    def find(self, name: str) -> type[Base]:
        """Return the class of a name. Raises ConfigError, with a suggestion, for an unknown one."""
        known = self.all()
        if name not in known:
            hint = suggest(name, known, "known")
            raise ConfigError(f"there is no {self.noun} '{name}'; {hint}")
        return known[name]

    @cached_property
    def _permanent(self) -> list[type[Base]]:
        """Those of the folder and of the entry points."""
        found: list[type[Base]] = []
        folder = importlib.import_module(self._package)
        for file in sorted(pkgutil.iter_modules(folder.__path__), key=lambda each: each.name):
            found += self._in(importlib.import_module(f"{self._package}.{file.name}"))
        for point in sorted(entry_points(group=self._group)):
            loaded = point.load()
            found += self._in(loaded) if isinstance(loaded, ModuleType) else [loaded]
        return found

    def _in(self, module: ModuleType) -> Iterator[type[Base]]:
        base: Any = self._base
        for value in vars(module).values():
            # A class that a file imports, to build on it, belongs to the other file.
            own = inspect.isclass(value) and value.__module__ == module.__name__
            if own and issubclass(value, base) and not inspect.isabstract(value):
                yield value

    def _add(self, found: dict[str, type[Base]], new: type[Base]) -> None:
        name = self._name_of(new)
        if name in found:
            files = " and ".join(inspect.getfile(each) for each in (found[name], new))
            raise ConfigError(f"there are two of the {self.noun} '{name}', in {files}; rename one")
        found[name] = new

    def _name_of(self, new: type[Base]) -> str:
        fields = getattr(new, "model_fields", None)
        names: tuple[Any, ...] = (getattr(new, self.key, None),)
        if fields is not None:
            names = get_args(fields[self.key].annotation)
        if len(names) != 1 or not isinstance(names[0], str):
            what = "a text" if fields is None else "a Literal of one"
            raise ConfigError(f"{new.__module__}.{new.__name__}: {self.key} must be {what}")
        return names[0]
