from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
from fault_subject import OPTIONS, stored, subject
from small_workload import small_workload

from accelsim.errors import ConfigError
from accelsim.evaluation.stages import run_workload
from accelsim.memory.faults.levels import Transitions
from accelsim.memory.faults.model import FaultConfig
from accelsim.model.families import ModelFamily
from accelsim.model.graph import LayerGraph
from accelsim.study.faults.costs import _measured, machine_of, occupied_bits, scheme_costs
from accelsim.study.faults.damage import Judge
from accelsim.study.faults.findings import double_share, exchanges, savings
from accelsim.study.faults.schemes import SCHEMES
from accelsim.study.faults.study import FaultStudy, SchemeResult, study_faults
from accelsim.study.faults.subject import load_subject

PLAIN = ("slc", "mlc2", "mixed2", "mlc3", "high-mixed2")


@lru_cache
def study() -> FaultStudy:
    return study_faults(small_workload(), replace(OPTIONS, schemes=PLAIN, fault_rates=()))


def result(name: str) -> SchemeResult:
    return next(one for one in study().schemes if one.scheme.name == name)


def test_cells_that_never_fail_are_not_injected() -> None:
    assert result("slc").expected.total == 0
    assert result("slc").damage is None
    # 2-bit cells: 7.9e-9 x 1e5 cells are fewer than 1e-3 faults in this small model.
    assert 0 < result("mixed2").expected.total < 1e-3
    assert result("mixed2").damage is None
    damage = result("mlc3").damage
    assert damage is not None
    assert damage.harmed == 3
    assert damage.logits.mean > 0.1
    assert len(damage.layers) == 3
    assert damage.faults.masks == pytest.approx(result("mlc3").expected.masks, rel=0.3)


def test_one_bit_cells_fail_where_the_user_says_so() -> None:
    faults = FaultConfig(one_bit_error_rate=1e-3)
    found = study_faults(
        small_workload(), replace(OPTIONS, schemes=("slc",), fault_rates=(), faults=faults)
    ).schemes[0]
    cells = sum(found.costs.cells.values())
    assert found.expected.total == pytest.approx(1e-3 * cells, rel=1e-3)
    assert found.damage is not None
    assert found.damage.logits.mean > 0.1


def test_bits_and_cells_add_up() -> None:
    bits = {name: result(name).costs.bits for name in PLAIN}
    assert len(set(bits.values())) == 1
    slc, mlc2, mixed2 = (result(name).costs.cells for name in ("slc", "mlc2", "mixed2"))
    assert slc == {"rram_1bit": bits["slc"]}
    masks = sum(one.tensor.mask_bits for one in stored("slc").tensors.values())
    assert mlc2 == {"rram_2bit": bits["slc"] // 2}
    assert mixed2 == {"rram_1bit": masks, "rram_2bit": (bits["slc"] - masks) // 2}
    high = result("high-mixed2").costs.cells
    assert high == {
        "rram_1bit": masks + (bits["slc"] - masks) // 2,
        "rram_2bit": (bits["slc"] - masks) // 4,
    }


@pytest.mark.parametrize("name", SCHEMES)
def test_memories_hold_what_is_stored_and_no_bank_more(name: str) -> None:
    occupied = occupied_bits(stored(name), SCHEMES[name])
    machine = machine_of(subject(), SCHEMES[name], occupied)
    for kind, bits in occupied.items():
        memory = machine.memories[f"rram_{kind}bit"]
        assert memory.bits_per_cell == kind
        assert 8 * memory.capacity >= bits
        assert memory.capacity in (65536, 98304) or 8 * (memory.capacity - 65536) < bits
    homes = machine.placement
    assert homes.embedding.values == homes.backbone.values == f"rram_{SCHEMES[name].values}bit"
    assert homes.task == subject().case.hardware.placement.task
    assert homes.activations in machine.memories
    assert not {"rram", "rram_masks"} & machine.memories.keys()


def test_the_run_is_that_of_the_case_on_its_own_machine() -> None:
    # The SLC case on a machine with 64 KiB of RRAM instead of 4.5 MiB.
    small = small_workload("cases.adapter_slc.hardware.memories.rram.capacity=64 KiB")
    options = replace(OPTIONS, case="adapter_slc", schemes=("slc",), fault_rates=())
    costs = study_faults(small_workload(), options).schemes[0].costs
    scopes = run_workload(small)["adapter_slc"].figures.scopes
    assert costs.capacities == {"rram_1bit": 65536}
    assert costs.area == scopes["memory"].area
    assert costs.run is not None
    assert costs.run.scopes["system"].latency == pytest.approx(scopes["system"].latency, rel=1e-3)
    assert costs.run.scopes["system"].energy == pytest.approx(scopes["system"].energy, rel=1e-3)


def test_placement_counts_the_values_that_are_stored() -> None:
    # Of 4-bit integers many round to zero: fewer are stored than the stated density says.
    coarse = small_workload(
        "cases.adapter_mixed.storage.backbone={format: bitmask, bits: 4, density: 0.9}"
    )
    one = load_subject(coarse, replace(OPTIONS, numbers="symmetric"))
    found = _measured(one, one.design, "MNLI")
    stated = one.design.placements["MNLI"].tensors
    fewer = 0
    for name, measured in found.items():
        assert measured == one.compressed.tensors[name].nonzeros
        fewer += measured < stated[name].nonzeros_between(0, stated[name].parameter.elements)
    assert fewer >= 6
    assert found.keys() == _measured(one, one.design, "QNLI").keys()


def test_programming_writes_every_stored_word_once() -> None:
    costs = result("mixed2").costs
    assert costs.programming is not None
    for name, cost in costs.programming.items():
        kind = int(name.removeprefix("rram_").removesuffix("bit"))
        bits = costs.cells[name] * kind
        assert cost.words == -(-bits // 128)
        assert cost.seconds > 0
        assert cost.joules > 0
    # EMBER's 0.459 and 2 nJ a bit of one and two bits a cell, verified.
    built = costs.written_as_built
    assert built is not None
    for name, nanojoules in (("rram_1bit", 0.459), ("rram_2bit", 2.0)):
        assert built[name].joules == pytest.approx(1e-9 * nanojoules * 128 * built[name].words)
        assert built[name].words == costs.programming[name].words


def test_nobody_measured_what_writing_three_bits_a_cell_costs() -> None:
    costs = scheme_costs(subject(), SCHEMES["mixed3"], stored("mixed3"))
    assert costs.written_as_built is None


def test_values_in_two_kinds_of_cells_lie_between_both_kinds() -> None:
    names = ("slc", "mixed2", "high-mixed2")
    cells = {name: sum(result(name).costs.cells.values()) for name in names}
    costs = result("high-mixed2").costs
    assert costs.run is not None
    assert cells["mixed2"] < cells["high-mixed2"] < cells["slc"]
    # Each value takes as many bits as before, some of them in one-bit cells.
    assert costs.bits == result("mixed2").costs.bits


@pytest.mark.parametrize("name", ["mlc2-secded", "mlc3-secded", "mixed3-secded"])
def test_protection_costs_an_eighth_of_the_bits_and_energy(name: str) -> None:
    plain = {"mlc2-secded": "mlc2", "mlc3-secded": "mlc3", "mixed3-secded": "mixed3"}[name]
    costs, other = (scheme_costs(subject(), SCHEMES[n], stored(n)) for n in (name, plain))
    protected = costs.bits
    if name == "mixed3-secded":
        protected -= sum(one.tensor.mask_bits for one in stored(name).tensors.values())
    assert protected / 8 <= costs.check_bits < protected / 8 * 1.01
    assert other.check_bits == 0
    assert costs.run is not None
    assert other.run is not None
    assert costs.run.scopes["memory"].energy > other.run.scopes["memory"].energy
    assert costs.run.scopes["system"].latency >= other.run.scopes["system"].latency


def test_exchanges_hold_schemes_against_each_other() -> None:
    found = {(one.scheme, one.against): one for one in exchanges(study())}
    assert set(found) == {("mixed2", "slc"), ("mixed2", "mlc2")}
    one = found["mixed2", "mlc2"]
    mine, other = result("mixed2").costs, result("mlc2").costs
    assert one.area is not None
    assert mine.area is not None
    assert other.area is not None
    assert one.area * other.area == pytest.approx(mine.area)
    assert one.mask_faults[0] == 0 < one.mask_faults[1]
    # At 64 KiB a second memory costs more than it saves: nothing to keep.
    for saving in savings(study()):
        assert saving.share <= 1


def test_binary_two_bit_cells_flip_both_bits_in_the_middle() -> None:
    # Only levels 1 and 2 are mistaken for each other: 01 and 10.
    assert double_share(Transitions((0, 1e-6, 0), (0, 1e-6, 0))) == 1
    assert double_share(Transitions((1e-6, 0, 0), (0, 0, 0))) == 0
    assert double_share(Transitions((0,), (0,))) is None
    table = result("mlc2").transitions[2]
    assert (double_share(table) or 0) > 0.999999


def test_the_default_case_is_the_first_with_adapters() -> None:
    assert subject().case.name == "adapter_mixed"
    assert subject().task == "MNLI"
    without = small_workload("tasks=[STS-B, QNLI]")
    assert load_subject(without, OPTIONS).task == "QNLI"


@pytest.mark.parametrize(
    ("overrides", "changes", "message"),
    [
        (
            ("cases.adapter_mixed.storage.backbone.bits=20",),
            {},
            r"^case 'adapter_mixed': storage\.backbone\.bits is 20; numbers of kind adaptivfloat "
            r"have 4 to 16 bits, change one of the two$",
        ),
        (
            (
                "cases.adapter_mixed.hardware.placement.embedding={values: sram, masks: sram}",
                "cases.adapter_mixed.hardware.placement.backbone={values: sram, masks: sram}",
            ),
            {"case": "adapter_mixed"},
            r"^case 'adapter_mixed' keeps no parameter in non-volatile memory: .*--case.*$",
        ),
        ((), {"task": "QQP"}, r"^--task: there is no task 'QQP'; .*$"),
        (
            ("tasks=[STS-B, QNLI]",),
            {"task": "STS-B"},
            r"^--task: STS-B is a regression: no predictions agree; choose a task with classes$",
        ),
        ((), {"sentences": 0}, r"^sentences is 0, must be 1 or more$"),
        ((), {"seeds": 0}, r"^--seeds is 0; expected 1 or more$"),
    ],
)
def test_what_cannot_be_studied_is_refused(
    overrides: tuple[str, ...], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_subject(small_workload(*overrides), replace(OPTIONS, **changes))  # type: ignore[arg-type]


def test_exits_of_the_case_are_stored_and_written_too() -> None:
    exits = small_workload("early_exit={exit_layer: 2, heads: per_layer}")
    one = load_subject(exits, OPTIONS)
    own = {name for name in one.compressed.tensors if name.startswith("exits.")}
    assert own == {f"exits.{n}.classifier.{part}" for n in (0, 1) for part in ("weight", "bias")}
    assert set(one.compressed.tensors) == set(one.design.placements[one.task].tensors)
    # Its forward pass has the final logits: without faults all predictions agree.
    assert Judge(one).unharmed.agreement == 1


def test_a_study_builds_each_graph_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    build = ModelFamily.build

    def counted(self: ModelFamily, **options: Any) -> LayerGraph:
        built.append(tuple(options.items()))
        return build(self, **options)

    monkeypatch.setattr(ModelFamily, "build", counted)
    weights = "cases.adapter_mixed.weights={seed: 1}"
    assert load_subject(small_workload(weights), OPTIONS).design.weights
    assert len(built) == len(set(built)) > 0


def test_measured_levels_break_single_level_cells_and_a_code_mends_them() -> None:
    options = replace(OPTIONS, schemes=("slc", "slc-bch", "mixed2", "mixed2-bch"), fault_rates=())
    found = study_faults(small_workload(), replace(options, faults=FaultConfig(levels="measured")))
    plain, coded, mixed, both = found.schemes
    assert plain.expected.total == pytest.approx(4e-4 * sum(plain.costs.cells.values()), rel=1e-6)
    assert plain.damage is not None
    assert mixed.damage is not None
    assert min(plain.damage.logits.mean, mixed.damage.logits.mean) > 0.1
    for one in (coded, both):
        assert one.damage is not None
        assert one.damage.faults.corrected > 0.9 * one.expected.total / 2
        assert one.damage.logits.mean < 0.01
    named = {(one.scheme, one.against) for one in exchanges(found)}
    assert {("mixed2-bch", "mixed2"), ("mixed2-bch", "slc-bch"), ("slc-bch", "slc")} <= named
