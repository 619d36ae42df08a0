"""What a plug-in returns is held against the annotations of the contract that it fulfils.

Classes of accelsim are as they are written; those from outside are checked at every call.
"""

from __future__ import annotations

import builtins
import math
import sys
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, cached_property, lru_cache, partial, wraps
from itertools import chain
from operator import le, lt
from types import FunctionType, MethodType, NoneType, UnionType
from typing import Annotated, Any, ClassVar, ForwardRef, Literal, Union, get_args, get_origin

from accelsim.errors import RefusedValueError
from accelsim.inputs.plugins import broken_promise, is_outside

Check = Callable[[Any], bool]


@dataclass(frozen=True)
class AtLeast:
    """A limit as those of ``annotated_types``, for what is imported without pydantic."""

    ge: int


NonNegativeInt = Annotated[int, AtLeast(0)]
PositiveInt = Annotated[int, AtLeast(1)]

# [ours] A result, the values in it and theirs: Datasheet, Price. Programs go deeper, too deep.
_DEPTH = 2


class Contract:
    """Base of all that a plug-in may build on.

    What a method, a property or a class variable of accelsim's is annotated with holds for whoever
    overrides it, the annotation of the first class that has it: a wrong one is a PluginError with
    the file and the method. ``Annotated`` limits (``NonNegativeInt``) count, and so do the fields
    of dataclasses; a float is finite, a bool is no int.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in dir(cls) if is_outside(cls) else ():
            owner = next((each for each in cls.__mro__ if name in vars(each)), Contract)
            # What it has from another contract is held already, but not what a mixin brings.
            if owner is cls or (is_outside(owner) and not issubclass(owner, Contract)):
                _hold(cls, name, vars(owner)[name])


def _hold(cls: type, name: str, given: Any) -> None:
    """Put what a class gives against its contract, if there is one: a value now, a method later."""
    root = next((each for each in reversed(cls.__mro__) if _declares(each, name)), None)
    if root is None or name.startswith("_") or type(given).__name__ == "FieldInfo":
        return
    promised, own = vars(root).get(name), _function(given)
    function = _function(promised)
    hint = function.__annotations__["return"] if function else root.__annotations__[name]
    if function and own:
        held = _held(own, hint, root.__module__)
        bound = (given.__self__,) if isinstance(given, MethodType) else ()
        setattr(cls, name, held if own is given else type(given)(held, *bound))
        if isinstance(given, cached_property):
            vars(cls)[name].__set_name__(cls, name)
    elif promised is function and function:
        settle(cls, name, given, "Callable[..., Any]", __name__)
    else:
        settle(cls, name, given, hint, root.__module__)


def settle(cls: type, name: str, given: Any, hint: Any, module: str) -> None:
    """Raise PluginError for a value of a class that is not what an annotation asks for."""
    if not _check(_resolved(hint, module))(given):
        file = getattr(sys.modules.get(cls.__module__), "__file__", cls.__module__)
        raise broken_promise(f"'{file}': {cls.__qualname__}.{name}", _told(hint, given))


def _declares(kind: type, name: str) -> bool:
    annotated = "ClassVar" in str(vars(kind).get("__annotations__", {}).get(name, ""))
    known = _function(vars(kind).get(name))
    told = known is not None and known.__annotations__.get("return", "None") != "None"
    return not is_outside(kind) and (annotated or told)


def _function(value: Any) -> FunctionType | None:
    """Return the function of a method of any sort or of a property, None for other values."""
    names = ("fget", "func", "__func__")
    found = next((each for n in names if (each := getattr(value, n, None))), value)
    return found if isinstance(found, FunctionType) else None


def _held(method: FunctionType, hint: str, module: str) -> Any:
    @cache
    def promise() -> tuple[Check, Check | None]:
        wanted = _resolved(hint, module)
        alike = get_origin(wanted) in (Iterable, Iterator, list)
        return _check(wanted), _check(get_args(wanted)[0]) if alike else None

    @wraps(method)
    def call(*args: Any, **options: Any) -> Any:
        check, each = promise()
        try:
            made = method(*args, **options)
        except RefusedValueError as error:
            raise broken_promise(method, str(error)) from error
        if each and isinstance(made, Iterator):
            return _items(made, each)
        if not check(made):
            among = made if each and isinstance(made, Collection) else ()
            wrong = next((item for item in among if each and not each(item)), made)
            raise broken_promise(method, _told(hint, wrong))
        return made

    def _items(made: Iterable[Any], check: Check) -> Iterator[Any]:
        for item in made:
            if not check(item):
                raise broken_promise(method, _told(hint, item))
            yield item

    return call


def _told(hint: Any, made: object) -> str:
    hint = getattr(hint, "__name__", hint)
    got = " ".join(repr(made).split())
    return f"expected {hint}, got {got if len(got) <= 200 else f'{got[:200]} ...'}"


class _Names(dict[str, Any]):
    """Names that a module has for type checkers alone: told apart by nothing but the name."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, ForwardRef(name))


def _resolved(hint: Any, module: str) -> Any:
    """Return what an annotation means, Any for what cannot be said without its modules."""
    names = _Names(vars(sys.modules[module]))
    try:
        while isinstance(hint, str):
            hint = eval(hint, {}, names)
    except (AttributeError, TypeError):  # such as an array of a library that is not imported
        return Any
    return get_args(hint)[0] if get_origin(hint) is ClassVar else hint


@lru_cache(maxsize=512)
def _check(hint: Any, depth: int = _DEPTH) -> Check:
    """Return what says whether a value is what an annotation asks for."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is None:
        return _check_plain(hint, depth)
    if origin is Annotated:
        inner, limits = _check(args[0], depth), [*chain.from_iterable(map(_limits, args[1:]))]
        return lambda value: inner(value) and all(limit(value) for limit in limits)
    if origin in (Union, UnionType):
        ways = [_check(each, depth) for each in args]
        return lambda value: any(way(value) for way in ways)
    if origin is Literal:
        return lambda value: isinstance(value, Hashable) and value in args
    if origin is type:
        return lambda value: isinstance(value, type)
    if not isinstance(origin, type) or not issubclass(origin, Iterable):
        return lambda value: not isinstance(origin, type) or isinstance(value, origin)
    inside = [_check(each, depth) for each in args if each is not Ellipsis]
    if origin is tuple and Ellipsis not in args:
        return lambda value: (
            isinstance(value, tuple)
            and len(value) == len(inside)
            and all(check(each) for check, each in zip(inside, value, strict=True))
        )
    if issubclass(origin, Mapping):
        key, item = inside
        return lambda value: (
            isinstance(value, origin) and all(key(k) and item(v) for k, v in value.items())
        )
    # What is asked for as an iterator is gone through once, as any iterable is.
    kind, each = (Iterable if origin is Iterator else origin), inside[0]
    return lambda value: (
        isinstance(value, kind) and (not isinstance(value, Collection) or all(map(each, value)))
    )


def _check_plain(hint: Any, depth: int) -> Check:
    if hint in (None, NoneType):
        return lambda value: value is None
    if hint is int:
        return lambda value: isinstance(value, int) and not isinstance(value, bool)
    if hint is float:
        return lambda value: (
            type(value) is int or (isinstance(value, float) and math.isfinite(value))
        )
    if isinstance(hint, ForwardRef):
        name = hint.__forward_arg__
        return lambda value: name in [each.__name__ for each in type(value).__mro__]
    if not isinstance(hint, type) or hint in (Any, object):  # Any is a type, too
        return lambda value: True
    if depth == 0 or not is_dataclass(hint):
        return lambda value: isinstance(value, hint)
    parts = {
        each.name: _check(_resolved(each.type, hint.__module__), depth - 1) for each in fields(hint)
    }
    return lambda value: (
        isinstance(value, hint)
        and all(check(getattr(value, name)) for name, check in parts.items())
    )


def _limits(given: Any) -> Iterator[Check]:
    """Yield what an annotation of a number limits it to."""
    for limit in getattr(given, "metadata", [given]):
        if (least := getattr(limit, "ge", None)) is not None:
            yield partial(le, least)
        if (below := getattr(limit, "gt", None)) is not None:
            yield partial(lt, below)
