"""Studies: rows are those of ``evaluate``, whoever computes them, however often they are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_workload import MAIN, SMALL

import accelsim
from accelsim.errors import AccelsimError, CapacityError, ConfigError
from accelsim.inputs.memo import Memo
from accelsim.report.sweep import sweep_report
from accelsim.report.table import Prose
from accelsim.study.evaluator import Evaluator, Tally
from accelsim.study.executors.base import Chunk, InProcess, Pending
from accelsim.study.executors.local import LocalProcesses, _Worker
from accelsim.study.outcome import cases_in, outcome_of
from accelsim.study.store import IN_MEMORY, Store
from accelsim.study.sweep.run import study_of
from accelsim.study.sweep.space import Study, load_study
from accelsim.study.sweep.table import StudyTable, _library

CASES = ["adapter_slc", "vanilla_slc"]
LENGTH = "hardware.bus.length"
BOTTLENECK = "cases.adapter_slc.adaptation.bottleneck"
ROUNDS = "requests.rounds"


def small(axes: Mapping[str, Any], **more: Any) -> Study:
    return study_of(MAIN, axes, SMALL, {"cases": CASES, **more})


def swept(axes: Mapping[str, Any], store: Any = None, jobs: int = 0, **more: Any) -> StudyTable:
    return accelsim.sweep(MAIN, axes, set=SMALL, cases=CASES, store=store, jobs=jobs, **more)


def rows(table: StudyTable) -> list[dict[str, Any]]:
    return list(table.records())


# -- points --------------------------------------------------------------------------------------


def test_a_grid_is_every_combination_the_last_axis_first() -> None:
    study = small({ROUNDS: [1, 2], LENGTH: ["1 mm", "2 mm"]})
    assert [tuple(point.values.values()) for point in study] == [
        (1, "1 mm"), (1, "2 mm"), (2, "1 mm"), (2, "2 mm"),
    ]  # fmt: skip
    assert study[2].point.assignments == (*SMALL, "requests.rounds=2", "hardware.bus.length=1 mm")
    assert list(study[0].values) == ["requests_rounds", "bus_length"]


def test_points_keep_nothing_but_their_names_in_memory() -> None:
    """What 2,000 more points take: 16 bytes of a name each, and a number of some."""

    def taken(points: int) -> int:
        study = small({"x": {"path": LENGTH, "from": "1 mm", "to": "9 mm", "steps": points}})
        tracemalloc.start()
        assert len(study.ids) == len(study.picks) == sum(1 for _ in study) == points
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return held

    sizes = (1000, 3000)
    for points in sizes:
        taken(points)  # what is remembered of paths is there from now on
    few, many = map(taken, sizes)
    assert (many - few) / 2000 < 40


def test_an_axis_is_there_when_its_condition_holds() -> None:
    width = {"path": BOTTLENECK, "values": [8, 16], "when": "requests_rounds == 2"}
    study = small({ROUNDS: [1, 2], "width": width})
    assert [tuple(point.values.values()) for point in study] == [(1, None), (2, 8), (2, 16)]


def test_equal_points_of_a_grid_are_one_and_of_a_sample_many() -> None:
    axis = {"variants": {"a": {ROUNDS: 1}, "b": {ROUNDS: 1}, "c": {ROUNDS: 2}}}
    assert [point.values["v"] for point in small({"v": axis})] == ["a", "c"]
    drawn = small({"v": axis}, sample={"points": 30, "seed": 1})
    assert sorted({point.values["v"] for point in drawn}) == ["a", "b", "c"]
    assert len(drawn) == 30
    found = swept({"v": axis}, sample={"points": 30, "seed": 1})
    assert found.tally is not None
    assert (found.tally.total, found.tally.asked["run"], len(found)) == (30, 4, 30)


# -- rows ----------------------------------------------------------------------------------------

AXES = {LENGTH: ["1 mm", "3 mm"], BOTTLENECK: [8, 10**6], ROUNDS: [1, 2]}


def test_rows_are_those_of_evaluate_and_misfits_are_rows() -> None:
    edp = {"edp": "adapter_slc.energy.request * adapter_slc.latency.request"}
    table = accelsim.sweep(MAIN, AXES, set=SMALL, cases=CASES[:1], store=None, jobs=0, columns=edp)
    assert table.states == {"ok": 4, "infeasible": 4}
    for row in table:
        if row.state == "ok":
            figures = accelsim.evaluate(row.point.point).figures
            assert row.figures == figures
            product = figures["adapter_slc.energy.request"] * figures["adapter_slc.latency.request"]
            assert row["edp"] == product
        else:
            assert (row.reason.kind, row.reason.context[1]) == ("CapacityError", "sram")
            assert row.reason.context[2] > row.reason.context[3]  # bits needed and free
            assert row["edp"] is None


def test_a_case_that_does_not_fit_leaves_those_of_the_others() -> None:
    bound = ["adapter_slc.energy.request <= '1 J'"]
    both, lacking = swept({BOTTLENECK: [8, 10**6]})
    assert (both.state, both.reason.kind, len(cases_in(both.figures))) == ("ok", "", 2)
    assert (lacking.state, lacking.reason.kind) == ("ok", "CapacityError")
    assert lacking.reason.message.startswith("case 'adapter_slc': ")
    assert lacking.reason.context[2] > lacking.reason.context[3]
    alone = accelsim.evaluate(lacking.point.point, strict=False)
    assert list(alone.refused) == ["adapter_slc"]
    assert lacking.figures == alone.figures
    vanilla = {n: f for n, f in both.figures.items() if n.startswith("vanilla_slc.")}
    assert lacking.figures == vanilla
    # What is asked of it breaks a constraint, whatever the bound.
    one, other = swept({BOTTLENECK: [8, 10**6]}, constraints=bound)
    assert (one.state, other.state, other.reason.kind) == ("ok", "infeasible", "constraint")
    assert other.reason.message.startswith(f"{bound[0]} has no value: case 'adapter_slc': ")
    with pytest.raises(CapacityError, match=r"^case 'adapter_slc'"):
        accelsim.evaluate(lacking.point.point)
    report = sweep_report(swept({BOTTLENECK: [8, 10**6]}), ["accelsim"])
    assert report.document["states"]["ok"] == 2
    assert report.document["ok_in_part"] == 1
    (first, *_) = (part for part in report.verdict if isinstance(part, Prose))
    assert first.text == "2 of 2 points: 2 ok (1 of the ok without a case that does not fit)"


def test_a_column_or_an_axis_that_says_yes_or_no_may_be_a_constraint() -> None:
    few = {"columns": {"few": "requests_rounds < 2", "many": "not few"}, "constraints": ["many"]}
    one, two = swept({ROUNDS: [1, 2]}, **few)
    assert (one.state, two.state) == ("infeasible", "ok")


def test_an_objective_without_a_value_anywhere_is_told() -> None:
    named = {"kept": {"minimize": "adapter_slc.memory.capacity"}}
    report = sweep_report(swept({ROUNDS: [1]}, objectives=named), [])
    told = [each.text for each in report.verdict if isinstance(each, Prose)]
    assert any("Objective kept, adapter_slc.memory.capacity, has no value" in one for one in told)


def test_a_constraint_makes_a_row_infeasible_and_says_by_how_much() -> None:
    table = swept({ROUNDS: [1, 2]}, constraints=["requests_rounds < 2"])
    first, second = table
    assert (first.state, second.state) == ("ok", "infeasible")
    assert second.reason.kind == "constraint"
    assert second.reason.context == (2, 2)
    assert second.figures


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                LENGTH: st.sampled_from(["0.5 mm", "1 mm", "4 mm"]),
                "hardware.dram.devices": st.integers(1, 3),
                "hardware.memories.sram.technology": st.sampled_from(["sram", "sram_htree"]),
                "hardware.process.temperature": st.sampled_from(["300 K", "350 K"]),
                "idle": st.sampled_from(["{policy: timeout}", "{policy: break_even}"]),
                BOTTLENECK: st.sampled_from(["8", "16"]),
            }
        ),
        min_size=2,
        max_size=4,
    )
)
def test_repriced_equals_simulated_to_the_last_bit(asked: list[dict[str, Any]]) -> None:
    memo = Memo()
    for values in asked:
        texts = tuple(f"{path}={value}" for path, value in values.items())
        point = accelsim.Point(MAIN, (*SMALL, *texts), CASES)
        shared, alone = outcome_of(point, memo), outcome_of(point, Memo())
        assert repr(shared.figures) == repr(alone.figures)
        assert (shared.state, shared.reason) == (alone.state, alone.reason)


def test_points_that_differ_in_prices_share_a_simulation() -> None:
    lengths = [f"{n / 4} mm" for n in range(1, 21)]
    tally = swept({LENGTH: lengths, ROUNDS: [1, 2]}).tally
    assert tally is not None
    assert (tally.asked["run"], tally.made["run"]) == (80, 4)
    assert (tally.asked["design"], tally.made["design"]) == (80, 2)


def test_the_order_of_evaluation_keeps_what_shares_a_simulation_together() -> None:
    study = small({LENGTH: [f"{n} mm" for n in range(1, 13)], ROUNDS: [1, 2, 3]})
    groups = study.groups(range(len(study)))
    assert groups == [list(range(first, 36, 3)) for first in range(3)]
    pending = Pending(groups, workers=2)
    first, second = pending.take(), pending.take()
    assert first is not None
    assert second is not None
    assert (first.group, second.group) == (0, 1)
    assert first.numbers == tuple(range(0, 30, 3))
    again = pending.take(last=0)
    assert again is not None
    assert again.numbers == (30, 33)


# -- who computes --------------------------------------------------------------------------------


def test_processes_give_the_same_rows_as_one(tmp_path: Path) -> None:
    here = swept(AXES)
    there = swept(AXES, tmp_path / "s", jobs=2)
    assert repr(rows(here)) == repr(rows(there))
    assert there.tally is not None
    assert here.tally is not None
    assert there.tally.states == here.tally.states


POISON = """
import os, signal
from accelsim.evaluation.metrics import Metric, MetricFamily

def poison(case):
    length = round(1e3 * case.design.hardware.bus.length)
    if length == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if length == 3:
        raise RuntimeError("I fail")
    return length

class Mine(MetricFamily):
    name = "mine"
    metrics = (Metric("poison", "poison", "1", poison),)
"""


@pytest.fixture
def poisoned(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(POISON)
    from accelsim.inputs.plugins import load_plugins

    load_plugins([tmp_path / "mine.py"])
    return tmp_path


def test_a_point_that_kills_its_worker_twice_is_a_row(poisoned: Path) -> None:
    axes = {LENGTH: [f"{n} mm" for n in range(1, 7)]}
    table = swept(axes, poisoned / "s", jobs=2)
    assert [row.state for row in table] == ["ok", "killed", "failed", "ok", "ok", "ok"]
    assert [row.get("adapter_slc.poison") for row in table] == [1, None, None, 4, 5, 6]
    failed = list(table)[2].reason
    assert failed.kind == "PluginError"
    assert "I fail" in failed.message
    assert "RuntimeError" in failed.trace

    again = swept(axes, poisoned / "s", jobs=1)
    assert again.tally is not None
    assert again.tally.known == 6
    (poisoned / "mine.py").write_text(POISON.replace("length == 2", "False"))


def test_workers_take_no_package_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = str(Path(MAIN).resolve())
    (tmp_path / "accelsim").mkdir()
    (tmp_path / "accelsim/__init__.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [path for path in sys.path if path])
    table = accelsim.sweep(here, {ROUNDS: [1]}, set=SMALL, cases=CASES, jobs=1)
    assert len(rows(table)) == 1


@pytest.mark.parametrize("killed", [2, 9])
def test_a_worker_that_is_killed_as_it_starts_is_replaced(
    killed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hired: list[_Worker] = []

    def give(self: _Worker, chunk: Chunk, points: Sequence[Any]) -> None:
        real(self, chunk, points)
        hired.append(self)
        if len(hired) <= killed:
            self.process.kill()

    real = _Worker.give
    monkeypatch.setattr(_Worker, "give", give)
    if killed > 3:
        with pytest.raises(AccelsimError, match=r"ended before it began \(exit code -9\)"):
            swept({ROUNDS: [1, 2]}, jobs=1)
        return
    assert rows(swept({ROUNDS: [1, 2]}, jobs=1)) == rows(swept({ROUNDS: [1, 2]}))
    assert len(hired) == killed + 1


def test_what_another_command_has_answered_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All that was left when a worker looked for more; a wait for nobody would never end."""

    def waited(busy: list[Any]) -> list[Any]:
        assert busy
        return wait(busy)

    monkeypatch.setattr("accelsim.study.executors.local.wait", waited)
    points = small({ROUNDS: [1, 2]}).points
    with LocalProcesses(1) as executor:
        answered = Pending([[0, 1]], workers=1, unknown=lambda numbers: ())
        assert list(executor.results(answered, points)) == []
        halfway = iter([(0, 1), ()])
        pending = Pending([[0, 1], [0, 1]], workers=1, unknown=lambda numbers: next(halfway))
        assert [number for number, _ in executor.results(pending, points)] == [0, 1]


def test_failures_are_retried_when_asked_and_stop_a_study_when_asked(poisoned: Path) -> None:
    axes = {LENGTH: ["3 mm", "1 mm", "3.1 mm", "4 mm"]}
    stopped = swept(axes, poisoned / "s", max_failures=0)
    assert stopped.tally is not None
    assert stopped.tally.stopped
    assert [row.number for row in stopped] == [0]
    told: list[int] = []
    tell = lambda tally: told.append(tally.done)  # noqa: E731
    more = swept(axes, poisoned / "s", retry_failed=True, progress=tell)
    assert more.states == {"ok": 2, "failed": 2}
    assert told == [0, 1, 2, 3, 4]


def test_an_interrupt_keeps_what_was_done_and_the_next_call_goes_on(tmp_path: Path) -> None:
    axes = {LENGTH: ["1 mm", "2 mm", "3 mm"]}

    def interrupt(tally: Tally) -> None:
        if tally.done == 2:
            raise KeyboardInterrupt

    for jobs in (0, 1):
        store = tmp_path / str(jobs)
        with pytest.raises(KeyboardInterrupt):
            swept(axes, store, jobs=jobs, progress=interrupt)
        table = swept(axes, store, jobs=jobs)
        assert table.tally is not None
        assert (table.tally.known, table.tally.done) == (2, 3)
        assert repr(rows(table)) == repr(rows(swept(axes)))


def test_studies_share_rows_and_tell_what_changed(tmp_path: Path) -> None:
    swept({LENGTH: ["1 mm", "2 mm"]}, tmp_path / "s")
    reordered = swept({ROUNDS: [2], LENGTH: ["2 mm", "3 mm"]}, tmp_path / "s")
    assert reordered.tally is not None
    assert reordered.tally.known == 0  # the rounds are said now
    again = swept({LENGTH: ["3 mm", "2 mm"], ROUNDS: [2]}, tmp_path / "s")
    assert again.tally is not None
    assert again.tally.known == 2


def test_two_commands_at_once_share_the_work(tmp_path: Path) -> None:
    axes = {LENGTH: [f"{n} mm" for n in range(1, 61)]}
    study = small(axes)
    with Store(tmp_path / "s") as mine, Store(tmp_path / "s") as yours, InProcess() as executor:
        other = Evaluator(yours, InProcess())

        def meanwhile(tally: Tally) -> None:
            if tally.done == 5:
                # The other has the beginning of what is left, as if it had begun just before.
                other.fill(list(study.points)[:25], study.groups)

        tally = Evaluator(mine, executor, progress=meanwhile).fill(study.points, study.groups)
        assert (tally.done, tally.known, tally.states["ok"]) == (60, 15, 60)
        assert len(StudyTable(study, mine)) == 60


def test_an_evaluator_answers_again_from_its_store() -> None:
    points = list(small({LENGTH: ["1 mm", "2 mm"]}).points)
    told: list[Tally] = []
    with Store(IN_MEMORY) as store, LocalProcesses(1) as executor:
        evaluator = Evaluator(store, executor, progress=told.append)
        first = evaluator(points[:1])
        both = evaluator([points[1], points[0], points[1]])
        assert repr(both[1].figures) == repr(first[0].figures)
        assert both[0].figures == both[2].figures
        assert told[-1].known == 1
        assert told[-1].total == 3


def test_frames_are_one_call_away() -> None:
    pandas = pytest.importorskip("pandas", reason="an optional library: pip install pandas")
    frame = swept(AXES).to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["bus_length"].tolist()[:1] == [1e-3]
    assert frame.shape[0] == 8


def test_without_the_library_a_frame_says_what_to_install() -> None:
    with pytest.raises(ConfigError, match=r"^no_such is not installed; run: pip install no_such$"):
        _library("no_such")


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "more", "told"),
    [
        ({"hardware.bus.lenght": ["1 mm"]}, {}, r"axes.bus_lenght: no value .*did you mean 'lengt"),
        ({LENGTH: ["1 GHz", "2 GHz"]}, {}, r"axes.bus_length: no value of it is valid.*unit of m"),
        ({LENGTH: []}, {}, r"axes.bus_length.values: this is empty"),
        ({ROUNDS: [1]}, {"columns": {"x": "adapter_slc.energi.system"}}, r"columns.x: .*no figure"),
        ({ROUNDS: [1]}, {"objectives": {"x": {"minimize": "adaptr_slc.power"}}}, r"did you mean"),
        (
            {ROUNDS: [1]},
            {"constraints": ["adapter_slc.area.system <= '2 s'"]},
            r"constraints\[0\]: adapter_slc.area.system is compared with '2 s': .*m2, got one of s",
        ),
        (
            {ROUNDS: [1]},
            {"constraints": ["adapter_slc.area.system * 2"]},
            r"constraints\[0\]: 'adapter_slc.area.system \* 2' is neither true nor false",
        ),
        (
            {ROUNDS: [1]},
            {"marks": {"x": "requests_rounds == 1 and adapter_slc.power"}},
            r"marks.x: .* is neither true nor false",
        ),
        (
            {ROUNDS: [1]},
            {"columns": {"x": "'2 J' < adapter_slc.gain.energy.system"}},
            r"columns.x: .*'2 J': expected a unit of 1, got one of J",
        ),
        ({ROUNDS: [1]}, {"objectives": {"x": {}}}, r"has one of minimize and maximize"),
        ({ROUNDS: [1]}, {"cases": ["nobody"]}, r"there is no case 'nobody'"),
        ({ROUNDS: [1]}, {"columns": {"requests_rounds": "1"}}, r"two columns 'requests_rounds'"),
        ({ROUNDS: [1]}, {"samples": 3}, r"unknown key; did you mean 'sample'"),
        ({ROUNDS: [1]}, {"columns": {"state": "1"}}, r"two columns 'state'"),
        ({"": [1]}, {}, r"axis_1.path: .* is no path"),
        (
            {"one": {"path": ROUNDS, "values": [1, 2]}, "two": {"path": ROUNDS, "values": [3, 4]}},
            {},
            r"axes.one: all that it sets is set again by two: its values change nothing",
        ),
        ({ROUNDS: [1]}, {"max_failures": -1}, r"^max_failures: expected 0 or more, got -1"),
    ],
)
def test_one_message_says_what_is_wrong(
    axes: Mapping[str, Any], more: Mapping[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        swept(axes, **more) if "cases" not in more else accelsim.sweep(
            MAIN, axes, store=None, **more
        )
    assert "\n" not in str(caught.value)


def test_what_a_later_axis_sets_again_only_now_and_then_may_stay() -> None:
    both = {"a": {ROUNDS: 3, LENGTH: "1 mm"}, "b": {ROUNDS: 4}}
    one = {"path": ROUNDS, "values": [1, 2]}
    when = {"path": ROUNDS, "values": [5], "when": "one == 2"}
    length = {"path": LENGTH, "values": ["2 mm"]}
    assert len(small({"one": one, "two": when})) == 2
    assert len(small({"two": {"variants": both}, "length": length})) == 2
    assert len(small({"one": one, "two": {"variants": {**both, "c": {LENGTH: "3 mm"}}}})) == 6
    with pytest.raises(ConfigError, match=r"axes.one: .* set again by two"):
        small({"one": one, "two": {"variants": both}})


def test_axes_are_any_values_that_python_has() -> None:
    assert [point.values["requests_rounds"] for point in small({ROUNDS: np.arange(1, 3)})] == [1, 2]
    spread = {"s": {"path": ROUNDS, "values": [np.int64(1)]}, "cases.\u00e9.x": (n for n in (2, 3))}
    assert [dict(point.values) for point in small(spread)] == [
        {"s": 1, "__x": 2}, {"s": 1, "__x": 3},
    ]  # fmt: skip


def test_what_no_axis_is_to_blame_for_is_told_as_it_is() -> None:
    with pytest.raises(ConfigError, match=r"^--set hardware.bus.length=1 s: "):
        accelsim.sweep(MAIN, {ROUNDS: [1]}, set=(*SMALL, f"{LENGTH}=1 s"), store=None)
    with pytest.raises(ConfigError, match=r"^there is no case 'nobody'"):
        accelsim.sweep(MAIN, {ROUNDS: [1]}, cases=["nobody"], store=None)


def test_far_too_many_points_are_refused() -> None:
    many: Sequence[int] = range(2000)
    with pytest.raises(ConfigError, match=r"^axes: more than 1,000,000 points; take fewer"):
        len(small({ROUNDS: many, BOTTLENECK: many}))


# -- kills ---------------------------------------------------------------------------------------

STUDY = """\
name: killed
workload: {workload}
cases: [adapter_slc]
set:
  model: {{name: custom, family: albert, vocabulary_size: 1000, embedding_size: 32, hidden_size: 64,
    layers: 3, heads: 2, intermediate_size: 256, maximum_positions: 128, type_vocabulary_size: 2,
    shared_layers: true, pooler: true}}
  sequence_length: 32
axes:
  length: {{path: hardware.bus.length, from: 1 mm, to: 4 mm, steps: 8}}
  rounds: {{path: requests.rounds, values: [1, 2, 3, 4, 5]}}
"""


@pytest.mark.parametrize("heard", [1, 23])
def test_what_was_told_outlives_a_kill_and_the_rest_follows(tmp_path: Path, heard: int) -> None:
    file = tmp_path / "killed.yaml"
    file.write_text(STUDY.format(workload=MAIN))
    script = (
        "import sys, accelsim\n"
        "def tell(tally):\n    sys.stdout.write(f'{tally.done}\\n'); sys.stdout.flush()\n"
        "accelsim.sweep(sys.argv[1], store=sys.argv[2], jobs=2, progress=tell)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.Popen(
        [sys.executable, "-c", script, str(file), str(tmp_path / "s")],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert done.stdout is not None
    while int(done.stdout.readline()) < heard:
        pass
    done.send_signal(signal.SIGKILL)
    done.communicate()
    table = accelsim.sweep(file, store=tmp_path / "s", jobs=0)
    assert table.tally is not None
    assert heard <= table.tally.known < 40
    whole = accelsim.sweep(file, store=None, jobs=0)
    assert repr(rows(table)) == repr(rows(whole))


def test_a_study_file_that_changed_is_told(tmp_path: Path) -> None:
    from accelsim.study.sweep.run import Evaluation, run_study

    file = tmp_path / "killed.yaml"

    def run(text: str) -> tuple[int, int, int]:
        file.write_text(text)
        how = Evaluation(jobs=0)
        run_study(load_study(file), store, how)
        (changed,) = how.told
        return changed.stay, changed.new, changed.dropped

    text = STUDY.format(workload=MAIN).replace("steps: 8", "steps: 2")
    with Store(IN_MEMORY) as store:
        assert run(text) == (0, 10, 0)
        assert run(text.replace("[1, 2, 3, 4, 5]", "[5, 6]")) == (2, 2, 8)
        with InProcess() as executor:
            assert executor.workers == 1
