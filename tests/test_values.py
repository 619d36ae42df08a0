"""A dataclass of ours and one of the standard library are the same but for how they are made."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any

import pytest

import accelsim.values

KINDS = [
    {"frozen": frozen, "slots": slots, "eq": eq}
    for frozen in (False, True)
    for slots in (False, True)
    for eq in (False, True)
]


class Written:
    """What a class writes itself stays."""

    count: int
    names: list[str] = field(default_factory=list)
    aside: int = field(default=7, compare=False, repr=False)
    made: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "made", self.count + 1)

    @property
    def doubled(self) -> int:
        return 2 * self.count


class Short:
    only: object = None


class Own:
    only: object = None

    def __eq__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "own"


class Fixed:
    only: object = None
    always: int = field(default=3, init=False)


class Unhashed:
    only: object = None
    __hash__ = None  # type: ignore[assignment]


class Stated:
    only: object = None

    def __getstate__(self) -> object:
        return "mine"

    def __setstate__(self, state: object) -> None:
        object.__setattr__(self, "only", state)


def outcome(call: Callable[..., object], *given: object, **named: object) -> object:
    try:
        return call(*given, **named)
    except (TypeError, AttributeError) as error:
        return type(error), str(error)


def tell(decorate: Any, shape: type, how: dict[str, bool]) -> list[object]:
    body = {n: v for n, v in vars(shape).items() if n not in {"__dict__", "__weakref__"}}
    kind: Any = decorate(**how)(type(shape.__name__, shape.__bases__, body))
    first, same, other, name = kind(1), kind(1), kind(2), kind.__match_args__[0]
    return [
        repr(first),
        [first == same, first == other, first != same, first == 1],
        outcome(lambda: hash(first) == hash(same)),
        outcome(kind, 1, 2, 3, 4, 5),
        outcome(kind, wrong=1),
        outcome(setattr, first, name, 3),
        outcome(delattr, first, name),
        repr(dataclasses.replace(same, **{name: 5})),
        [(each.name, each.init) for each in dataclasses.fields(kind)],
        [(p.name, p.kind) for p in inspect.signature(kind).parameters.values()],
        hasattr(first, "__dict__"),
        repr(copy.copy(other)),
    ]


@pytest.mark.parametrize("how", KINDS, ids=str)
@pytest.mark.parametrize(
    "shape", [Written, Short, Own, Fixed, Unhashed, Stated], ids=lambda each: each.__name__
)
def test_ours_does_what_the_librarys_does(shape: type, how: dict[str, bool]) -> None:
    ours, librarys = accelsim.values._dataclass, dataclasses.dataclass
    assert tell(ours, shape, how) == tell(librarys, shape, how)


def test_values_that_inherit_and_values_with_slots_are_as_the_librarys() -> None:
    @accelsim.values._dataclass(frozen=True)
    class Base:
        first: int

    @dataclasses.dataclass(frozen=True)
    class Further(Base):
        second: int = 2

    class Loose(Base):
        pass

    assert repr(Further(1)).endswith("Further(first=1, second=2)")
    loose = Loose(1)
    loose.further = 3  # type: ignore[attr-defined]
    with pytest.raises(FrozenInstanceError):
        loose.first = 3  # type: ignore[misc]
    with pytest.raises(TypeError, match="cannot inherit non-frozen"):
        dataclasses.dataclass(type("Open", (Base,), {}))


@accelsim.values._dataclass(frozen=True, slots=True)
class Sent:
    size: int
    inside: Any = None


def test_a_frozen_value_with_slots_is_pickled() -> None:
    assert pickle.loads(pickle.dumps(Sent(1, (Sent(2),)))) == Sent(1, (Sent(2),))


def test_a_value_that_holds_itself_is_told() -> None:
    @accelsim.values._dataclass
    class Ring:
        inside: Any

    ring = Ring(None)
    ring.inside = ring
    assert repr(ring).endswith("Ring(inside=...)")
