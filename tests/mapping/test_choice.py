"""The first way that fits is taken, and told whether a cheaper one did not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from accelsim.mapping.compiler import Way, _Compilation
from accelsim.mapping.emission import Candidate
from accelsim.mapping.plan import NoRoomError


@pytest.mark.parametrize(
    ("costs", "too_large", "taken", "dearer"),
    [
        ((1.0, 2.0), (), "0", False),
        ((1.0, 2.0), ("0",), "1", True),
        ((1.0, 1.0), ("0",), "1", False),
        ((1.0, 1.0, 3.0), ("0", "1"), "2", True),
    ],
)
def test_the_cheapest_way_that_fits(
    costs: tuple[float, ...], too_large: tuple[str, ...], taken: str, dearer: bool
) -> None:
    none: Any = None
    ways = [Way((Candidate(str(n), none),), cost) for n, cost in enumerate(costs)]
    mapper: Any = SimpleNamespace(ways=lambda *_: ways)

    def refusal(path: tuple[Candidate[Any], ...]) -> NoRoomError | None:
        return NoRoomError("x", "sram", 2, 1, 1) if path[-1].words in too_large else None

    emission: Any = SimpleNamespace(first=None, refusal=refusal)
    way, least = _Compilation(mapper, none, none, none)._choose(emission, (), ())
    assert (way.candidates[0].words, least < way.cost) == (taken, dearer)


def test_what_takes_no_less_than_what_does_not_fit_is_not_tried() -> None:
    none: Any = None
    sizes = (("a", 4, 4), ("a", 2, 4), ("a", 4, 8), ("b", 4, 8), ("a", 2, 2))
    ways = [
        Way((Candidate(str(n), none, k, tuple(each)),), 1.0) for n, (k, *each) in enumerate(sizes)
    ]
    mapper: Any = SimpleNamespace(ways=lambda *_: ways)
    tried: list[str] = []

    def refusal(path: tuple[Candidate[Any], ...]) -> NoRoomError | None:
        tried.append(path[-1].words)
        return NoRoomError("x", "sram", 2, 1, 1) if len(tried) < 4 else None

    emission: Any = SimpleNamespace(first=None, refusal=refusal)
    machine: Any = SimpleNamespace(placement=SimpleNamespace(activations="sram"))
    _Compilation(mapper, none, machine, none)._choose(emission, (), ())
    assert tried == ["0", "1", "3", "4"]
