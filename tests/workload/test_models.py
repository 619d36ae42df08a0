"""Several models on one chip: each a network of its own, all in the same memories."""

from __future__ import annotations

import json
from collections import Counter
from math import fsum

import pytest
from small_workload import SMALL, small_workload

from accelsim.cli.main import run_command_line
from accelsim.errors import CapacityError, ConfigError, MappingError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.metrics import case_figures
from accelsim.evaluation.one_model import alone
from accelsim.evaluation.stages import run_workload
from accelsim.evaluation.weights import compressed_weights
from accelsim.placement.placement import needed_bits
from accelsim.program import ProgramKind
from accelsim.report.breakdown import breakdown_lines
from accelsim.report.by import with_groupings
from accelsim.report.request_rows import request_rows
from accelsim.report.run import run_report
from accelsim.study.faults.study import study_faults
from accelsim.study.faults.subject import FaultOptions
from accelsim.units import ceil_div
from accelsim.workload.schema import Workload, load_workload

CASE = "adapter_slc"
ENCODER = SMALL[0].removeprefix("model=")
GATE = "{name: ds-cnn, image_height: 12, layers: 1, width: 16}"
HEAD = f"cases.{CASE}.models={{gate: {{adaptation: {{method: head}}}}}}"
TWO = "{wake: {model: gate, classes: 4}, MNLI: {model: words}, MRPC: {model: words}}"
ONE = ("sequence_length=1",)
NO_DRAM = (f"cases.{CASE}.hardware.dram=null", f"cases.{CASE}.storage.task.format=dense")
ONE_CASE = tuple(f"cases.{n}=null" for n in ("vanilla_slc", "vanilla_mixed", "adapter_mixed"))


def several(*overrides: str) -> Workload:
    """Return a gate of pictures and an encoder on the machine of one case."""
    models = f"models={{gate: {GATE}, words: {ENCODER}}}"
    return small_workload(*ONE_CASE, "model=null", models, f"tasks={TWO}", HEAD, *overrides)


def result_of(models: str, tasks: str, *overrides: str, alone: str = "null") -> CaseResult:
    settings = (f"model={alone}", f"models={models}", f"tasks={tasks}", *overrides)
    return run_workload(small_workload(*ONE_CASE, *settings))[CASE]


def gated(*overrides: str) -> CaseResult:
    return run_workload(several(*overrides))[CASE]


def test_one_model_with_a_name_is_a_model_without() -> None:
    named = result_of(f"{{words: {ENCODER}}}", "{MNLI: {model: words}, MRPC: }")
    plain = result_of("{}", "[MNLI, MRPC]", alone=ENCODER)
    assert named.run.ledger == plain.run.ledger
    assert named.run.makespan == plain.run.makespan
    assert named.figures.account.total == plain.figures.account.total
    assert not named.design.models


def test_two_models_that_are_equal_keep_all_twice_and_work_as_one() -> None:
    split = "{MNLI: {model: one}, MRPC: {model: other}}"
    both = result_of(f"{{one: {ENCODER}, other: {ENCODER}}}", split)
    plain = result_of("{}", "[MNLI, MRPC]", alone=ENCODER)
    assert both.run.ledger == plain.run.ledger
    shared = plain.design.shared_bits
    assert both.design.shared_bits == {name: 2 * bits for name, bits in shared.items()}


def test_capacity_adds_up_over_models() -> None:
    case = gated()
    found, models = needed_bits(case.design.placements, case.design.hardware), Counter[str]()
    for task in ("wake", "MNLI"):
        models.update(case.design.placements[task].bits(task_specific=False))
    own = case.design.placements["MNLI"].bits(task_specific=True)
    assert found == {name: models[name] + own[name] for name in found}
    assert models["rram"] > case.design.placements["MNLI"].bits(task_specific=False)["rram"] > 0
    room = ceil_div(found["rram"], 8)
    rram = f"cases.{CASE}.hardware.memories.rram."
    fitting = (f"{rram}extrapolate=true", f"{rram}banks=1", f"{rram}capacity=")
    gated(*fitting[:2], f"{fitting[2]}{room} B")
    with pytest.raises(CapacityError, match="task wake"):
        gated(*fitting[:2], f"{fitting[2]}{room - 1} B")


def test_a_switch_across_models_loads_what_is_not_there() -> None:
    once, always = gated("requests.rounds=2"), gated("requests.rounds=2", "residency=one_task")
    own = {
        t: placed.data_bits(task_specific=True) for t, placed in always.design.placements.items()
    }
    loaded = sum(ceil_div(bits, 8) for each in own.values() for bits in each.values())
    for case, times in ((once, 1), (always, 2)):
        assert case.run.total(ProgramKind.SWITCH).count == 3 * times
        read = Counter[str]()
        for key, amount in case.run.ledger.amounts.items():
            read[f"{key.program} {key.block} {key.action}"] += amount
        assert read["switch dram read"] == times * loaded


def test_after_a_power_off_each_model_comes_back_when_it_is_asked_for() -> None:
    home = f"cases.{CASE}.hardware.placement.backbone={{values: sram, masks: sram}}"
    room = f"cases.{CASE}.hardware.memories.sram.capacity=2 MiB"
    asleep = ("requests.idle_between_rounds=1 s", "idle.off_after=0 s")
    case, rounds = gated(home, room, *asleep), 2
    word, placements = case.design.hardware.memories["sram"].word, case.design.placements
    shared = {t: placements[t].data_bits(task_specific=False)["sram"] for t in ("wake", "MNLI")}
    assert all(shared.values())
    written = Counter[str]()
    for (kind, task), words in case.run.ledger.writes["sram"].items():
        written[task] += words * (kind == ProgramKind.POWER_UP)
    # A sentence of the other task of a model finds it there.
    assert +written == {task: rounds * ceil_div(bits, word) for task, bits in shared.items()}
    assert case.run.total(ProgramKind.POWER_UP).count == rounds
    assert case.lifetimes["sram"].worst_writes == rounds
    spent = sum(row.energy for row in case.breakdown)
    assert spent == pytest.approx(case.figures.account.total, rel=1e-12)


def test_the_order_of_the_models_is_none() -> None:
    turned = result_of(f"{{words: {ENCODER}, gate: {GATE}}}", TWO, HEAD)
    assert turned.run.ledger == gated().run.ledger
    assert turned.figures.account.total == gated().figures.account.total


def test_a_round_of_two_models_is_the_sum_of_the_parts() -> None:
    both = gated(*NO_DRAM)
    gate = result_of(f"{{gate: {GATE}}}", "{wake: {classes: 4}}", HEAD, *ONE, *NO_DRAM)
    words = result_of(f"{{words: {ENCODER}}}", "[MNLI, MRPC]", *NO_DRAM)
    parts = (gate, words)
    assert both.run.makespan == sum(each.run.makespan for each in parts)
    amounts = Counter[object]()
    for each in parts:
        amounts.update(each.run.ledger.amounts)
    assert both.run.ledger.amounts == amounts
    total = sum(each.figures.account.total for each in parts)
    assert both.figures.account.total == pytest.approx(total, rel=1e-12)


def test_a_model_has_homes_of_its_own() -> None:
    homes = f"cases.{CASE}.models.gate.placement={{backbone: {{values: sram, masks: sram}}}}"
    case, usual = gated(homes), gated()
    moved = usual.design.placements["wake"].bits(task_specific=False)
    assert moved["rram"] > 0 == moved["sram"]
    expected = {
        name: usual.design.shared_bits[name] + sign * moved["rram"]
        for name, sign in (("rram", -1), ("sram", 1))
    }
    assert {name: case.design.shared_bits[name] for name in expected} == expected
    with pytest.raises(ConfigError) as error:
        gated(homes.replace("values: sram", "values: sramm"))
    where = f"cases.{CASE}.models.gate.placement.backbone.values"
    assert f"{where}: there is no memory 'sramm'; did you mean 'sram'?" in str(error.value)


def test_a_graph_shows_the_model_and_its_homes(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["graph", "workloads/voice_gate.yaml", "--cases", "rram", "--task", "wake_word"]
    assert run_command_line([*words, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["model"] == "gate"
    assert shown["stored_bytes"] == {"rram": shown["parameters"]}  # a byte each


def test_a_picture_is_one_input_beside_sentences() -> None:
    case = gated("pad_to=16", "requests.lengths={mean: 20, deviation: 4}", "sequence_length=64")
    tokens = {each.task: each.tokens for each in case.run.requests}
    assert tokens["wake"] == 1
    assert tokens["MNLI"] in (16, 32, 48, 64)
    assert case.design.lengths["wake"] == (1,)


def test_a_decoder_answers_beside_a_gate() -> None:
    decoder = (
        "{name: custom, family: gpt2, vocabulary_size: 100, hidden_size: 32, layers: 2, heads: 2, "
        "maximum_positions: 64, type_vocabulary_size: 0, intermediate_size: 64, "
        "tied_embeddings: true}"
    )
    case = result_of(
        f"{{gate: {GATE}, words: {decoder}}}",
        "{wake: {model: gate, classes: 4}, reply: {model: words}}",
        f"cases.{CASE}.adaptation={{method: head}}",
        "generate={new_tokens: 4, cache_block: 1}",
        "sequence_length=16",
        f"cases.{CASE}.hardware.placement.cache=sram",
    )
    assert {task for task, _ in case.run.steps} == {"reply"}
    asked = {each.task: each.new_tokens for each in case.run.requests}
    assert asked == {"wake": None, "reply": 4}
    assert case.design.placements["wake"].cache is None
    found = {name: figure for _, name, figure in case_figures(case)}
    own = fsum(row.energy for row in case.breakdown if row.task == "reply")
    assert found["tokens.count"] == 8
    assert found["tokens.own_energy"] == pytest.approx(own / 8, rel=1e-12)
    assert found["tokens.own_energy"] < 0.9 * found["tokens.energy"]


def test_files_and_tables_name_the_model() -> None:
    result = run_workload(several())
    header, *rows = (
        line.split(",") for line in "".join(breakdown_lines(result.cases)).splitlines()
    )
    models = {row[header.index("task")]: row[header.index("model")] for row in rows}
    assert models == {"wake": "gate", "MNLI": "words", "MRPC": "words", "-": "-"}
    header, *rows = (line.split(",") for line in "".join(request_rows(result.cases)).splitlines())
    models = {row[header.index("task")]: row[header.index("model")] for row in rows}
    assert models == {"wake": "gate", "MNLI": "words", "MRPC": "words"}
    report = with_groupings(run_report(result, ()), result, ["model"])
    assert "gate: ds-cnn, pictures of 12 x 10 x 1; tasks wake; words: custom" in report.about[-3]
    by = report.document["by"][f"{CASE} by model"]
    assert [row["model"] for row in by][:2] == ["gate", "words"]
    assert report.document["cases"][CASE]["models"] == {
        "wake": "gate",
        "MNLI": "words",
        "MRPC": "words",
    }
    names = {each.name for each in result[CASE].run.executions}
    assert {"switch to gate wake", "infer gate", "infer words"} <= names


def test_a_sentence_leaves_early_and_a_picture_runs_all_layers() -> None:
    leaving = ("early_exit={exit_layer: 2}", "requests.rounds=1")
    case, usual = gated(*leaving), gated(leaving[1])
    assert {r.task: r.layers for r in case.run.requests} == {"wake": None, "MNLI": 2, "MRPC": 2}
    gate = "infer", "wake"
    assert case.run.totals[gate] == usual.run.totals[gate]
    words = run_workload(alone(several(*leaving), "words"))[CASE]
    for task in ("MNLI", "MRPC"):
        assert case.run.totals["infer", task].busy == words.run.totals["infer", task].busy


def test_each_model_has_weights_of_its_own() -> None:
    masked = "{format: bitmask, bits: 8, density: 0.5}"
    storage = f"{{embedding: {masked}, backbone: {masked}, task: {masked}}}"
    sparse = f"cases.{CASE}.models.gate.storage={storage}"
    seeds = (f"cases.{CASE}.weights={{seed: 3}}", f"cases.{CASE}.models.gate.weights={{seed: 5}}")
    case = gated(sparse, *seeds)
    assert "seed 3" in case.design.weights
    assert "seed 5" in case.design.weights
    for task, model in {"wake": "gate", "MNLI": "words"}.items():
        own = run_workload(alone(several(sparse, *seeds), model))[CASE].design.placements[task]
        found = case.design.placements[task]
        assert own.bits(task_specific=False) == found.bits(task_specific=False)
        assert own.bits(task_specific=True) == found.bits(task_specific=True)
    # A model without weights has its stated density.
    some = several(sparse, f"cases.{CASE}.models.words={{weights: {{seed: 3}}}}")
    assert compressed_weights(some, some.cases[CASE]).keys() == {"MNLI", "MRPC"}
    placements, plain = run_workload(some)[CASE].design.placements, gated(sparse).design.placements
    for own in (False, True):
        assert placements["wake"].bits(task_specific=own) == plain["wake"].bits(task_specific=own)


SWAPPED = (
    f"cases.{CASE}.hardware.placement.backbone={{values: sram, masks: sram}}",
    f"cases.{CASE}.models.gate.swapped=true",
    f"cases.{CASE}.models.words={{swapped: true}}",
    "requests.rounds=2",
)
ROOM = f"cases.{CASE}.hardware.memories.sram.capacity="


def switched(case: CaseResult) -> dict[str, int]:
    """Return the bytes that switches read from DRAM, and those that they moved over the bus."""
    found = dict.fromkeys(("dram", "bus"), 0)
    for key, amount in case.run.ledger.amounts.items():
        if key.program == ProgramKind.SWITCH and (key.block, key.action) in (
            ("dram", "read"),
            ("bus", "transfer"),
        ):
            found[key.block] += amount
    return found


def test_models_that_are_swapped_need_room_one_at_a_time_and_come_back_whole() -> None:
    case = gated(*SWAPPED, f"{ROOM}fit")
    placements, capacity = case.design.placements, case.design.hardware.memories["sram"].capacity
    shared, own = (
        {t: placements[t].data_bits(task_specific=part)["sram"] for t in placements}
        for part in (False, True)
    )
    assert case.design.overlaid == {"sram"}
    assert 8 * capacity < shared["wake"] + shared["MNLI"] + max(own.values())
    # The capacity is that of the largest model with its largest task.
    assert 8 * capacity >= max(shared[t] + own[t] for t in placements)
    # Each round: the gate and its task leave for the words, and the words for the gate; the two
    # tasks of words make room for each other.
    once = [ceil_div(shared[t], 8) for t in ("wake", "MNLI")]
    tasks = [ceil_div(own[t], 8) for t in placements]
    moved = 2 * (sum(once) + sum(tasks))
    assert switched(case)["dram"] == moved
    assert case.run.swaps == {("wake", "sram"): 2, ("MNLI", "sram"): 2}
    assert case.run.total(ProgramKind.SWITCH).count == 6
    assert all(request.switched for request in case.run.requests)
    spent = sum(row.energy for row in case.breakdown)
    assert spent == pytest.approx(case.figures.account.total, rel=1e-12)
    assert case.lifetimes["sram"].worst_writes == 4 + 6


def test_a_memory_that_holds_all_models_keeps_them() -> None:
    swapped, kept = gated(*SWAPPED, f"{ROOM}2 MiB"), gated(SWAPPED[0], SWAPPED[3], f"{ROOM}2 MiB")
    assert not swapped.design.overlaid
    assert swapped.run.ledger == kept.run.ledger
    assert swapped.design.shared_bits == kept.design.shared_bits


def test_a_model_that_is_not_swapped_stays() -> None:
    case = gated(SWAPPED[0], *SWAPPED[2:], f"{ROOM}fit")
    placements, capacity = case.design.placements, case.design.hardware.memories["sram"].capacity
    bits = {t: placements[t].bits(task_specific=False)["sram"] for t in ("wake", "MNLI")}
    assert 8 * capacity >= sum(bits.values())
    assert {task for task, _ in case.run.swaps} <= {"MNLI"}


def test_what_cannot_be_swapped_is_told() -> None:
    with pytest.raises(MappingError, match=r"models.gate.swapped: the machine .* has no dram"):
        gated(*NO_DRAM, f"cases.{CASE}.models.gate.swapped=true")
    with pytest.raises(ConfigError, match="there is no other model to make room for"):
        result_of(
            f"{{words: {ENCODER}}}",
            "[MNLI, MRPC]",
            f"cases.{CASE}.models={{words: {{swapped: true}}}}",
        )


def test_faults_are_those_of_the_model_of_the_task() -> None:
    options = FaultOptions(
        task="MNLI", schemes=("mixed2",), seeds=1, sentences=2, tokens=4, fault_rates=()
    )
    plain = small_workload(*ONE_CASE, "tasks=[MNLI, MRPC]", "requests.rounds=1")
    found, expected = study_faults(several(), options), study_faults(plain, options)
    assert found.schemes == expected.schemes
    assert found.subject.model == "words"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("tasks={wake: {model: gat, classes: 4}, MNLI: {model: words}}",
         "tasks.wake.model: there is no model 'gat'; did you mean 'gate'?"),
        ("tasks={wake: {model: gate, classes: 4}, MNLI: }",
         "tasks.MNLI.model: this key is missing; expected one of gate, words"),
        ("tasks={wake: {model: gate, classes: 4}}",
         "models.words: no task names this model; leave it out, or give it a task"),
        ("model={name: albert-base}", "models: stands beside 'model'; keep one of them"),
        ("models={}", "model: this key is missing; expected a model, or several by name in "
         "'models'"),
        (f"cases.{CASE}.models={{gates: {{}}}}", "there is no model 'gates'; did you mean 'gate'?"),
        ("early_exit={exit_layer: {wake: 2}}",
         "early_exit.exit_layer.wake: the model of this task runs all layers; leave it out"),
        (f"cases.{CASE}.weights={{shared: [a.npz]}}", f"cases.{CASE}.weights.shared: files hold "
         f"the weights of one model; name them in cases.{CASE}.models.gate.weights.shared"),
        ("models.gate.name=ds-cn", "models.gate.name: expected a preset or 'custom'"),
        ("sequence_length=200", "200 tokens are more than the 128 positions of custom"),
        ("generate={new_tokens: 3}", "generate: ds-cnn, custom is no decoder"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_models_is_told(setting: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        several(setting)
    assert message in str(error.value)


def test_a_name_of_a_model_is_refused_where_there_is_one() -> None:
    with pytest.raises(ConfigError, match="there is no model 'gate'; there is one model"):
        load_workload("workloads/resnet8.yaml", ("tasks.objects.model=gate",))
