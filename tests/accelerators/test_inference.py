"""What an inference does, counted from its static tasks, against the graph and the storage."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_workload import MAIN, SMALL

from accelsim.accelerators.design import Design
from accelsim.errors import CapacityError, MappingError
from accelsim.evaluation.design import compile_design
from accelsim.machine.components.arithmetic import PADDED
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import (
    ADD,
    ATTENTION_CONTEXT,
    ATTENTION_SCORES,
    GATHER,
    MATMUL,
    Operator,
)
from accelsim.program import Product, Segment
from accelsim.units import ceil_div
from accelsim.workload.schema import Workload, load_workload

Amounts = Counter[tuple[str, str, str]]

# Everything fits beside everything: each weight passes once.
ROOMY = (
    "hardware.memories.activation_sram.capacity=4 MiB",
    "hardware.memories.activation_sram.extrapolate=true",
    "hardware.activation_buffer.data=4 MiB",
    "hardware.weight_buffer.data=8 MiB",
    "hardware.weight_buffer.masks=2 MiB",
)
DENSE = tuple(
    f"cases.vanilla_mixed.storage.{role}={{format: dense, bits: 8}}"
    for role in ("embedding", "backbone", "task")
)
LARGE_MEMORIES = (
    "hardware.memories.rram.capacity=64 MiB",
    "hardware.memories.rram.extrapolate=true",
    "hardware.memories.sram.capacity=64 MiB",
    "hardware.memories.sram.extrapolate=true",
)


def model(**sizes: object) -> str:
    """Return the override of a small model with some sizes changed."""
    fields = {
        "name": "custom",
        "family": "albert",
        "vocabulary_size": 500,
        "embedding_size": 16,
        "hidden_size": 48,
        "layers": 2,
        "heads": 3,
        "intermediate_size": 96,
        "maximum_positions": 128,
        "type_vocabulary_size": 2,
        "shared_layers": "true",
        "pooler": "true",
    }
    return f"model={{{', '.join(f'{k}: {v}' for k, v in (fields | sizes).items())}}}"


@lru_cache(maxsize=64)
def workload(*overrides: str) -> Workload:
    return load_workload(MAIN, overrides)


@lru_cache(maxsize=64)
def design(case: str, *overrides: str) -> Design:
    loaded = workload(*overrides)
    return compile_design(loaded.config, loaded.cases[case])


def amounts_of(made: Design, task: str = "MNLI") -> Amounts:
    total: Amounts = Counter()
    for segment in made.inference(task).program.segments:
        total.update(segment.amounts)
    return total


def sum_of(amounts: Amounts, block: str, action: str) -> int:
    return sum(n for (b, a, _), n in amounts.items() if (b, a) == (block, action))


CASES = st.sampled_from(["vanilla_mixed", "adapter_mixed"])


@settings(max_examples=25)
@given(
    CASES,
    st.integers(1, 70),
    st.sampled_from(["albert", "bert"]),
    st.integers(1, 40),
    st.integers(1, 3),
    st.integers(1, 70),
    st.integers(1, 40),
)
def test_all_macs_and_all_activations_of_any_model(
    case: str, tokens: int, family: str, head: int, heads: int, inner: int, bottleneck: int
) -> None:
    hidden = head * heads
    embedding = hidden if family == "bert" else 24
    sizes = model(
        family=family, heads=heads, hidden_size=hidden, intermediate_size=inner,
        embedding_size=embedding, shared_layers=str(family == "albert").lower(),
    )  # fmt: skip
    adapters = f"cases.adapter_mixed.adaptation.bottleneck={bottleneck}"
    loaded = load_workload(MAIN, (sizes, f"sequence_length={tokens}", adapters))
    made = compile_design(loaded.config, loaded.cases[case])
    graph, amounts = made.graphs["MNLI"], amounts_of(made)
    assert sum_of(amounts, "pe_array", "mac") == graph.macs
    assert special_elements(amounts) == expected_special(graph)
    assert_written(graph, amounts, made)
    assert all(size == 0 for size in final_levels(made).values())


def special_elements(amounts: Amounts) -> Counter[str]:
    own = ((a, o, n) for (block, a, o), n in amounts.items() if block == "sfu")
    return Counter({o: n for a, o, n in own if not a.startswith(PADDED)})


def expected_special(graph: LayerGraph) -> Counter[str]:
    expected: Counter[str] = Counter()
    products = {MATMUL, ATTENTION_SCORES, ATTENTION_CONTEXT}
    for operator in graph.operators:
        if operator.kind not in products | {GATHER}:
            expected[operator.label] += sums(graph, operator) * operator.elements
    return expected


def sums(graph: LayerGraph, operator: Operator) -> int:
    """Return how many results an operator computes: a sum of three is two."""
    return len(graph.predecessors(operator)) - 1 if operator.kind is ADD else 1


def assert_written(graph: LayerGraph, amounts: Amounts, made: Design) -> None:
    """Every result is written once, in whole words for each access."""
    memory = made.hardware.placement.activations
    word = made.hardware.memories[memory].word // 8
    wanted: Counter[str] = Counter()
    for operator in graph.operators:
        wanted[operator.label] += sums(graph, operator) * operator.elements
    accesses = Counter(
        task.operator
        for segment in made.inference("MNLI").program.segments
        for task in segment.tasks
        for use in task.uses
        if (use.block, use.action) == (memory, "write")
    )
    for label, elements in wanted.items():
        written = amounts[memory, "write", label]
        assert ceil_div(elements, word) <= written <= elements // word + accesses[label], label


def final_levels(made: Design) -> Counter[str]:
    levels: Counter[str] = Counter()
    for segment in made.inference("MNLI").program.segments:
        for task in segment.tasks:
            levels.update(dict(_sums(task.holds)))
            levels.subtract(dict(_sums(task.releases)))
    return levels


def _sums(pairs: tuple[tuple[str, int], ...]) -> Counter[str]:
    total: Counter[str] = Counter()
    for buffer, size in pairs:
        total[buffer] += size
    return total


@pytest.mark.parametrize("case", ["vanilla_mixed", "adapter_mixed"])
def test_one_block_of_rows_brings_every_weight_over_the_bus_once(case: str) -> None:
    made = design(case, SMALL[0], "sequence_length=16", *ROOMY)
    placement, amounts = made.placements["MNLI"], amounts_of(made)
    wanted: Counter[str] = Counter()
    for operator in made.graphs["MNLI"].operators:
        if operator.kind is MATMUL and not operator.label.endswith(("query", "key", "value")):
            for parameter in operator.parameters:
                stored = placement.tensors[parameter.name]
                wanted[operator.label] += ceil_div(stored.value_bits, 8)
                wanted[operator.label] += ceil_div(stored.mask_bits, 8)
    for label, size in wanted.items():
        # Attention takes its weights head by head and is counted with the dense case below.
        assert amounts["bus", "transfer", label] == size, label


@pytest.mark.parametrize("rows_in_buffer", [16, 32, 64, 128])
def test_weights_cross_the_bus_once_a_block_of_rows(rows_in_buffer: int) -> None:
    tokens, hidden, inner = 128, 64, 256
    buffer = f"hardware.activation_buffer.data={rows_in_buffer * inner} B"
    small = (SMALL[0], f"sequence_length={tokens}")
    made = design("vanilla_mixed", *small, *DENSE, *ROOMY[:2], *ROOMY[3:], buffer)
    amounts, graph = amounts_of(made), made.graphs["MNLI"]
    rows = [
        use.expect(Product).rows
        for task in segments_of(made)[1].tasks
        for use in task.uses
        if (task.operator, use.action) == ("encoder.ffn2", "mac")
    ]
    assert sum(rows) == tokens
    assert max(rows) <= rows_in_buffer
    assert amounts["bus", "transfer", "encoder.ffn2"] == (
        graph.layers * len(rows) * (hidden * inner + hidden)
    )
    # The hidden state of all tokens fits the buffer (4 x rows_in_buffer rows of it) or blocks do.
    blocks = -(-tokens // min(tokens, 4 * rows_in_buffer))
    for name in ("query", "key", "value"):
        assert amounts["bus", "transfer", f"encoder.{name}"] == (
            graph.layers * blocks * (hidden * hidden + hidden)
        )


@pytest.mark.parametrize("case", ["vanilla_mixed", "adapter_mixed", "vanilla_slc", "adapter_slc"])
def test_every_parameter_is_read_from_its_home(case: str) -> None:
    made = design(case)
    amounts, placement = amounts_of(made), made.placements["MNLI"]
    memories = made.hardware.memories
    for operator in made.graphs["MNLI"].operators:
        if operator.kind is GATHER:
            continue
        need: Counter[str] = Counter()
        for parameter in operator.parameters:
            stored = placement.tensors[parameter.name]
            for home, extent in stored.parts:
                need[home.memory] += extent.data
        for memory, bits in need.items():
            words = amounts[memory, "read", operator.label]
            assert words * memories[memory].word >= bits, (operator.name, memory)


def test_gathers_read_one_row_a_token_and_equal_rows_once() -> None:
    made = design("vanilla_mixed", *SMALL, *DENSE)
    amounts, tokens = amounts_of(made), 32
    row_words = ceil_div(8 * 32, made.hardware.memories["rram"].word)
    block = 16  # The embedding is worked off in blocks of 16 rows.
    assert amounts["rram", "read", "embedding.token"] == tokens * row_words
    assert amounts["rram", "read", "embedding.position"] == tokens * row_words
    assert amounts["rram", "read", "embedding.type"] == tokens // block * 2 * row_words


@settings(max_examples=15)
@given(st.integers(1, 120))
def test_a_longer_sequence_is_never_less_work(tokens: int) -> None:
    shorter, longer = (
        amounts_of(design("adapter_mixed", SMALL[0], f"sequence_length={n}"))
        for n in (tokens, tokens + 1)
    )
    # The bus is left out: another sequence length is cut into other blocks.
    for block, action in (("weight_buffer", "read"), ("activation_buffer", "read")):
        assert sum_of(shorter, block, action) <= sum_of(longer, block, action)
    assert sum_of(shorter, "pe_array", "mac") < sum_of(longer, "pe_array", "mac")
    assert special_elements(shorter) < special_elements(longer)


def test_equal_layers_and_equal_work_of_tasks_share_one_segment() -> None:
    made = design("vanilla_mixed")
    segments = {task: i.program.segments for (task, _), i in made.inferences.items()}
    layers = {s for parts in segments.values() for s in parts if s.name == "encoder_layer"}
    assert len(layers) == 1
    assert len(segments["MNLI"]) == 14
    assert segments["MNLI"][-1] is not segments["MRPC"][-1]  # 3 classes and 2
    assert segments["QNLI"] == segments["MRPC"]


def test_layers_with_parameters_of_another_size_do_not_share() -> None:
    # The first of bert's layers is as large as the second; only their storage decides.
    sizes = model(family="bert", embedding_size=48, shared_layers="false")
    parts = design("vanilla_mixed", sizes, "sequence_length=20").inference("MNLI").program.segments
    assert parts[1] is parts[2]


@pytest.mark.parametrize("tokens", [128, 384])
def test_overlap_of_attention_survives_a_smaller_activation_memory(tokens: int) -> None:
    tight = f"hardware.memories.activation_sram.capacity={tokens * 768 * 9 // 4 // 1024} KiB"
    made = design("vanilla_mixed", f"sequence_length={tokens}", tight)
    choices = made.inference("MNLI").choices
    assert any("heads overlapped" in choice for choice in choices)


def test_activations_spill_only_when_they_must() -> None:
    fits = design("vanilla_mixed")
    assert fits.inference("MNLI").spilled == ()
    assert all("dram" not in segment.blocks for segment in segments_of(fits))
    spilled = design("vanilla_mixed", "hardware.memories.activation_sram.capacity=128 KiB")
    assert spilled.inference("MNLI").spilled
    amounts = amounts_of(spilled)
    # Attention's output leaves the chip and comes back whole, in one pass.
    context = spilled.graphs["MNLI"]["encoder.0.context"]
    assert amounts["dram", "write", "encoder.context"] == 12 * context.elements
    assert amounts["dram", "read", "encoder.output"] == 12 * context.elements


def segments_of(made: Design) -> tuple[Segment, ...]:
    return made.inference("MNLI").program.segments


def test_parameters_may_stay_in_dram() -> None:
    home = "hardware.placement.task={values: dram, masks: dram}"
    made = design("adapter_mixed", *SMALL, home, *ROOMY)
    need = sum(ceil_div(tensor.value_bits, 8) for tensor in made.placements["MNLI"].task_tensors)
    assert sum_of(amounts_of(made), "dram", "read") >= need
    assert not any(segment.tasks for segment in made.switches["MNLI"].segments)


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (
            ("hardware.activation_buffer.data=16 KiB",),
            CapacityError,
            r"^encoder\.0\.ffn2: 16 rows of 3072 elements need 48 KiB; activation_buffer has "
            r"16 KiB; enlarge activation_buffer\.data \(or set it to fit\)$",
        ),
        (
            ("hardware.weight_buffer.masks=2 KiB",),
            CapacityError,
            r"^encoder\.0\.ffn2: a panel of 16 x 3072 weights does not fit weight_buffer; "
            r"enlarge weight_buffer\.data and \.masks \(or set them to fit\)$",
        ),
        (
            ("hardware.auxiliary_memory.capacity=1 KiB",),
            CapacityError,
            r"^encoder\.attention_layer_norm needs 1\.50 KiB in 'auxiliary_memory', which has 1 "
            r"KiB free of 1 KiB at that point, however small the blocks; enlarge "
            r"'auxiliary_memory'$",
        ),
        (
            (
                "hardware.memories.activation_sram.capacity=128 KiB",
                "hardware.placement.activation_spill=null",
            ),
            CapacityError,
            r"^encoder\.\w+ needs \S+ KiB in 'activation_sram', which has .* free of 128 KiB at "
            r"that point, however small the blocks; enlarge 'activation_sram' or shorten the "
            r"sequence, or set hardware\.placement\.activation_spill to dram$",
        ),
        (
            ("hardware.placement.task={values: activation_sram, masks: sram}",),
            MappingError,
            r"^encoder\.\S+\.query\.weight \(role task\) lies in 'activation_sram', the memory of "
            r"activations; give parameters a memory of their own$",
        ),
        (
            (
                *LARGE_MEMORIES,
                "hardware.dram=null",
                "hardware.placement.activation_spill=null",
                "idle={policy: timeout, off_after: 0 s}",
            ),
            MappingError,
            r"^idle\.off_after: 'sram' loses the parameters of MNLI and the machine "
            r"has no dram to load them from; place them in non-volatile memory$",
        ),
    ],
)
def test_what_does_not_fit_is_said_once(
    overrides: tuple[str, ...], error: type[Exception], message: str
) -> None:
    loaded = workload(*overrides)
    with pytest.raises(error, match=message):
        compile_design(loaded.config, loaded.cases["vanilla_mixed"])


def test_one_panel_may_fill_the_weight_buffer() -> None:
    # 6 KiB of masks a panel of 16 x 3072 weights: half of 8 KiB is too little, all of it is not.
    made = design("vanilla_mixed", "hardware.weight_buffer.masks=8 KiB")
    assert sum_of(amounts_of(made), "pe_array", "mac") == made.graphs["MNLI"].macs
