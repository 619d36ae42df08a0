"""How far whole-use booking is off ports that serve their masters in turn, burst by burst."""

from __future__ import annotations

import pytest
from burst_gold import BurstGold
from compiled_encoder import CASES, compiled, run_segments

from accelsim.machine.servers import Machine
from accelsim.model.families import find_model
from accelsim.program import Transfer, Use, Words
from accelsim.units import Tick

ALBERT = find_model("albert-base")
BURST_BYTES = 256 * 8
MEMORY = "activation_sram"
SLOW = f"hardware.memories.{MEMORY}.target=Area"


def durations(case: str, *overrides: str) -> tuple[Tick, Tick]:
    """Return the ticks of a layer as the engine books it, and with bursts in turn.

    The bus and the activation memory have several masters. Whole uses in order of arrival, which
    the gold model can do as well, are what the engine does, to the tick.
    """
    made = compiled(case, ALBERT, 128, overrides)
    machine, word = Machine(made.hardware), made.hardware.memories[MEMORY].word // 8

    def occupancy(use: Use) -> tuple[str, Tick]:
        server = machine.port(use.block, use.action)
        return server.name, server.occupancy(use, 0)

    of_memory = Use(MEMORY, "read", Words(BURST_BYTES // word))
    setup, two = (Use("bus", "transfer", Transfer(n * BURST_BYTES)) for n in (1, 2))
    bursts = dict([occupancy(of_memory)])
    bursts["bus"] = occupancy(two)[1] - occupancy(setup)[1]
    layer = made.segments[1]
    booked = run_segments(made, 2)[1].duration
    assert BurstGold(layer, occupancy).run() == booked
    return booked, BurstGold(layer, occupancy, bursts).run()


@pytest.mark.parametrize("case", CASES)
def test_booking_is_off_by_a_thousandth_where_the_memory_keeps_pace(case: str) -> None:
    booked, in_turn = durations(case)
    assert abs(booked / in_turn - 1) < 0.0015


@pytest.mark.parametrize("case", CASES)
def test_booking_is_off_by_a_tenth_where_the_memory_is_slow(case: str) -> None:
    """It is never faster here: what waits for whole uses waits longer."""
    booked, in_turn = durations(case, SLOW)
    assert 1.03 < booked / in_turn < 1.1
