"""Several models on one chip in the studies, and prompts in chunks beside other models."""

from __future__ import annotations

from collections import Counter

import pytest
from small_workload import SMALL, small_workload

from accelsim.errors import ConfigError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.one_model import alone
from accelsim.evaluation.stages import run_workload
from accelsim.inputs.memo import Memo
from accelsim.study.headline import Account, Pricing, find_gains
from accelsim.study.scaling import find_scaling, grown_model
from accelsim.workload.schema import Workload

CASE = "adapter_slc"
ENCODER = SMALL[0].removeprefix("model=")
GATE = "{name: ds-cnn, image_height: 12, layers: 1, width: 16}"
DECODER = (
    "{name: custom, family: gpt2, vocabulary_size: 100, hidden_size: 32, layers: 2, heads: 2, "
    "maximum_positions: 64, type_vocabulary_size: 0, intermediate_size: 64, tied_embeddings: true}"
)
HEAD = "{adaptation: {method: head}}"
TASKS = "{wake: {model: gate, classes: 4}, MNLI: {model: words}, MRPC: {model: words}}"


def several(*overrides: str, words: str = ENCODER, tasks: str = TASKS) -> Workload:
    """Return a gate of pictures and a model of tokens on the machine of one case."""
    dropped = tuple(f"cases.{n}=null" for n in ("vanilla_mixed", "adapter_mixed"))
    models = f"models={{gate: {GATE}, words: {words}}}"
    homes = tuple(f"cases.{n}.models={{gate: {HEAD}}}" for n in (CASE, "vanilla_slc"))
    return small_workload(*dropped, "model=null", models, f"tasks={tasks}", *homes, *overrides)


def test_prompts_in_chunks_are_those_of_the_decoder_alone() -> None:
    settings = (
        "cases.vanilla_slc=null",
        f"cases.{CASE}.baseline=null",
        f"cases.{CASE}.adaptation={{method: head}}",
        f"cases.{CASE}.hardware.placement.cache=sram",
        f"cases.{CASE}.hardware.dram=null",
        f"cases.{CASE}.storage.task.format=dense",
        f"cases.{CASE}.models={{}}",
        "sequence_length=24",
        "generate={new_tokens: 3, cache_block: 1, prompt_chunk: 8}",
        "requests.rounds=1",
    )
    tasks = "{wake: {model: gate, classes: 4}, reply: {model: words}}"
    both = several(*settings, words=DECODER, tasks=tasks)

    def run(workload: Workload) -> CaseResult:
        return run_workload(workload)[CASE]

    together, parts = run(both), [run(alone(both, name)) for name in ("gate", "words")]
    assert together.design.lengths == {"wake": (1,), "reply": (8, 16, 24)}
    amounts = Counter[object]()
    for each in parts:
        amounts.update(each.run.ledger.amounts)
    assert together.run.ledger.amounts == amounts
    assert together.run.makespan == sum(each.run.makespan for each in parts)


def test_an_encoder_beside_a_decoder_reads_its_sentence_whole() -> None:
    tasks = "{MNLI: {model: gate, classes: 3}, reply: {model: words}}"
    settings = (
        f"models={{gate: {ENCODER}, words: {DECODER}}}",
        "cases.vanilla_slc=null",
        f"cases.{CASE}.baseline=null",
        f"cases.{CASE}.hardware.placement.cache=sram",
        f"cases.{CASE}.models={{words: {HEAD}}}",
        "sequence_length=24",
        "generate={new_tokens: 3, cache_block: 1, prompt_chunk: 8}",
    )
    case = run_workload(several(*settings, words=DECODER, tasks=tasks))[CASE]
    assert case.design.lengths == {"MNLI": (24,), "reply": (8, 16, 24)}
    names = Counter(each.name for each in case.run.executions)
    assert names["infer words"] > names["infer gate"] == 1


def test_tasks_of_one_model_grow_beside_those_of_the_others() -> None:
    workload = several()
    found = find_scaling(workload, [1, 2, 3])
    assert (found.model, found.beside) == ("words", ("wake",))
    assert found.tasks[:2] == ("MNLI", "MRPC")
    placements = run_workload(workload)[CASE].design.placements
    stored = [point.stored_bytes for point in found.cases[CASE]]
    shared = {t: sum(placements[t].bits(task_specific=False).values()) for t in ("wake", "MNLI")}
    own = {t: sum(p.bits(task_specific=True).values()) for t, p in placements.items()}
    both = sum(shared.values()) + own["wake"]
    assert abs(8 * stored[0] - both - own["MNLI"]) < 8 * 4
    assert abs(8 * stored[1] - both - own["MNLI"] - own["MRPC"]) < 8 * 4
    gates = find_scaling(workload, [1, 2], model="gate")
    assert gates.beside == ("MNLI", "MRPC")
    assert gates.cases[CASE][0].stored_bytes == stored[1]
    assert gates.cases[CASE][1].served is not None
    with pytest.raises(ConfigError, match=r"^--model: there is no model 'word'; did you mean"):
        grown_model(workload, "word")


def test_a_visit_of_a_task_of_each_model_is_the_sum_of_the_visits() -> None:
    workload = several("published={source: a paper, area: 2, energy: 30, latency: 5}")
    # Both depths: a layer of the gate, three of words.
    assert {each.account.passes for each in find_gains(workload)} == {0, 1, 3}
    account = Account("shipped", "stated", 1, "loaded", leakage=False, cold_home="stream")

    def cost(of: Workload) -> tuple[float, float, float]:
        found = Pricing(of, of.cases[CASE], Memo()).cost(account, loads=True)
        return found.area, found.energy, found.latency

    whole, *parts = (
        cost(of) for of in (workload, *(alone(workload, n) for n in ("gate", "words")))
    )
    assert whole[0] == parts[0][0] == parts[1][0]
    for figure in (1, 2):
        assert whole[figure] == pytest.approx(sum(part[figure] for part in parts), rel=1e-12)
