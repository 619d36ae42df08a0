from __future__ import annotations

import pytest
from model_strategies import exactly

from accelsim.errors import ConfigError
from accelsim.model.tasks import GLUE_TASKS, find_task


@pytest.mark.parametrize("task", GLUE_TASKS)
def test_a_task_is_found_in_upper_and_lower_case(task) -> None:
    assert find_task(task.name) is find_task(task.name.lower()) is find_task(task.name.upper())
    assert find_task(task.name) is task


def test_classes_and_sentence_pairs_are_those_of_glue() -> None:
    assert len(GLUE_TASKS) == 9
    assert {task.name: task.classes for task in GLUE_TASKS if task.classes != 2} == {
        "STS-B": 1,
        "MNLI": 3,
    }
    assert {task.name for task in GLUE_TASKS if not task.sentence_pair} == {"CoLA", "SST-2"}


@pytest.mark.parametrize(
    ("wrong", "meant"), [("SST2", "SST-2"), ("mlni", "MNLI"), ("sts", "STS-B")]
)
def test_a_misspelt_task_gets_a_suggestion(wrong: str, meant: str) -> None:
    message = f"unknown task '{wrong}'; did you mean '{meant}'?"
    with pytest.raises(ConfigError, match=exactly(message)):
        find_task(wrong)


def test_an_unknown_task_gets_the_list() -> None:
    message = (
        "unknown task 'squad'; known tasks: CoLA, SST-2, MRPC, QQP, STS-B, MNLI, QNLI, RTE, WNLI"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        find_task("squad")
