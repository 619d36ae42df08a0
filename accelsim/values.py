"""``dataclass`` of the standard library, made sooner: a short command makes two hundred.

The library compiles each method of each class, six of a frozen one. Here ``__init__`` alone is
compiled, comparison and hash when they are first asked for; the others are closures over the fields
and do the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, FrozenInstanceError
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

_NOT_GIVEN = object()


def _dataclass(
    kind: Any = None, /, *, frozen: bool = False, eq: bool = True, slots: bool = False
) -> Any:
    def make(kind: Any) -> Any:
        if any(map(dataclasses.is_dataclass, kind.__mro__[1:])):
            return dataclasses.dataclass(frozen=frozen, eq=eq, slots=slots)(kind)
        kind.__doc__ = kind.__doc__ or kind.__name__  # or the library writes a signature
        own = dict(vars(kind))
        made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(kind)
        made.__dataclass_params__.frozen = frozen  # for those that inherit from it
        fields = dataclasses.fields(made)
        methods: dict[str, Any] = {"__init__": _init(made, fields, frozen)}
        methods["__repr__"] = _repr(fields)
        if eq:
            methods["__eq__"] = _eq(made, fields)
            methods["__hash__"] = _hash(made, fields) if frozen else None
        if frozen:
            methods["__setattr__"], methods["__delattr__"] = _refusals(made, fields)
        if frozen and slots:
            methods["__getstate__"], methods["__setstate__"] = _state(fields)
        if own.get("__hash__", ...) is None and "__eq__" in own:
            del own["__hash__"]  # Python has set it
        for name in methods.keys() - own.keys():
            setattr(made, name, methods[name])
        return made

    return make if kind is None else make(kind)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    dataclass = _dataclass


Fields = tuple[Field[Any], ...]
Method = Callable[..., Any]


def _init(made: type, fields: Fields, frozen: bool) -> Method:
    """Return the compiled ``__init__``, which takes and sets the fields."""
    known: dict[str, Any] = {"_not_given": _NOT_GIVEN, "_set": object.__setattr__}
    takes, does = [], []
    for field in fields:
        name, default, value = field.name, f"_default_{field.name}", field.name
        if field.default is not MISSING:
            known[default] = field.default
            value = name if field.init else default
        elif field.default_factory is not MISSING:
            known[default] = field.default_factory
            value = f"{default}()"
            if field.init:
                value += f" if {name} is _not_given else {name}"
        if field.init:
            given = "_not_given" if field.default_factory is not MISSING else default
            takes.append(f"{name}={given}" if default in known else name)
        if field.init or default in known:
            does.append(f"_set(self, '{name}', {value})" if frozen else f"self.{name} = {value}")
    if hasattr(made, "__post_init__"):
        does.append("self.__post_init__()")
    body = "".join(f"\n {each}" for each in does or ["pass"])
    exec(f"def __init__({', '.join(['self', *takes])}):{body}", known)
    method: Method = known["__init__"]
    method.__qualname__ = f"{made.__qualname__}.__init__"
    return method


def _repr(fields: Fields) -> Method:
    names = [field.name for field in fields if field.repr]

    def shown(self: object) -> str:
        told = ", ".join([f"{name}={getattr(self, name)!r}" for name in names])
        return f"{type(self).__qualname__}({told})"

    return recursive_repr()(shown)


def _eq(made: type, fields: Fields) -> Method:
    names = [field.name for field in fields if field.compare]
    same = f"{_values('self', names)} == {_values('other', names)}"
    alike = "other.__class__ is self.__class__"
    return _later(made, "__eq__", "self, other", f"{same} if {alike} else NotImplemented")


def _hash(made: type, fields: Fields) -> Method:
    hashed = (field.compare if field.hash is None else field.hash for field in fields)
    names = [f.name for f, is_hashed in zip(fields, hashed, strict=True) if is_hashed]
    return _later(made, "__hash__", "self", f"hash({_values('self', names)})")


def _values(of: str, names: Iterable[str]) -> str:
    return f"({''.join(f'{of}.{name},' for name in names)})"


def _later(made: type, name: str, takes: str, returns: str) -> Method:
    """Return a method that is compiled, and takes its own place, when it is first called."""

    def first(self: object, *given: object) -> object:
        known: dict[str, Any] = {}
        exec(f"def {name}({takes}): return {returns}", known)
        setattr(made, name, known[name])
        return known[name](self, *given)

    return first


def _refusals(made: Any, fields: Fields) -> tuple[Method, Method]:
    """Return the setting and the deleting of attributes: what inherits may have more of them."""
    names = {field.name for field in fields}

    def refuse_set(self: object, name: str, value: object) -> None:
        if type(self) is made or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(made, self).__setattr__(name, value)

    def refuse_delete(self: object, name: str) -> None:
        if type(self) is made or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(made, self).__delattr__(name)

    return refuse_set, refuse_delete


def _state(fields: Fields) -> tuple[Method, Method]:
    """Return how pickle and copy see a frozen value with slots."""

    def get(self: object) -> list[Any]:
        return [getattr(self, field.name) for field in fields]

    def put(self: object, state: list[Any]) -> None:
        for field, value in zip(fields, state, strict=True):
            object.__setattr__(self, field.name, value)

    return get, put
