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
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from itertools import chain
from pathlib import Path
from traceback import walk_tb
from types import MappingProxyType, ModuleType
from typing import Any, Generic, TypeVar, get_args

from accelsim.errors import AccelsimError, ConfigError, ConservationError, PluginError
from accelsim.inputs.files import names_in, read_bytes
from accelsim.inputs.paths import suggest

Base = TypeVar("Base")


@dataclass(frozen=True)
class Plugin:
    """A file as it was read: sent to another process, the same is loaded there.

    Its module is called by its place and content, so that the same is imported once.
    """

    file: Path
    source: bytes = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the content."""
        return hashlib.sha256(self.source).hexdigest()

    @property
    def module(self) -> ModuleType:
        """The imported file. Raises ConfigError, naming the file, when it fails."""
        known = hashlib.sha256(str(self.file).encode() + b"\0" + self.source).hexdigest()
        name = f"accelsim_plugin_{known}"
        return sys.modules.get(name) or _import(name, self.file, self.source)


# By file, in the order in which they were loaded. To be replaced as a whole.
_plugins: Mapping[Path, Plugin] = {}
_registries: list[Registry[Any]] = []


def load_plugins(paths: Iterable[str | Path]) -> tuple[str, ...]:
    """Import plug-ins and return the SHA-256 of each file, in order.

    A path is a Python file or a folder, of which every Python file is taken. A file is imported
    once; one that has changed since takes the place of what it was. Each file stands
    alone: plug-ins that share code are better a package with entry points. Raises ConfigError for
    a path without Python files and for a file that fails.
    """
    plugins = tuple(_read(file) for path in paths for file in _files_of(Path(path)))
    use_plugins(plugins)
    return tuple(plugin.digest for plugin in plugins)


def use_plugins(plugins: Iterable[Plugin]) -> None:
    """Load what another process has read, or this one before."""
    global _plugins
    known = dict(_plugins)
    for plugin in plugins:
        assert plugin.module  # imports it
        known[plugin.file] = plugin
    _plugins = known


def check_plugins() -> None:
    """Raise ConfigError for what is wrong with a loaded plug-in, whether it is used or not."""
    for registry in _registries if _plugins else ():
        registry.all()


def loaded_plugins() -> tuple[Plugin, ...]:
    """Return the plug-ins that are loaded; whatever may depend on them has them in its key."""
    return tuple(_plugins.values())


@contextmanager
def plugins_put_back() -> Iterator[None]:
    """Unload afterwards what is loaded meanwhile."""
    global _plugins
    before = _plugins
    try:
        yield
    finally:
        _plugins = before


@contextmanager
def plugin_errors() -> Iterator[None]:
    """Raise PluginError for what leaves a method of a plug-in unforeseen."""
    try:
        yield
    except (Exception, SystemExit) as error:
        if not isinstance(error, AccelsimError) and (told := failed_plugin(error)):
            raise told from error
        raise


def failed_plugin(error: BaseException) -> PluginError | None:
    """Return which method of which plug-in an exception has left, None for any other."""
    files = {str(plugin.file) for plugin in loaded_plugins()}
    files |= {file for registry in _registries for file in registry.outside}
    cause: BaseException | None = error
    while cause:
        frames = list(walk_tb(cause.__traceback__))
        for frame, line in reversed(frames):
            code = frame.f_code
            if code.co_filename in files:
                told = f"{type(cause).__name__}: {' '.join(str(cause).split())}"
                place = f"plug-in '{code.co_filename}': {code.co_qualname}, line {line}"
                return PluginError(f"{place}: {told}; correct the plug-in")
        cause = cause.__cause__ or cause.__context__
    return None


def broken_promise(method: object, told: str) -> AccelsimError:
    """Return the error for a method, or a place, that gives what it may not: a PluginError.

    What a method of accelsim itself gives is a ConservationError.
    """
    function = inspect.unwrap(getattr(method, "func", method))  # type: ignore[arg-type]
    code = getattr(function, "__code__", None)
    place = f"'{code.co_filename}': {code.co_qualname}" if code else f"{method}"
    if code and not is_outside(function):
        return ConservationError(f"{place}: {told}")
    return PluginError(f"plug-in {place}: {told}; correct the plug-in")


def is_outside(named: Any) -> bool:
    """Say whether a class or a method is no part of accelsim."""
    return not named.__module__.startswith("accelsim.")


def _files_of(path: Path) -> list[Path]:
    inside = (path / name for name in (names_in(path) if path.is_dir() else ()))
    files = [file for file in inside if file.suffix == ".py"] if path.is_dir() else [path]
    if not files or not all(file.is_file() and file.suffix == ".py" for file in files):
        raise ConfigError(f"plug-in '{path}': expected a Python file, or a folder with some")
    return [file.resolve() for file in files]


def _read(file: Path) -> Plugin:
    try:
        return Plugin(file, read_bytes(file))
    except OSError as error:
        raise ConfigError(f"plug-in '{file}': cannot be read: {error.strerror}") from None


def _import(name: str, file: Path, source: bytes) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # where pickle finds the classes
    try:
        exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, PluginError):
            raise
        told = " ".join(str(error).split())
        raise ConfigError(f"plug-in '{file}': {type(error).__name__}: {told}") from error
    return module


@lru_cache(maxsize=1)
def _entry_points(path: tuple[str, ...]) -> Any:
    """Return all that what is installed on a path has: to look through it takes a millisecond."""
    return entry_points()


@lru_cache(maxsize=32)
def _points_of(group: str, path: tuple[str, ...]) -> EntryPoints:
    """Return those of a group: to select them takes longer than all else that finds a class."""
    found: EntryPoints = _entry_points(path).select(group=group)
    return found


@lru_cache(maxsize=512)
def _names(kind: Any, key: str) -> list[str]:
    fields = getattr(kind, "model_fields", None)
    if fields is None:
        names: tuple[Any, ...] = (getattr(kind, key, None),)
    else:
        names = get_args(fields[key].annotation) if key in fields else ()
    return [name for name in names if isinstance(name, str)]


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
        self._plugins: tuple[Plugin, ...] | None = None
        self._found: Mapping[str, type[Base]] = {}
        self._near: dict[str, type[Base]] = {}
        _registries.append(self)

    def all(self) -> Mapping[str, type[Base]]:
        """Return the classes by name: those of the folder first, in the order of the files.

        Raises ConfigError when two have the same name, naming both files, or one lacks something.
        """
        plugins = loaded_plugins()
        if self._plugins != plugins:
            found: dict[str, type[Base]] = {}
            added = (each for plugin in plugins for each in self._in(plugin.module))
            for each in dict.fromkeys([*self._permanent, *added]):
                self._add(found, each)
            self._plugins, self._found = plugins, MappingProxyType(found)
        return self._found

    def get(self, name: str) -> type[Base] | None:
        """Return the class of a name, None for an unknown one. Raises ConfigError as ``all`` does.

        Where only the folder has classes, all of its files are imported for a name alone that is
        neither a file's nor of a class that is imported already.
        """
        if not (loaded_plugins() or _points_of(self._group, tuple(sys.path))):
            if name not in self._near:
                self._near.update(self._beside(name))
            if name in self._near:
                return self._near[name]
        return self.all().get(name)

    def find(self, name: str) -> type[Base]:
        """Return the class of a name. Raises ConfigError, with a suggestion, for an unknown one."""
        if found := self.get(name):
            return found
        hint = suggest(name, self.all(), "known")
        raise ConfigError(f"there is no {self.noun} '{name}'; {hint}")

    def holds(self, value: object) -> bool:
        """Whether something is an instance of one of the classes."""
        known = map(self.get, self._names_of(type(value)))
        return any(isinstance(value, each) for each in known if each)

    def _beside(self, name: str) -> Iterator[tuple[str, type[Base]]]:
        """Yield the classes of the file of a name; if there is none, of what is imported."""
        known = {file: f"{self._package}.{file}" for file in self.files}
        modules = [known[name]] if name in known else known.values() & sys.modules.keys()
        for each in chain.from_iterable(self._in(importlib.import_module(m)) for m in modules):
            yield from ((own, each) for own in self._names_of(each))

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The names of the folder's files: mostly those of the classes, and of what they share."""
        folder = importlib.import_module(self._package)
        return tuple(sorted(file.name for file in pkgutil.iter_modules(folder.__path__)))

    @property
    def outside(self) -> Iterator[str]:
        """The files of classes that were found and are no part of accelsim."""
        for each in self._found.values():
            if is_outside(each):
                yield inspect.getfile(each)

    @cached_property
    def _permanent(self) -> list[type[Base]]:
        """Those of the folder and of the entry points."""
        found: list[type[Base]] = []
        for file in self.files:
            found += self._in(importlib.import_module(f"{self._package}.{file}"))
        for point in sorted(_points_of(self._group, tuple(sys.path))):
            found += self._of(point)
        return found

    def _of(self, point: EntryPoint) -> Iterable[type[Base]]:
        try:
            loaded = point.load()
        except PluginError:
            raise
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise ConfigError(f"entry point '{point.value}' of {self._group}: {told}") from error
        if isinstance(loaded, ModuleType):
            return self._in(loaded)
        if not self._is_one(loaded):
            raise ConfigError(
                f"entry point '{point.value}' of {self._group}: expected a module, or a subclass "
                f"of {self._base.__name__}"
            )
        return [loaded]

    def _in(self, module: ModuleType) -> Iterator[type[Base]]:
        for value in vars(module).values():
            # A class that a file imports, to build on it, belongs to the other file.
            if self._is_one(value) and value.__module__ == module.__name__:
                yield value

    def _is_one(self, value: Any) -> bool:
        """Whether it is a class to be found. Raises ConfigError for one with a name and gaps."""
        base: Any = self._base
        if not (inspect.isclass(value) and issubclass(value, base)):
            return False
        gaps: frozenset[str] = getattr(value, "__abstractmethods__", frozenset())
        if gaps and self._names_of(value):
            raise self._error(value, f"the {self.noun} lacks {', '.join(sorted(gaps))}")
        return not gaps

    def _add(self, found: dict[str, type[Base]], new: type[Base]) -> None:
        names = self._names_of(new)
        if len(names) != 1:
            given = '{}: Literal["mine"]' if hasattr(new, "model_fields") else '{} = "mine"'
            raise self._error(new, f"the {self.noun} lacks {given.format(self.key)} or the like")
        if names[0] in found:
            files = " and ".join(inspect.getfile(each) for each in (found[names[0]], new))
            raise ConfigError(
                f"there are two of the {self.noun} '{names[0]}', in {files}; rename one"
            )
        found[names[0]] = new

    def _names_of(self, new: Any) -> list[str]:
        """Return the names that a class has: one, if it is complete."""
        return _names(new, self.key)

    def _error(self, new: type, message: str) -> ConfigError:
        return ConfigError(f"{inspect.getfile(new)}: {new.__name__}: {message}")
