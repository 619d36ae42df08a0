"""The best rows of a study, by brute force; searches find them and never ask twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import engine_copies
import pytest
from searched import SEARCH, searched_study
from small_workload import MAIN, SMALL

import accelsim
from accelsim.cli.main import run_command_line
from accelsim.errors import ConfigError
from accelsim.inputs.shipped import shipped_folder
from accelsim.report.sweep import sweep_report
from accelsim.report.table import Table
from accelsim.study import search as searching
from accelsim.study.evaluator import Tally
from accelsim.study.front import Costs, costs_of, front_of, with_objectives
from accelsim.study.identity import model_id
from accelsim.study.search import (
    Search,
    check_search,
    choose,
    grid_size,
    key_of,
    search_study,
    unseen,
    without_sample,
)
from accelsim.study.store import IN_MEMORY, Store
from accelsim.study.sweep.config import Objective
from accelsim.study.sweep.run import Evaluation, study_of
from accelsim.study.sweep.space import Study
from accelsim.study.sweep.table import StudyRow

CASE = "adapter_slc"
LENGTH, ROUNDS = "hardware.bus.length", "requests.rounds"
BOTTLENECK = f"cases.{CASE}.adaptation.bottleneck"
AXES: Mapping[str, Any] = {
    LENGTH: ["1 mm", "2 mm", "3 mm"],
    BOTTLENECK: [4, 8, 16, 10**6],
    ROUNDS: [1, 2],
}
OBJECTIVES: Mapping[str, Any] = {
    "energy": {"minimize": f"{CASE}.energy.request"},
    "width": {"maximize": "adaptation_bottleneck"},
}


def study(axes: Mapping[str, Any] = AXES, **more: Any) -> Study:
    return study_of(MAIN, axes, SMALL, {"cases": [CASE], "objectives": OBJECTIVES, **more})


# -- the best ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Costed:
    """A row of a study with its costs."""

    row: StudyRow
    costs: Costs | None


@pytest.fixture(scope="module")
def rows() -> list[StudyRow]:
    return list(accelsim.sweep(study(), store=None, jobs=0))


def costed(rows: list[StudyRow], **objectives: Objective) -> list[Costed]:
    return [Costed(row, costs_of(row, objectives)) for row in rows]


def test_rows_that_are_not_feasible_are_not_among_the_best(rows: list[StudyRow]) -> None:
    front = front_of(costed(rows, **study().config.objectives))
    assert {each.row["adaptation_bottleneck"] for each in front.best} == {4, 8, 16}
    assert {each.row.state for each in (*front.best, *front.others)} == {"ok"}
    assert len(front.best) + len(front.others) == 18
    assert front.near == front.best


def test_what_is_near_is_within_the_slack_of_one_of_the_best(rows: list[StudyRow]) -> None:
    least = costed(rows, energy=Objective(minimize="x"))
    (best,) = front_of(least).best
    for slack in (0.001, 0.02, 0.5):
        bound = best.row["energy"] * (1 + slack)
        wanted = [row for row in rows if row.state == "ok" and row["energy"] <= bound]
        assert [each.row for each in front_of(least, slack).near] == wanted
    most = front_of(costed(rows, energy=Objective(maximize="x"))).best
    assert [each.row["energy"] for each in most] == [
        max(row["energy"] for row in rows if row.state == "ok")
    ]


def test_without_an_objective_nothing_is_best(rows: list[StudyRow]) -> None:
    assert front_of(costed(rows)).best == ()


def test_the_report_begins_with_the_best_and_what_is_marked(rows: list[StudyRow]) -> None:
    marks = {"first": "number == 0", "narrow": "adaptation_bottleneck == 4"}
    only = {"energy": OBJECTIVES["energy"]}
    table = accelsim.sweep(study(objectives=only, marks=marks), store=None, jobs=0)
    best, near, *_ = sweep_report(table, ["accelsim"], near=0.01).sections
    assert isinstance(best, Table)
    assert isinstance(near, Table)
    assert best.title == "Best in energy: 1 of 18 feasible points"
    assert "first, narrow, beaten" in {row[-1] for row in best.rows}
    assert near.title.startswith("Within 1 % of the best in every objective: ")
    report = sweep_report(with_objectives(table, (), ("adaptation_bottleneck",)), ["accelsim"])
    assert report.document["best"] == [4, 5, 12, 13, 20, 21]
    with pytest.raises(ConfigError, match=r"no figure 'energy\.sys' of 'adapter_slc'"):
        with_objectives(table, (f"{CASE}.energy.sys",), ())
    with pytest.raises(ConfigError, match="is no formula"):
        with_objectives(table, ("1 +",), ())


# -- the space -----------------------------------------------------------------------------------


def test_a_grid_is_counted_with_its_conditions() -> None:
    assert grid_size(study()) == 24
    when = {"path": LENGTH, "values": ["1 mm", "2 mm"], "when": "requests_rounds == 2"}
    assert grid_size(study({ROUNDS: [1, 2, 3], "length": when})) == 4
    spread = {"path": LENGTH, "from": "1 mm", "to": "2 mm"}
    endless = study({"length": spread, ROUNDS: [1]}, sample={"points": 1}, objectives={})
    assert grid_size(endless) is None


def test_every_point_of_a_grid_is_drawn_once_and_then_none() -> None:
    small, random = study(), Random(3)
    seen: set[object] = set()
    for _ in range(24):
        places = unseen(small, seen, random)
        assert places is not None
        picks = choose(small, lambda name, size, ordered, places=places: places[name])
        assert key_of(picks) not in seen
        seen.add(key_of(picks))
    assert seen == {key_of(picks) for picks in without_sample(small).picks}
    assert unseen(small, seen, random) is None


def test_neighbours_are_those_of_numbers_in_order() -> None:
    found: dict[str, bool] = {}
    axes = {
        "a": {"path": LENGTH, "values": ["900 um", "1 mm", "2 mm"]},
        "b": {"path": ROUNDS, "values": [3, 1, 2]},
        "c": {"path": BOTTLENECK, "from": 4, "to": 8, "steps": 3},
        "d": {"variants": {"x": {"pad_to": 16}, "y": {"pad_to": 24}}},
    }

    def chooser(name: str, size: int | None, ordered: bool) -> float:
        found[name] = ordered
        return 0

    choose(study(axes, objectives={}), chooser)
    assert found == {"a": True, "b": False, "c": True, "d": False}


# -- searching -----------------------------------------------------------------------------------


def searched(jobs: int = 0, store: Store | None = None, **asked: Any) -> list[tuple[Any, ...]]:
    how = Evaluation(jobs)
    found = search_study(study(), store or Store(IN_MEMORY), how, Search(**asked))
    return [(*row.point.values.values(), row.state, row.get("energy")) for row in found.table]


def test_a_space_within_the_budget_is_evaluated_whole(rows: list[StudyRow]) -> None:
    found = search_study(study(), Store(IN_MEMORY), Evaluation(0), Search(budget=24))
    assert found.whole
    assert [dict(row) for row in found.table] == [dict(row) for row in rows]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"budget": 0}, r"^optimize: budget: input should be greater than or equal to 1, got 0"),
        ({"sampler": "x"}, r"^optimize: sampler: expected 'nsga2' or 'tpe', got the text 'x'"),
    ],
)
def test_a_search_that_is_none_is_one_message(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        accelsim.optimize(study(), store=None, jobs=0, **asked)


def test_a_study_without_objectives_is_no_search_and_leaves_no_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=r"^objectives: this key is missing"):
        check_search(study(objectives={}))
    path = shipped_folder("workloads") / "studies" / "adaptations.yaml"
    store = tmp_path / "out" / "studies.sqlite"
    assert run_command_line(["optimize", str(path), "--store", str(store)]) == 2
    assert "objectives: this key is missing" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sampler", ["nsga2", "tpe"])
def test_a_search_asks_new_points_up_to_its_budget(sampler: str) -> None:
    pytest.importorskip("optuna", reason="optuna suggests the points: pip install accelsim[optuna]")
    found = searched(budget=18, batch=4, sampler=sampler)
    assert len({each[:3] for each in found}) == len(found) == 18
    assert set(found[:4]) <= {(*a, s, e) for *a, s, e in searched(budget=24)}
    assert searched(budget=23, batch=4, sampler=sampler)[:18] == found


def test_a_search_is_the_same_for_any_workers_and_goes_on_from_the_store() -> None:
    pytest.importorskip("optuna", reason="optuna suggests the points: pip install accelsim[optuna]")
    kept = Store(IN_MEMORY)
    first = searched(store=kept, budget=8, batch=4)
    found = search_study(study(), kept, Evaluation(0), Search(budget=16, batch=4))
    assert found.table.tally is not None
    assert found.table.tally.known == 8
    assert kept.studies()[study().source][1] == 16
    assert searched(jobs=2, budget=16, batch=4)[:8] == first
    assert searched(jobs=2, budget=16, batch=4) == searched(store=kept, budget=16, batch=4)
    assert searched(budget=16, batch=4, seed=1) != searched(store=kept, budget=16, batch=4)


@pytest.mark.parametrize("sampler", ["nsga2", "tpe"])
def test_a_search_asks_what_it_asked_of_optuna_and_tells_it_the_same(
    sampler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, made = engine_copies.frozen()[sampler], engine_copies.optuna(sampler)
    monkeypatch.setattr(searching, "_optuna", lambda: made)
    search = Search(**SEARCH, sampler=sampler)  # type: ignore[arg-type]
    found = search_study(searched_study(), Store(IN_MEMORY), Evaluation(0), search)
    asked = [list(row.point.values.values()) for row in found.table]
    assert asked == known["asked"]
    assert len({str(each) for each in asked}) == len(asked) == SEARCH["budget"]
    # Repeats were suggested and replaced, and what cannot run was told to have failed.
    said = known["trials"]
    assert sum(trial["queued"] for trial in said) >= 10
    assert {trial["told"][1] for trial in said} == {None, "FAIL"}
    assert any(trial["told"][2].get("violation") for trial in said)


def test_what_breaks_a_constraint_more_is_told_to_be_worse() -> None:
    from accelsim.study.search import _violation

    limits = {"constraints": ["adaptation_bottleneck <= 4"]}
    table = accelsim.sweep(study({BOTTLENECK: [4, 8, 16]}, **limits), store=None, jobs=0)
    assert [_violation(row) for row in table] == [0, 1, 3]


def test_a_search_that_is_interrupted_has_its_rows_as_a_study() -> None:
    pytest.importorskip("optuna", reason="optuna suggests the points: pip install accelsim[optuna]")
    kept = Store(IN_MEMORY)

    def stop(tally: Tally) -> None:
        if tally.done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search_study(study(), kept, Evaluation(0, progress=stop), Search(budget=16, batch=4))
    assert kept.clean(model_id()) == 0
    assert kept.count() >= 4
