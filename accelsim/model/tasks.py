"""The nine tasks of GLUE.

Source: Wang et al., "GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language
Understanding", ICLR 2019, table 1 and section 3.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from accelsim.errors import ConfigError


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


def find_task(name: str) -> GlueTask:
    """Return the task of a name, in upper or lower case. Raises ConfigError for an unknown one."""
    if name.lower() in _BY_NAME:
        return _BY_NAME[name.lower()]
    close = difflib.get_close_matches(name.lower(), _BY_NAME, n=1, cutoff=0.5)
    known = ", ".join(task.name for task in GLUE_TASKS)
    hint = f"did you mean '{_BY_NAME[close[0]].name}'?" if close else f"known tasks: {known}"
    raise ConfigError(f"unknown task '{name}'; {hint}")
