"""A small model on the shipped machines: the whole way in some tens of milliseconds.

It stays awake unless told otherwise, so that tests of time see no wake-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from accelsim.engine.run import Execution, Run
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.stages import run_workload
from accelsim.program import ProgramKind
from accelsim.workload.schema import Workload, load_workload

MAIN = "workloads/mti_mnli_mrpc_qnli.yaml"
SMALL = (
    "model={name: custom, family: albert, vocabulary_size: 1000, embedding_size: 32, "
    "hidden_size: 64, layers: 3, heads: 2, intermediate_size: 256, maximum_positions: 128, "
    "type_vocabulary_size: 2, shared_layers: true, pooler: true}",
    "sequence_length=32",
    "idle={policy: timeout}",
)


@lru_cache
def small_workload(*overrides: str) -> Workload:
    """Return the main workload with the small model and further overrides."""
    return load_workload(MAIN, (*SMALL, *overrides))


@lru_cache
def small_results(*overrides: str) -> Mapping[str, CaseResult]:
    """Return the small workload's results."""
    return run_workload(small_workload(*overrides)).cases


def executions_of(run: Run, kind: ProgramKind) -> list[Execution]:
    """Return the kept executions of one kind of program."""
    return [execution for execution in run.executions if execution.kind is kind]
