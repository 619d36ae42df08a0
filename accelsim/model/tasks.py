"""The nine tasks of GLUE.

Source: Wang et al., "GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language
Understanding", ICLR 2019, table 1 and section 3.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GlueTask:
    """A task: its name, the outputs of its classifier, and whether it compares two sentences.

    ``classes`` is 1 for a regression.
    """

    name: str
    classes: int
    sentence_pair: bool


GLUE_TASKS = (
    GlueTask("CoLA", 2, False),
    GlueTask("SST-2", 2, False),
    GlueTask("MRPC", 2, True),
    GlueTask("QQP", 2, True),
    GlueTask("STS-B", 1, True),
    GlueTask("MNLI", 3, True),
    GlueTask("QNLI", 2, True),
    GlueTask("RTE", 2, True),
    GlueTask("WNLI", 2, True),
)

_BY_NAME = {task.name.lower(): task for task in GLUE_TASKS}


def glue_task(name: str) -> GlueTask | None:
    """Return the GLUE task of a name, in upper or lower case; None for any other."""
    return _BY_NAME.get(name.lower())


def spelled(name: str) -> str:
    """Return GLUE's spelling of a task's name; others are as they are."""
    found = glue_task(name)
    return found.name if found else name
