from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_tensors import homes

from accelsim.errors import CapacityError, ConfigError
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.memory.cells import CellChoice
from accelsim.memory.protection import Code, ProtectionConfig
from accelsim.memory.storage import (
    Home,
    Packing,
    StorageConfig,
    StorageFormat,
    store,
)
from accelsim.model.adaptations import find_adaptation
from accelsim.model.families import find_model
from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Parameter, Role
from accelsim.placement.placement import Placement, check_capacity, place

DENSE = StorageFormat(format="dense", bits=8)
SPARSE = StorageFormat(format="bitmask", bits=8, density=0.5)
SPLIT = (
    "placement.embedding={values: rram, masks: sram}",
    "placement.backbone={values: rram, masks: sram}",
)


def machine(*overrides: str) -> HardwareConfig:
    return load_hardware("hwconfigs/edgebert_overlapped.yaml", overrides)


def cells(bits: int) -> tuple[str, ...]:
    technology = "rram_3bit" if bits == 3 else "rram"
    return f"memories.rram.technology={technology}", f"memories.rram.bits_per_cell={bits}"


def without_dram(*overrides: str) -> HardwareConfig:
    return machine("dram=null", "placement.activation_spill=null", *overrides)


def placement(*tensors: tuple[str, int, Role, StorageFormat]) -> Placement:
    found = {}
    for name, size, role, how in tensors:
        places = homes(how, "sram" if role is Role.TASK else "rram", "sram")
        found[name] = store(Parameter(name, (1, size), role), how, places)
    return Placement(found)


def shortage(placements: dict[str, Placement], hardware: HardwareConfig) -> CapacityError:
    with pytest.raises(CapacityError) as error:
        check_capacity(placements, hardware)
    return error.value


def test_every_parameter_has_the_home_of_its_role() -> None:
    model = find_model("albert-base")
    pretrained = model.build(sequence_length=16, classes=2)
    graph = find_adaptation("houlsby", bottleneck=32).adapt(pretrained)
    storage = StorageConfig(embedding=SPARSE, backbone=SPARSE, task=DENSE)
    placed = place(graph, storage, machine(*SPLIT))
    assert list(placed.tensors) == [parameter.name for parameter in graph.parameters]
    for tensor in placed.tensors.values():
        home = ("sram", "sram") if tensor.parameter.role is Role.TASK else ("rram", "sram")
        assert tensor.memories == home[: len(tensor.homes)]
        is_sparse = tensor.parameter.role is not Role.TASK and len(tensor.parameter.shape) > 1
        assert tensor.masked == is_sparse


tensors = st.lists(
    st.tuples(
        st.text("abc", min_size=1, max_size=4),
        st.integers(1, 10_000),
        st.sampled_from(list(Role)),
        st.sampled_from([DENSE, SPARSE]),
    ),
    max_size=8,
    unique_by=lambda tensor: tensor[0],
)


@given(tensors)
def test_the_bits_of_all_memories_are_the_bits_of_all_tensors(parts: list[Any]) -> None:
    placed = placement(*parts)
    total = placed.bits(task_specific=True) + placed.bits(task_specific=False)
    assert sum(total.values()) == sum(t.value_bits + t.mask_bits for t in placed.tensors.values())
    assert {t.parameter.role for t in placed.task_tensors} <= {Role.TASK}


@given(tensors, st.integers(1, 30_000), st.integers(1, 30_000))
def test_capacity_is_refused_exactly_when_a_memory_overflows(
    parts: list[Any], rram: int, sram: int
) -> None:
    placed = placement(*parts)
    used: Counter[str] = placed.bits(task_specific=True) + placed.bits(task_specific=False)
    fits = used["rram"] <= 8 * rram and used["sram"] <= 8 * sram
    hardware = _sized(rram, sram)
    if fits:
        check_capacity({"MNLI": placed}, hardware)
    else:
        shortage({"MNLI": placed}, hardware)


_MACHINE = machine()


def _sized(rram: int, sram: int) -> HardwareConfig:
    memories = dict(_MACHINE.memories)
    for name, capacity in (("rram", rram), ("sram", sram)):
        memories[name] = memories[name].model_copy(update={"capacity": capacity})
    return _MACHINE.model_copy(update={"memories": memories})


def test_a_shortage_names_tensor_memory_needed_and_free() -> None:
    placed = placement(
        ("embeddings.weight", 2**20, Role.EMBEDDING, DENSE),
        ("encoder.weight", 3 * 2**20, Role.BACKBONE, SPARSE),
    )
    error = shortage({"MNLI": placed}, machine("memories.rram.capacity=2 MiB"))
    assert str(error) == (
        "encoder.weight (values, role backbone, task MNLI) needs 1.50 MiB; memory 'rram' has "
        "1 MiB free; raise hardware.memories.rram.capacity to 2560 KiB or more (or to fit), "
        "lower the density or place the role elsewhere\n"
        "encoder.weight (mask, role backbone, task MNLI) needs 384 KiB; memory 'sram' has 128 KiB "
        "free; raise hardware.memories.sram.capacity to 384 KiB or more (or to fit), store it "
        "dense or place the role elsewhere"
    )
    assert error.args[1:] == ("encoder.weight", "rram", 12 * 2**20, 8 * 2**20)
    check_capacity({"MNLI": placed}, machine("memories.rram.capacity=2621440 B", *_ROOM))
    shortage({"MNLI": placed}, machine("memories.rram.capacity=2621439 B", *_ROOM))


_ROOM = ("memories.sram.capacity=1 MiB",)


def test_a_shortage_that_rounding_would_hide_is_told_in_bytes() -> None:
    placed = placement(("adapter.weight", 128 * 1024 + 1, Role.TASK, DENSE))
    assert str(shortage({"RTE": placed}, machine("memories.sram.capacity=128 KiB"))) == (
        "adapter.weight (values, role task, task RTE) needs 131073 B; memory 'sram' has 131072 B "
        "free; raise hardware.memories.sram.capacity to 129 KiB or more (or to fit), lower the "
        "number of bits or place the role elsewhere"
    )
    text = str(shortage({"RTE": placed}, machine("memories.sram.capacity=131000 B")))
    assert " needs 128.00 KiB; memory 'sram' has 127.93 KiB free; " in text


def test_masks_fill_their_own_memory() -> None:
    placed = placement(("encoder.weight", 8 * 128 * 1024 + 1, Role.BACKBONE, SPARSE))
    hardware = machine("memories.rram.capacity=4 MiB", "memories.sram.capacity=128 KiB")
    assert str(shortage({"MNLI": placed}, hardware)) == (
        "encoder.weight (mask, role backbone, task MNLI) needs 131073 B; "
        "memory 'sram' has 131072 B free; raise hardware.memories.sram.capacity to 129 KiB or more "
        "(or to fit), store it dense or place the role elsewhere"
    )


def test_tasks_take_turns_with_dram_and_stay_without() -> None:
    tasks = {
        name: placement(
            ("shared.weight", 1000, Role.BACKBONE, DENSE),
            ("own.weight", 60 * 1024, Role.TASK, DENSE),
        )
        for name in ("MNLI", "QNLI", "RTE")
    }
    check_capacity(tasks, machine("memories.sram.capacity=60 KiB"))
    error = shortage(tasks, without_dram("memories.sram.capacity=128 KiB"))
    assert str(error) == (
        "own.weight (values, role task, task RTE; without dram all tasks stay on the chip) needs "
        "60 KiB; memory 'sram' has 8 KiB free; raise hardware.memories.sram.capacity to 180 KiB or "
        "more (or to fit), lower the number of bits or place the role elsewhere"
    )
    check_capacity(tasks, without_dram("memories.sram.capacity=184320 B"))
    shortage(tasks, without_dram("memories.sram.capacity=184319 B"))
    check_capacity(
        tasks, without_dram("memories.sram.capacity=184320 B", "memories.rram.capacity=1000 B")
    )


def test_dram_has_no_capacity_to_check() -> None:
    placed = Placement(
        {"big": store(Parameter("big", (1, 2**33), Role.TASK), DENSE, homes(DENSE, "dram", "dram"))}
    )
    check_capacity({"MNLI": placed}, machine())


def test_nothing_fits_anywhere() -> None:
    check_capacity({}, without_dram())


# -- protection, cells and measured sizes ------------------------------------------------------


def small_graph() -> LayerGraph:
    model = find_model("albert-base")
    pretrained = model.build(sequence_length=16, classes=2)
    return find_adaptation("houlsby", bottleneck=32).adapt(pretrained)


def storage_of(**changes: Any) -> StorageConfig:
    sparse = SPARSE.model_copy(update=changes)
    return StorageConfig(embedding=SPARSE, backbone=sparse, task=DENSE)


SECDED = ProtectionConfig(values="secded", masks="secded")


@pytest.mark.parametrize("bits_per_cell", [1, 2, 3])
def test_cells_and_check_bits_are_counted_where_they_lie(bits_per_cell: int) -> None:
    hardware = machine(*SPLIT, *cells(bits_per_cell))
    plain = place(small_graph(), storage_of(), machine(*SPLIT))
    placed = place(small_graph(), storage_of(protection=SECDED), hardware)
    assert placed.codecs == {(name, Code("secded", 64)) for name in ("rram", "sram")}
    assert plain.codecs == frozenset()
    for own in (True, False):
        data, words = placed.data_bits(task_specific=own), placed.code_words(task_specific=own)
        assert data == plain.data_bits(task_specific=own) == plain.bits(task_specific=own)
        assert sum(words.values()) == (0 if own else sum(_code_words(placed)))
        taken = placed.bits(task_specific=own)
        per_word = 9 if bits_per_cell == 3 else 8
        partial = data["rram"] // 8 if bits_per_cell == 3 else 0
        code = Code("secded", 64)
        assert taken["rram"] == data["rram"] + per_word * words["rram", code] + partial
        assert taken["sram"] == data["sram"] + 8 * words["sram", code]


def _code_words(placed: Placement) -> list[int]:
    backbone = [t for t in placed.tensors.values() if t.parameter.role is Role.BACKBONE]
    return [-(-n // 64) for t in backbone for n in (t.value_bits, t.mask_bits)]


@pytest.mark.parametrize(("byte", "needed"), [(8, 9000), (9, 10125)])
def test_capacity_counts_check_bits_and_partly_empty_cells(byte: int, needed: int) -> None:
    """8000 bytes and 1000 words' check bits, each of 8 bits or of three cells of 3 bits."""
    parameter, packing = (
        Parameter("w", (1, 8000), Role.BACKBONE),
        Packing(8, byte, Code("secded", 64), byte),
    )
    tensor = store(parameter, DENSE, [Home("values", "rram", packing)])
    placed = {"MNLI": Placement({"w": tensor})}
    check_capacity(placed, _sized(needed, 1))
    assert shortage(placed, _sized(needed - 1, 1)).args[3] == 8 * needed


def test_only_the_chip_has_codecs() -> None:
    hardware = machine("placement.backbone={values: dram, masks: rram}")
    masks = ProtectionConfig(masks="secded")
    placed = place(small_graph(), storage_of(protection=masks), hardware)
    assert placed.codecs == {("rram", Code("secded", 64))}
    taken, data = placed.bits(task_specific=False), placed.data_bits(task_specific=False)
    assert taken["dram"] == data["dram"]
    message = (
        r"^storage\.backbone\.protection\.values: machine 'edgebert_overlapped' keeps them in "
        r"dram, but codecs stand at the memories of the chip; write none, or place them on the "
        r"chip$"
    )
    with pytest.raises(ConfigError, match=message):
        place(small_graph(), storage_of(protection=SECDED), hardware)


def test_a_refused_partial_cell_names_role_and_memory() -> None:
    storage = storage_of(cells=CellChoice(partial_cells="refuse"))
    message = r"^storage\.backbone\.cells, values in memory 'rram': 8 bits do not divide into "
    place(small_graph(), storage, machine("memories.rram.bits_per_cell=2"))
    with pytest.raises(ConfigError, match=message):
        place(small_graph(), storage, machine(*cells(3)))


def test_measured_sizes_take_the_place_of_stated_densities() -> None:
    graph = small_graph()
    matrices = [p for p in graph.parameters if len(p.shape) > 1 and p.role is not Role.TASK]
    measured = {p.name: n for n, p in enumerate(matrices)}
    placed = place(graph, storage_of(), machine(), measured)
    for number, parameter in enumerate(matrices):
        assert placed.tensors[parameter.name].value_bits == 8 * number
    unmeasured = place(graph, storage_of(), machine())
    vectors = [t for t in placed.tensors.values() if not t.masked]
    assert vectors == [t for t in unmeasured.tensors.values() if not t.masked]


def test_every_masked_matrix_is_measured_or_none() -> None:
    with pytest.raises(ConfigError, match=r"^the non-zeros of embeddings\.\S+, .* not measured; "):
        place(small_graph(), storage_of(), machine(), {})
