from __future__ import annotations

import pytest

from accelsim.model.tasks import GLUE_TASKS, glue_task, spelled


@pytest.mark.parametrize("task", GLUE_TASKS)
def test_a_task_is_found_in_upper_and_lower_case(task) -> None:
    assert glue_task(task.name) is glue_task(task.name.lower()) is glue_task(task.name.upper())
    assert glue_task(task.name) is task
    assert spelled(task.name.lower()) == task.name


def test_classes_and_sentence_pairs_are_those_of_glue() -> None:
    assert len(GLUE_TASKS) == 9
    assert {task.name: task.classes for task in GLUE_TASKS if task.classes != 2} == {
        "STS-B": 1,
        "MNLI": 3,
    }
    assert {task.name for task in GLUE_TASKS if not task.sentence_pair} == {"CoLA", "SST-2"}


def test_other_tasks_are_as_they_are() -> None:
    assert glue_task("Intent") is None
    assert spelled("Intent") == "Intent"
