"""What check bits and partly empty cells cost on the way: words, code words, time, energy, area."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest
from compiled_encoder import SMALL_MODEL, Amounts, Compiled, amounts_of, compiled, run_segments
from small_workload import MAIN, SMALL, small_results, small_workload

from accelsim.accelerators.design import Design
from accelsim.accelerators.edgebert.panels import WIDEST_PANEL
from accelsim.evaluation.design import compile_design
from accelsim.memory.protection import Code, codec_cost
from accelsim.model.operators import GATHER, Operator
from accelsim.program import Program, Transfer
from accelsim.units import ceil_div
from accelsim.workload.schema import load_workload

CASE = "adapter_mixed"
BOTH = "{values: secded, masks: secded}"
VALUES = "{values: secded}"
MASKS = "{masks: secded}"
UNHIDDEN = ("hardware.overlap.double_buffering=false", "hardware.memories.rram.capacity=9 MiB")
PERIOD = 10**6
CODEC = re.compile(r"(correct|encode)_\d+")


def protect(scheme: str, *roles: str) -> tuple[str, ...]:
    return tuple(f"cases.{CASE}.storage.{role}.protection={scheme}" for role in roles)


def made(*overrides: str) -> Compiled:
    return compiled(CASE, SMALL_MODEL, 32, overrides)


def moved(amounts: Amounts) -> Amounts:
    """Return what does not lie in a parameter memory."""
    return Counter({key: n for key, n in amounts.items() if key[0] not in MEMORIES})


MEMORIES = ("rram", "rram_masks", "sram")
ROLES = ("embedding", "backbone", "task")
ONE_PANEL = WIDEST_PANEL * 16


@pytest.mark.parametrize("overrides", [protect(BOTH, *ROLES), protect(VALUES, "backbone")])
def test_check_bits_stay_at_the_memory(overrides: tuple[str, ...]) -> None:
    plain, protected = (amounts_of(each.segments) for each in (made(), made(*overrides)))
    assert moved(plain) == moved(protected)
    assert plain != protected


@pytest.mark.parametrize("changes", ["cells={coding: gray}", "protection={word: 8}"])
def test_what_is_off_changes_nothing(changes: str) -> None:
    overrides = tuple(f"cases.{CASE}.storage.{role}.{changes}" for role in ROLES)
    assert amounts_of(made().segments) == amounts_of(made(*overrides).segments)


@pytest.mark.parametrize(
    ("scheme", "actions"),
    [
        (VALUES, {("rram", "correct_64")}),
        (MASKS, {("rram_masks", "correct_64")}),
        ("{values: secded, masks: secded, word: 32}",
         {("rram", "correct_32"), ("rram_masks", "correct_32")}),
    ],
)  # fmt: skip
def test_only_what_is_protected_is_corrected(scheme: str, actions: set[tuple[str, str]]) -> None:
    amounts = amounts_of(made(*protect(scheme, "backbone")).segments)
    assert {(b, a) for b, a, _ in amounts if CODEC.fullmatch(a)} == actions


def test_roles_may_have_words_of_their_own() -> None:
    long, short = "{values: secded, word: 128}", "{values: secded, word: 16}"
    both = made(*protect(long, "backbone"), *protect(short, "embedding"))
    assert both.placement.codecs == {("rram", Code("secded", word)) for word in (16, 128)}
    amounts = amounts_of(both.segments)
    assert {a for b, a, _ in amounts if b == "rram"} == {"read", "correct_128", "correct_16"}


THREE_BITS = tuple(
    f"cases.{CASE}.hardware.memories.rram.{change}"
    for change in ("technology=rram_3bit", "bits_per_cell=3")
)


@pytest.mark.parametrize(
    ("overrides", "word"),
    [
        (protect("{values: secded, masks: secded, word: 8}", *ROLES), 8),
        (protect(BOTH, *ROLES), 64),
        (protect(VALUES, "backbone"), 64),
        (THREE_BITS, 64),
        ((*THREE_BITS, *protect(BOTH, *ROLES)), 64),
    ],
)
def test_each_pass_reads_the_array_bits_and_corrects_the_code_words(
    overrides: tuple[str, ...], word: int
) -> None:
    """All tensors of an operator, or a row of a lookup, as often as in the plain design.

    What is loaded in pieces is left out, each piece is rounded up by itself: the projections of
    attention, head by head, and products of several panels.
    """
    plain, changed = made(), made(*overrides)
    before, after = amounts_of(plain.segments), amounts_of(changed.segments)
    assert moved(before) == moved(after)
    checked = 0
    for operator in plain.graph.operators:
        label = operator.label
        if label.endswith(("query", "key", "value")) or operator.columns > ONE_PANEL:
            continue
        for memory in MEMORIES:
            words_before, _ = one_pass(plain, operator, memory)
            words, code_words = one_pass(changed, operator, memory)
            if words_before:
                assert before[memory, "read", label] % words_before == 0
                passes = before[memory, "read", label] // words_before
                assert after[memory, "read", label] == passes * words
                assert after[memory, f"correct_{word}", label] == passes * code_words
                checked += words > words_before
    assert checked > 5


def one_pass(of: Compiled, operator: Operator, memory: str) -> tuple[int, int]:
    """Return the memory words and the code words that an operator reads of a memory at a time.

    Each part of a tensor is read in whole memory words.
    """
    words = code_words = 0
    for parameter in operator.parameters:
        tensor = of.placement.tensors[parameter.name]
        gathered = operator.kind is GATHER
        count = operator.columns if gathered else parameter.elements
        for home, extent in tensor.parts_between(0, count):
            if home.memory == memory:
                words += ceil_div(extent.array, of.hardware.memories[memory].word)
                code_words += extent.code_words
    return words, code_words


def test_the_decoder_adds_its_cycles_once_a_transfer() -> None:
    protected = made(*protect(BOTH, *ROLES))
    period = int(1e15 / protected.hardware.clock.frequency)
    seen = 0
    for record in run_segments(protected, trace=True):
        read = {(span.task, span.port): span.end for span in record.spans if span.action == "read"}
        for span in record.spans:
            if CODEC.fullmatch(span.action):
                assert span.start == read[span.task, span.port]
                assert span.end - span.start == period
                seen += 1
        transfers = [use for task in record.segment.tasks for use in task.uses]
        assert sum(bool(CODEC.fullmatch(use.action)) for use in transfers) == sum(
            use.action == "read" and use.block in MEMORIES for use in transfers
        )
    assert seen > 20


# -- switches and whole runs -----------------------------------------------------------------------


def uses_of(program: Program) -> Counter[tuple[str, str]]:
    amounts: Counter[tuple[str, str]] = Counter()
    for segment in program.segments:
        for (block, action, _), n in segment.amounts.items():
            amounts[block, action] += n
    return amounts


def design_of(*overrides: str) -> Design:
    return small_results(*overrides)[CASE].design


def test_a_switch_brings_data_and_encodes_it_on_the_chip() -> None:
    plain, protected = design_of(), design_of(*protect(BOTH, *ROLES))
    for task, switch in protected.switches.items():
        before, after = uses_of(plain.switches[task]), uses_of(switch)
        for action in (("dram", "read"), ("bus", "transfer"), ("host", "register_write")):
            assert before[action] == after[action]
        placed = protected.placements[task]
        words = placed.code_words(task_specific=True)
        assert {("sram", "encode_64"): words["sram", Code("secded", 64)]} == {
            key: n for key, n in after.items() if CODEC.fullmatch(key[1])
        }
        taken = placed.bits(task_specific=True)["sram"]
        assert (
            taken
            == placed.data_bits(task_specific=True)["sram"] + 8 * words["sram", Code("secded", 64)]
        )
        assert after["sram", "write"] == ceil_div(taken, protected.hardware.memories["sram"].word)


def test_a_run_pays_for_every_code_word_and_for_the_codecs() -> None:
    results = [small_results(*each)[CASE] for each in ((), protect(BOTH, "backbone"))]
    (plain, protected), hardware = results, results[0].design.hardware
    cost = codec_cost(Code("secded", 64), hardware.site.logic)
    assert protected.run.makespan >= plain.run.makespan
    spent = {
        key.block: sum(
            joules
            for other, joules in protected.figures.account.dynamic.items()
            if (other.block, other.action) == (key.block, "correct_64")
        )
        for key in protected.run.ledger.amounts
        if key.action == "correct_64"
    }
    assert set(spent) == {"rram", "rram_masks"}
    for block, joules in spent.items():
        words = protected.run.ledger.amount(block, "correct_64")
        assert joules == pytest.approx(words * cost.decode_energy)
        # The codec is part of its memory.
        grown = protected.figures.prices.areas[block] - hardware.regions[block].area
        assert grown == pytest.approx(cost.area, rel=1e-6)
        leaked = protected.figures.prices.watts[block] - hardware.regions[block].leakage
        assert leaked == pytest.approx(cost.area * hardware.site.logic.leakage, rel=1e-6)
    assert protected.figures.prices.areas["sram"] == plain.figures.prices.areas["sram"]
    for scope in ("memory", "system"):
        before, after = (result.figures.scopes[scope] for result in (plain, protected))
        assert after.energy > before.energy
        assert after.area - before.area == pytest.approx(2 * cost.area)  # type: ignore[operator]


@pytest.mark.parametrize(("scheme", "cycles"), [("secded", 1), ("bch4", 4)])
def test_every_burst_of_the_bus_waits_for_the_decoder(
    monkeypatch: pytest.MonkeyPatch, scheme: str, cycles: int
) -> None:
    """One command is outstanding: nothing hides the latency of the memory behind the decoder."""
    overrides = (*protect(f"{{values: {scheme}, masks: secded}}", "backbone"), *UNHIDDEN)

    def run() -> tuple[list[Transfer], int, int]:
        of = made(*overrides)
        uses = [use for each in of.segments for task in each.tasks for use in task.uses]
        records = run_segments(of)
        busy = sum(record.ports["bus"][0] for record in records)
        moved = [use.expect(Transfer) for use in uses if use.block == "bus"]
        return moved, busy, sum(record.duration for record in records)

    late, busy, slow = run()
    monkeypatch.setattr(Code, "decoder_cycles", 0)
    at_once, less, fast = run()
    assert [replace(each, wait=0) for each in late] == at_once
    assert {each.wait for each in late} == {0, cycles}
    bursts = sum(
        each.wait * (ceil_div(each.data_bytes, 2048) + bool(each.mask_vectors)) for each in late
    )
    assert max(each.data_bytes for each in late if each.wait) > 2048
    assert busy - less == bursts * PERIOD
    assert slow > fast


def test_one_pass_reads_check_bits() -> None:
    plain, protected = (
        small_results(*each)[CASE].figures.scopes["memory_one_pass"]
        for each in ((), protect(BOTH, *ROLES))
    )
    assert protected.energy > plain.energy
    assert protected.latency > plain.latency


# -- measured sizes --------------------------------------------------------------------------------


def test_measured_non_zeros_move_their_exact_bits() -> None:
    workload = small_workload()
    case = workload.cases[CASE]
    graph = design_of().graphs["MNLI"]
    counted = {p.name: p.elements // 3 for p in graph.parameters if len(p.shape) > 1}
    measured = {
        task: {name: n + (task == "MRPC") for name, n in counted.items()}
        for task in workload.config.tasks
    }
    design = compile_design(workload.config, case, measured=measured)
    for task, placed in design.placements.items():
        for tensor in placed.tensors.values():
            if tensor.masked:
                assert tensor.value_bits == 8 * measured[task][tensor.parameter.name]
    # QNLI has the classes of MRPC, but not its counts.
    assert design.placements["QNLI"] is not design.placements["MRPC"]
    plain = compile_design(workload.config, case)
    assert plain.placements["QNLI"] is plain.placements["MRPC"]


def test_a_stated_density_measured_is_the_same_design() -> None:
    config = load_workload(MAIN, SMALL).config
    case = small_workload().cases[CASE]
    plain = compile_design(config, case)
    measured = {
        task: {
            name: tensor.nonzeros_between(0, tensor.parameter.elements)
            for name, tensor in placed.tensors.items()
        }
        for task, placed in plain.placements.items()
    }
    again = compile_design(config, case, measured=measured)
    for task, placed in again.placements.items():
        assert placed.bits(task_specific=False) == plain.placements[task].bits(task_specific=False)
        assert uses_of(again.switches[task]) == uses_of(plain.switches[task])
        before, after = (uses_of(each.inference(task).program) for each in (plain, again))
        assert before.keys() == after.keys()
