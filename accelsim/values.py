"""``dataclass`` of the standard library, made sooner: a short command makes two hundred.

The library compiles each method of each class, six of a frozen one. Here ``__init__`` alone is
compiled; the others are closures over the fields and do the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, FrozenInstanceError
from operator import attrgetter
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
            methods["__eq__"] = _eq(fields)
            methods["__hash__"] = _hash(fields) if frozen else None
        for name, method in methods.items():
            if own.get(name) is None:  # Python's __hash__ of what has an __eq__ of its own is None
                setattr(made, name, method)
        if frozen:
            made.__setattr__, made.__delattr__ = _refusals(made, fields)
            if slots:
                made.__getstate__, made.__setstate__ = _state(fields)
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
        elif field.default_factory is not MISSING:
            known[default] = field.default_factory
            value = f"{default}()"
            if field.init:
                value += f" if {name} is _not_given else {name}"
        if field.init:
            given = "_not_given" if field.default_factory is not MISSING else default
            takes.append(f"{name}={given}" if default in known else name)
        if field.init or field.default_factory is not MISSING:
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


def _eq(fields: Fields) -> Method:
    values = _values(field.name for field in fields if field.compare)

    def same(self: object, other: object) -> bool:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    return same


def _hash(fields: Fields) -> Method:
    hashed = (field.compare if field.hash is None else field.hash for field in fields)
    values = _values(f.name for f, is_hashed in zip(fields, hashed, strict=True) if is_hashed)
    return lambda self: hash(values(self))


def _values(names: Iterable[str]) -> Method:
    """Return what finds the tuple of some fields' values."""
    wanted = tuple(names)
    if len(wanted) > 1:
        return attrgetter(*wanted)
    return lambda each: tuple([getattr(each, name) for name in wanted])


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
