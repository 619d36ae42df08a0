"""GAP9's kind of cluster: layers are cut to fit, all work is done, what cannot be done is told."""

from __future__ import annotations

from collections import Counter
from math import fsum

import pytest

from accelsim.accelerators import accelerator_of, load_machine
from accelsim.accelerators.ne16_cluster.layers import Layer, layers_of
from accelsim.errors import AccelsimError, CapacityError, MappingError
from accelsim.evaluation.single import run_program
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.cache import InferenceProgram, SegmentCache
from accelsim.memory.storage import StorageConfig
from accelsim.model.families import find_model
from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Role
from accelsim.placement.placement import place
from accelsim.program import Segment

SMALLEST = {"resnet-8": 44, "mobilenet-v1-vww": 44, "ds-cnn": 16, "autoencoder": 44}
EVERY = pytest.mark.parametrize("network", SMALLEST)


def machine(*changes: str) -> HardwareConfig:
    return load_machine("hwconfigs/gap9.yaml", changes)


def graph_of(network: str) -> LayerGraph:
    graph: LayerGraph = find_model(network).build(sequence_length=1, classes=10)
    return graph


def compiled(
    network: str, on: HardwareConfig, stored: str = "dense", bits: int = 8
) -> InferenceProgram:
    graph, kept = graph_of(network), {"format": stored, "bits": bits}
    kept |= {"density": 0.5} if stored == "bitmask" else {}
    storage = StorageConfig.model_validate({role.value: kept for role in Role})
    placement = place(graph, storage, on)
    return accelerator_of(on).infer(graph, placement, on, 0, SegmentCache())


def amounts(made: InferenceProgram) -> Counter[tuple[str, str]]:
    total = Counter[tuple[str, str]]()
    for segment in made.program.segments:
        for (block, action, _), amount in segment.amounts.items():
            total[block, action] += amount
    return total


def layer(network: str, name: str) -> Layer:
    return next(each for each in layers_of(graph_of(network)) if each.operator.name == name)


@pytest.mark.parametrize(
    ("network", "name", "mode"),
    [
        ("resnet-8", "stem.convolution", "3x3"),
        ("resnet-8", "stage1.1.shortcut", "1x1"),
        ("mobilenet-v1-vww", "pair1.1.depthwise", "depthwise"),
        ("mobilenet-v1-vww", "pair1.1.pointwise", "1x1"),
        ("autoencoder", "dense0", "linear"),
        ("ds-cnn", "stem.convolution", None),
        ("ds-cnn", "mean", None),
    ],
)
def test_the_engine_takes_what_it_has_a_mode_for(network: str, name: str, mode: str | None) -> None:
    assert layer(network, name).mode == mode


def test_strides_make_four_pixels_of_a_patch_and_rows_keep_their_picture() -> None:
    strided = layer("mobilenet-v1-vww", "pair1.1.depthwise")
    assert strided.job((0, 24), (0, 16)).patches == 12 * 12
    pointwise = layer("ds-cnn", "pair.0.pointwise")
    assert pointwise.picture == (25, 5)
    assert pointwise.job((0, 25), (0, 64)).patches == 9 * 2


@EVERY
def test_of_one_tile_a_layer_every_weight_is_read_once_and_every_pixel_once(network: str) -> None:
    large = machine("l1.capacity=4 MiB")
    made, total = compiled(network, large), Counter[str]()
    assert all("1 x 1 tiles" in words for words in made.choices)
    for each in layers_of(graph_of(network)):
        own = each.operator
        total["weights"] += sum(parameter.elements for parameter in own.parameters)
        total["read"] += sum(each.read((0, each.picture[0]), (0, own.columns)))
        total["write"] += own.elements
    moved = amounts(made)
    assert moved["dma", "transfer"] == total["weights"] + total["read"]
    assert moved["dma", "store"] == total["write"]
    assert 8 * moved["l2_weights", "read"] >= total["weights"]


@EVERY
def test_less_room_takes_more_tiles_and_moves_no_less(network: str) -> None:
    sizes = (512, 128, SMALLEST[network])
    known = [compiled(network, machine(f"l1.capacity={size} KiB")) for size in sizes]
    tiles = [sum(len(segment.tasks) for segment in each.program.segments) for each in known]
    bytes_moved = [amounts(each)["dma", "transfer"] for each in known]
    assert tiles == sorted(tiles)
    assert bytes_moved == sorted(bytes_moved)
    assert tiles[0] < tiles[-1]


@EVERY
def test_no_buffer_ever_holds_more_than_it_can(network: str) -> None:
    small = machine("l1.capacity=48 KiB")
    made = run_program(small, compiled(network, small).program)  # the engine checks levels
    assert made.duration > 0


def test_layers_wait_for_one_another_and_tiles_for_what_they_read() -> None:
    for segment in compiled("resnet-8", machine()).program.segments:
        _check_order(segment)


def _check_order(segment: Segment) -> None:
    queues = {task.id: task.queue for task in segment.tasks}
    for task in segment.tasks:
        if task.queue in ("engine", "cores"):
            assert any(queues[other] in ("load", task.queue) for other in task.after)
        if task.queue == "store":
            assert {queues[other] for other in task.after} & {"engine", "cores"}


@EVERY
def test_energy_falls_with_the_square_of_the_supply(network: str) -> None:
    on = machine()
    (point,) = on.lower_points
    made = compiled(network, on).program
    high, low = run_program(on, made), run_program(on, made, point)
    square = (0.65 / 0.8) ** 2
    assert fsum(low.dynamic.values()) == pytest.approx(square * fsum(high.dynamic.values()))
    assert low.amounts == high.amounts
    assert low.seconds == pytest.approx(high.seconds * 370 / 240, rel=1e-6)


def test_cores_run_an_add_in_the_instructions_of_its_kernel() -> None:
    total = amounts(compiled("resnet-8", machine()))
    # 2 loads, 2 scales of 2, a sum, a clip, a store; the mean adds 64 pixels of 64 channels.
    sums = 1024 * 16 + 256 * 32 + 64 * 64
    assert total["cores", "instruction"] == 9 * sums + 64 * (64 + 64 + 2 + 2)


def test_products_of_cores_reach_their_rate() -> None:
    on = machine()
    stem = compiled("ds-cnn", on).program.segments[0]
    instructions = stem.amounts["cores", "instruction", "stem.convolution"]
    assert instructions == -int(-125 * 64 * 40 * 8 // 15.5)


def test_what_is_no_layer_of_a_small_network_is_told() -> None:
    on = machine()
    graph: LayerGraph = find_model("albert-base").build(sequence_length=8, classes=2)
    gaps = " ".join(map(str, accelerator_of(on).gaps(graph, on)))
    assert "its engine multiplies by weights alone" in gaps
    assert "nothing looks rows of a table up" in gaps


def test_masks_are_refused() -> None:
    with pytest.raises(MappingError, match="reads no masks; store its weights with format: dense"):
        compiled("resnet-8", machine(), "bitmask")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("l1.capacity=1 KiB", "two of its smallest tiles, which has 1 KiB; enlarge 'l1'"),
        ("memories.l2.capacity=16 KiB", "enlarge 'l2'"),
    ],
)
def test_too_little_room_is_told(change: str, told: str) -> None:
    with pytest.raises(CapacityError, match=told):
        compiled("resnet-8", machine(change))


def test_settings_that_mapping_does_not_follow_are_refused() -> None:
    with pytest.raises(AccelsimError, match="ne16_cluster loads, computes and writes back side"):
        machine("overlap.double_buffering=false")
    with pytest.raises(AccelsimError, match="compares none; set it to time"):
        machine("mapping.objective=energy")
    with pytest.raises(AccelsimError, match="needs a component 'engine' of kind ne16"):
        machine("engine=null")


def test_cores_are_not_free() -> None:
    def area(cores: int) -> float:
        on = machine(f"cores.cores={cores}", "cores.macs_per_cycle=15.5")
        return sum(sheet.area or 0.0 for sheet in on.datasheets.values())

    # A core has at least a multiplier of 16 bits and four of 8: 500 um2 and more at 22 nm.
    assert 8 * 500e-12 < area(16) - area(8) < 8 * 5000e-12
    with pytest.raises(AccelsimError, match=r"macs_per_cycle: 33 of 8 cores.*at most 32"):
        machine("cores.macs_per_cycle=33")
    with pytest.raises(AccelsimError, match="at most 4"):
        machine("cores.cores=1")
    with pytest.raises(AccelsimError, match=r"cores\.at"):
        machine("cores.at=8 V")
