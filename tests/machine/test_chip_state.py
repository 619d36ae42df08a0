"""States of a chip are values; only their print is text."""

from __future__ import annotations

from itertools import combinations

from accelsim.machine.chip_state import NOMINAL, ChipState, PowerState

STATES = [ChipState(power, point) for power in PowerState for point in (NOMINAL, "0.60 V")]


def test_states_are_told_apart_and_so_are_their_names() -> None:
    assert all(a != b and str(a) != str(b) for a, b in combinations(STATES, 2))
    assert {ChipState(s.power, s.point): str(s) for s in STATES} == {s: str(s) for s in STATES}


def test_the_nominal_point_is_not_printed() -> None:
    assert str(ChipState(PowerState.CLOCK_GATED)) == "clock_gated"
    assert str(ChipState(PowerState.ACTIVE, "0.60 V")) == "active 0.60 V"
