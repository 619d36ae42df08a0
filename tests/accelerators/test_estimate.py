"""The estimate ranks blocks as the simulation does where it matters."""

from __future__ import annotations

from typing import Any

import pytest
from compiled_encoder import CASES, SMALL_MODEL, best_costs, compiled, run_segments

from accelsim.accelerators.edgebert.mapper import EdgeBertMapper
from accelsim.machine.servers import Machine
from accelsim.model.families import find_model

ALBERT = find_model("albert-base")
RANKED = EdgeBertMapper.ways


def makespan(case: str, *overrides: str) -> int:
    """Return the ticks of an inference; the few of the head are left out."""
    embedding, layer = run_segments(compiled(case, ALBERT, 128, overrides), 2)
    return embedding.duration + ALBERT.layers * layer.duration


@pytest.mark.parametrize("case", CASES)
def test_no_single_block_size_is_faster_than_the_chosen_ones(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = makespan(case)
    others = []
    for size in (16, 32, 48, 64, 128):

        def ways(*asked: Any, size: int = size) -> Any:
            def distance(way: Any) -> list[int]:
                words = [each.words.split() for each in way.candidates]
                return [abs(int(first) - size) if first.isdigit() else 0 for first, *_ in words]

            return sorted(RANKED(*asked), key=distance)

        monkeypatch.setattr(EdgeBertMapper, "ways", ways)
        others.append(makespan(case))
    assert chosen <= 1.001 * min(others)
    # The choice matters: the worst of them is a fifth slower.
    assert max(others) > 1.2 * chosen


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "more", ["bus.masks_per_cycle=2", "bus.width=128 b", "activation_buffer.data=256 KiB"]
)
def test_more_makes_no_simulated_inference_slower(case: str, more: str) -> None:
    assert makespan(case, f"hardware.{more}") <= makespan(case)


@pytest.mark.parametrize("case", CASES)
def test_a_larger_weight_buffer_makes_no_simulated_inference_slower(case: str) -> None:
    masks = "hardware.weight_buffer.masks=256 KiB"
    sizes = ("64 KiB", "128 KiB", "256 KiB", "512 KiB")
    ticks = [makespan(case, masks, f"hardware.weight_buffer.data={size}") for size in sizes]
    assert all(later <= 1.001 * min(ticks) for later in ticks[1:])


@pytest.mark.parametrize("hidden", [64, 512])
@pytest.mark.parametrize("case", CASES)
def test_the_estimate_of_a_layer_is_near_its_simulation(
    case: str, hidden: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = best_costs(EdgeBertMapper, monkeypatch)
    model = SMALL_MODEL.model_copy(update={"hidden_size": hidden})
    of = compiled(case, model, 64)
    embedding, layer = run_segments(of, 2)
    period = Machine(of.hardware).period
    first, *stages, _ = costs
    assert first * period == pytest.approx(embedding.duration, rel=0.04)
    assert sum(stages) * period == pytest.approx(layer.duration, rel=0.04)
