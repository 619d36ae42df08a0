"""A case compiled, its sizes that are to fit worked out."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace

from accelsim.accelerators.design import Design
from accelsim.errors import AccelsimError
from accelsim.evaluation.compilation import Compilation
from accelsim.evaluation.fitting import fitted
from accelsim.inputs.memo import Memo
from accelsim.memory.storage import Measured
from accelsim.workload.schema import Case, WorkloadConfig


def compile_design(
    workload: WorkloadConfig,
    case: Case,
    lengths: Iterable[int] | None = None,
    measured: Measured | None = None,
    memo: Memo | None = None,
    rows: Iterable[int] | None = None,
) -> Design:
    """Return the compiled case, for sentences of some lengths [tokens] after padding.

    A workload that generates tokens has steps for caches of some ``rows``; unless given, for those
    of its longest sentence.
    ``measured`` takes the place of the stated densities. Raises CapacityError when something does
    not fit. Tasks with equal graphs (the same number of classes and spans) share their programs.
    """
    known = tuple(sorted({*(lengths or _prompts(workload))}))
    if rows is None:
        rows = rows_kept(workload, [(known[-1], None)])
    stage = Compilation(workload, case, known, measured, memo or Memo(), tuple(rows))
    if case.fits:
        stage = fitted(stage)
    try:
        key = stage.key
    except AccelsimError:
        # The machine has arrays that there are not; what does not fit is told first.
        return stage.design()
    made = stage.memo.get("design", key, stage.design)
    return replace(made, hardware=stage.case.hardware, key=key)


def _prompts(workload: WorkloadConfig) -> Iterable[int]:
    """Return the ends of the chunks of the longest sentence."""
    longest = workload.sequence_length
    return workload.generate.prompts(longest, longest) if workload.generate else (longest,)


def design_key(
    workload: WorkloadConfig, case: Case, lengths: Iterable[int], rows: tuple[int, ...] = ()
) -> Hashable:
    """Return what a case's programs are made from, measured sizes aside.

    Raises AccelsimError for a machine with arrays that there are not.
    """
    known = tuple(sorted(lengths))
    return Compilation(workload, case, known, case.measured, Memo(), rows).key


def rows_kept(
    workload: WorkloadConfig, lengths: Iterable[tuple[int, int | None]]
) -> tuple[int, ...]:
    """Return the rows of the cache in all steps of sentences of (prompt, new) tokens."""
    if workload.generate is None:
        return ()
    decoders = (model for model in workload.networks.values() if model.generates)
    return workload.generate.rows(lengths, max(model.most_kept for model in decoders))
