"""A case compiled, its sizes that are to fit worked out."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
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
    lengths: Mapping[str, Iterable[int]] | None = None,
    measured: Measured | None = None,
    memo: Memo | None = None,
    rows: Iterable[int] | None = None,
) -> Design:
    """Return the compiled case, for sentences of some lengths [tokens] after padding, by model.

    A workload that generates tokens has steps for caches of some ``rows``; unless given, for those
    of its longest sentence.
    ``measured`` takes the place of the stated densities. Raises CapacityError when something does
    not fit. Tasks with equal graphs (the same number of classes and spans) share their programs.
    """
    known = {
        name: tuple(sorted({*(lengths[name] if lengths else longest_of(workload, name))}))
        for name in workload.networks
    }
    if rows is None:
        ends = (known[name][-1] for name, model in workload.networks.items() if model.generates)
        rows = rows_kept(workload, [(max(ends, default=1), None)])
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


def longest_of(workload: WorkloadConfig, name: str) -> Iterable[int]:
    """Return the longest sentence of a model [tokens], or the ends of its chunks."""
    model = workload.networks[name]
    longest = min(workload.sequence_length, model.longest)
    generate = workload.generate if model.generates else None
    return generate.prompts(longest, longest) if generate else (longest,)


def design_key(
    workload: WorkloadConfig,
    case: Case,
    lengths: Mapping[str, Iterable[int]],
    rows: tuple[int, ...] = (),
) -> Hashable:
    """Return what a case's programs are made from, measured sizes aside.

    Raises AccelsimError for a machine with arrays that there are not.
    """
    known = {name: tuple(sorted(own)) for name, own in lengths.items()}
    return Compilation(workload, case, known, case.measured, Memo(), rows).key


def rows_kept(
    workload: WorkloadConfig, lengths: Iterable[tuple[int, int | None]]
) -> tuple[int, ...]:
    """Return the rows of the cache in all steps of sentences of (prompt, new) tokens."""
    if workload.generate is None:
        return ()
    decoders = (model for model in workload.networks.values() if model.generates)
    return workload.generate.rows(lengths, max(model.most_kept for model in decoders))
