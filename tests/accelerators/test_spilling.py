"""Activations spill by rows: as few as are missing, once for all heads, without cliffs."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import pairwise

import pytest
from compiled_encoder import SMALL_MODEL, Compiled, amounts_of, compiled, run_segments, sum_of
from small_workload import MAIN

from accelsim.evaluation.examine import evaluate
from accelsim.evaluation.point import Point
from accelsim.mapping.context import Context
from accelsim.mapping.cutting import Stage, cut
from accelsim.mapping.spilling import PARTS, bus_passes, spill_levels
from accelsim.model.families import find_model

ALBERT = find_model("albert-base")
MEMORY = "hardware.memories.activation_sram.capacity={}"
ROOM = 1 << 40
LENGTHS = (128, 144, 160, 176, 192, 256)


@lru_cache
def encoder(tokens: int, size: str = "256 KiB") -> Compiled:
    return compiled("adapter_mixed", ALBERT, tokens, (MEMORY.format(size),))


@lru_cache
def small(size: int) -> Compiled:
    extrapolated = "hardware.memories.activation_sram.extrapolate=true"
    return compiled("adapter_mixed", SMALL_MODEL, 128, (MEMORY.format(f"{size} B"), extrapolated))


def context_of(made: Compiled) -> tuple[Context, list[Stage]]:
    stages = [stage for segment in cut(made.graph) for stage in segment]
    return Context.of(made.graph, made.placement, stages, 0), stages


def spilled_bytes(made: Compiled) -> Counter[str]:
    """Return the bytes of activations that lie in DRAM, by label, of one layer each."""
    found: Counter[str] = Counter()
    width = {each.label: each.elements // each.rows for each in made.graph.operators}
    for words in made.inference.spilled:
        label, rows = words.split()[:2]
        found[label] = int(rows.strip("(")) * width[label]
    return found


def moved_bytes(made: Compiled) -> int:
    amounts = amounts_of(made.segments)
    return sum_of(amounts, "dram", "read") + sum_of(amounts, "dram", "write")


def test_levels_grow_from_nothing_to_all() -> None:
    context, stages = context_of(small(256 * 1024))
    levels = list(spill_levels(context, stages, ROOM))
    rows = {each.name: each.rows for stage in stages for each in stage.operators}
    assert not levels[0]
    assert levels[-1] == {name: rows[name] for name in context.crossing}
    for less, more in pairwise(levels):
        assert all(more[name] >= count for name, count in less.items())
        assert more != less


def test_what_cannot_fit_is_not_tried() -> None:
    context, stages = context_of(encoder(160))
    levels = list(spill_levels(context, stages, ROOM))
    for capacity in (1 << 18, 1 << 16, 0):
        tried = list(spill_levels(context, stages, capacity))
        assert tried == levels[-len(tried) :]
        assert tried


def test_what_is_read_once_goes_first() -> None:
    context, stages = context_of(encoder(160))
    passes = bus_passes(context, stages)
    assert passes["encoder.0.context"] == 2
    assert passes["encoder.0.attention_layer_norm"] == 3
    assert passes["encoder.0.ffn_layer_norm"] == 14  # written, for each head, added
    first = next(level for level in spill_levels(context, stages, ROOM) if level)
    assert {name.rpartition(".")[2] for name in first} == {"context"}


@pytest.mark.parametrize("tokens", LENGTHS)
def test_no_more_moves_than_what_is_missing(tokens: int) -> None:
    """Of each activation at most what is missing lies in DRAM, and one step of its rows more.

    What is missing is what the same encoder holds where everything fits; each byte moves as often
    as its readers ask for it.
    """
    made, roomy = encoder(tokens), encoder(tokens, "4 MiB")
    held = max(record.peak.get("activation_sram", 0) for record in run_segments(roomy))
    missing = max(0, held - made.hardware.memories["activation_sram"].capacity)
    context, stages = context_of(made)
    passes, spilled = bus_passes(context, stages), spilled_bytes(made)
    bound = 0
    for name in context.crossing:
        operator = made.graph[name]
        step = -(-operator.rows // PARTS) * (operator.elements // operator.rows)
        most = min(operator.elements, missing + step) if missing else 0
        assert spilled[operator.label] <= most
        bound += passes[name] * spilled[operator.label]
    assert moved_bytes(made) <= bound
    assert bool(moved_bytes(made)) == bool(missing)


def test_more_memory_never_spills_more() -> None:
    before = None
    for size in range(20 * 1024, 60 * 1024, 2 * 1024):
        spilled = spilled_bytes(small(size)).total()
        assert before is None or spilled <= before, size
        before = spilled
    assert before == 0
    sizes = [spilled_bytes(encoder(160, f"{size} KiB")).total() for size in (160, 192, 256, 320)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0
    assert sizes[-1] == 0


def test_energy_grows_with_length_without_jumps() -> None:
    """A step of 16 tokens costs a token no more than 7 % more."""
    energies = []
    for tokens in range(128, 240, 16):
        one = (f"sequence_length={tokens}", "tasks=[MNLI]", "requests.rounds=1")
        row = evaluate(Point(MAIN, one, cases=("adapter_mixed",)))
        energies.append(row["adapter_mixed.energy.system"] / tokens)
    for less, more in pairwise(energies):
        assert 0.97 * less <= more <= 1.07 * less


def test_heads_share_one_copy_where_it_fits() -> None:
    made = encoder(128, "128 KiB")
    spilled = spilled_bytes(made)["encoder.ffn_layer_norm"]
    assert spilled
    amounts = amounts_of(made.segments)
    read = sum(
        sum_of(amounts, "dram", "read", f"encoder.{name}") for name in ("query", "key", "value")
    )
    assert read == made.graph.layers * spilled


def test_functions_wait_for_what_comes_from_dram() -> None:
    """The unit reads the activation memory alone: a fetch before it pays the DRAM's latency."""
    made, fetched = encoder(128, "128 KiB"), 0
    for segment in made.segments:
        fetches = {
            task.id
            for task in segment.tasks
            if task.queue == "move"
            and {("dram", "read"), ("activation_sram", "write")}
            <= {(use.block, use.action) for use in task.uses}
        }
        for task in segment.tasks:
            uses = {(use.block, use.action) for use in task.uses}
            assert task.queue != "sfu" or ("dram", "read") not in uses
            fetched += task.queue == "sfu" and bool(fetches & set(task.after))
    assert fetched
