"""Ports that several masters share serve them in turn, as if every burst were simulated."""

from __future__ import annotations

import pytest
from burst_gold import BurstGold
from compiled_encoder import CASES, compiled, run_segments

from accelsim.machine.servers import Machine
from accelsim.model.families import find_model
from accelsim.program import Use
from accelsim.units import Tick

ALBERT = find_model("albert-base")
SLOW = "hardware.memories.activation_sram.target=Area"
WHOLE = "hardware.bus.arbitration=use"


def durations(case: str, *overrides: str) -> tuple[Tick, Tick]:
    """Return the ticks of a layer by the engine and by a simulation of every burst."""
    made = compiled(case, ALBERT, 128, overrides)
    machine = Machine(made.hardware)

    def occupancy(use: Use) -> tuple[str, Tick]:
        server = machine.port(use.block, use.action)
        return server.name, server.occupancy(use, 0)

    found = run_segments(made, 2)[1].duration
    return found, BurstGold(made.segments[1], occupancy, machine.bursts).run()


@pytest.mark.parametrize("overrides", [(), (SLOW,), (WHOLE,), (SLOW, WHOLE)], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_a_layer_takes_what_all_its_bursts_take(case: str, overrides: tuple[str, ...]) -> None:
    found, simulated = durations(case, *overrides)
    assert found == simulated


def test_turns_are_as_long_as_a_burst_of_the_bus() -> None:
    machine = Machine(compiled("vanilla_mixed", ALBERT, 128).hardware)
    # 256 beats of 8 bytes and a gap of 5 cycles; as many bytes, 16 a cycle.
    expected = {"bus": 261 * machine.period, "activation_sram": 128 * machine.period}
    assert machine.bursts == expected
    whole = Machine(compiled("vanilla_mixed", ALBERT, 128, (WHOLE,)).hardware)
    assert not whole.bursts


@pytest.mark.parametrize("case", CASES)
def test_whole_uses_wait_longer_where_the_memory_is_slow(case: str) -> None:
    """By a few thousandths where the memory keeps pace, by up to a tenth where it does not."""
    assert 1 < durations(case, WHOLE)[0] / durations(case)[0] < 1.003
    assert 1.03 < durations(case, SLOW, WHOLE)[0] / durations(case, SLOW)[0] < 1.1
