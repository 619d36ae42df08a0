"""The study of faults: every scheme's costs, expected faults and measured damage; the sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from accelsim.memory.faults.levels import Transitions
from accelsim.memory.faults.model import fault_model
from accelsim.study.faults.compression import CompressionCosts, compression_costs
from accelsim.study.faults.costs import SchemeCosts, scheme_costs
from accelsim.study.faults.damage import DamageSummary, Judge
from accelsim.study.faults.schemes import SCHEMES, StorageScheme, find_schemes
from accelsim.study.faults.stored_model import CellFaults, FaultCounts, StoredModel, store_model
from accelsim.study.faults.subject import FaultOptions, Subject, load_subject
from accelsim.study.faults.sweep import Sweep, sweep_faults
from accelsim.workload.schema import Workload

# Below so many expected faults of a reading none is drawn: a thousand readings see one [ours].
RARE = 1e-3
# The scheme of the sweep: that of Fu, Avaliani and Donato.
_SWEPT = SCHEMES["mixed2"]
# Of the sweep, whose readings are most of the work: at most so many seeds, and sentences of a
# reading, which share its faults [ours].
SWEPT_SEEDS, SWEPT_SENTENCES = 3, 4


@dataclass(frozen=True)
class SchemeResult:
    """A scheme, what it costs, what to expect and what injections did.

    ``transitions`` are those of cells by the bits that they hold. ``damage`` is None where fewer
    than RARE faults are expected: nothing was injected, and the result is that without faults.
    """

    scheme: StorageScheme
    costs: SchemeCosts
    expected: FaultCounts
    transitions: Mapping[int, Transitions]
    damage: DamageSummary | None


@dataclass(frozen=True, eq=False)
class FaultStudy:
    """The outcome for a case and a task.

    ``compression`` against the weights as given; ``schemes`` and ``sweep`` against the compressed
    ones. ``accuracy`` is that without faults, None without labels. ``sweep`` is None where no fault
    rates were asked for. ``one_class``: without faults all sentences have the same class.
    """

    subject: Subject
    options: FaultOptions
    schemes: tuple[SchemeResult, ...]
    compression: CompressionCosts
    sweep: Sweep | None
    accuracy: float | None
    one_class: bool

    @property
    def seeds(self) -> list[int]:
        """Seeds of the injections."""
        return seeds_of(self.options)


def seeds_of(options: FaultOptions) -> list[int]:
    """Return the seeds of the injections: the first and those after it."""
    return list(range(options.seed, options.seed + options.seeds))


def study_faults(
    workload: Workload,
    options: FaultOptions,
    progress: Callable[[str], None] | None = None,
) -> FaultStudy:
    """Return costs and damage of storage schemes for one case and task of a workload.

    ``progress`` is called with what is being done. Raises ConfigError for unknown names, wrong
    weights, labels or densities, refused partial cells, and a technology without cell levels.
    """
    step = progress or (lambda _: None)
    schemes = find_schemes(options.schemes)
    subject = load_subject(workload, options)
    faults = {scheme.name: cell_faults(subject, scheme, options) for scheme in schemes}
    _check_cells(subject, schemes, options)
    step("compression at other densities")
    compression = compression_costs(subject)
    judge = Judge(subject)
    results = []
    for number, scheme in enumerate(schemes, start=1):
        step(f"scheme {number} of {len(schemes)}: {scheme.name}")
        stored = write(subject, scheme, options)
        results.append(_study(subject, judge, scheme, stored, faults[scheme.name], options))
    sweep = _sweep(subject, options, step)
    accuracy = judge.unharmed.accuracy
    return FaultStudy(
        subject, options, tuple(results), compression, sweep, accuracy, judge.one_class
    )


def _check_cells(subject: Subject, schemes: Iterable[StorageScheme], options: FaultOptions) -> None:
    """Check that values fill their cells, where they must, before anything is run."""
    tensors = (subject.compressed.tensors[name] for name in subject.stored)
    for bits in {tensor.numbers.bits for tensor in tensors}:
        for scheme in schemes:
            scheme.value_cells(bits, subject.numbers, partial=options.partial_cells).layout(bits)


def write(subject: Subject, scheme: StorageScheme, options: FaultOptions) -> StoredModel:
    """Return the subject's non-volatile tensors in the cells of a scheme."""
    model, names, partial = subject.compressed, subject.stored, options.partial_cells
    return store_model(model, names, scheme, subject.numbers, partial=partial)


def cell_faults(subject: Subject, scheme: StorageScheme, options: FaultOptions) -> CellFaults:
    """Return how likely the cells of a scheme are misread. Raises ConfigError for unknown ones."""
    widths = range(1, max(scheme.values, scheme.masks) + 1)
    model = {bits: fault_model(subject.technology, bits, options.faults) for bits in widths}
    return CellFaults(model, model)


def _study(
    subject: Subject,
    judge: Judge,
    scheme: StorageScheme,
    stored: StoredModel,
    faults: CellFaults,
    options: FaultOptions,
) -> SchemeResult:
    costs = scheme_costs(subject, scheme, stored)
    expected = stored.expected(faults)
    damage = None
    if expected.total >= RARE:
        seeds = seeds_of(options)
        damage = judge.judge_seeds(lambda seed: stored.read(faults, seed, options.resync), seeds)
    return SchemeResult(scheme, costs, expected, faults.values, damage)


def _sweep(subject: Subject, options: FaultOptions, step: Callable[[str], None]) -> Sweep | None:
    stored = write(subject, _SWEPT, options)
    if not options.fault_rates:
        return None
    judge, seeds = Judge(subject, SWEPT_SENTENCES), seeds_of(options)[:SWEPT_SEEDS]
    return sweep_faults(judge, _SWEPT, stored, options.fault_rates, seeds, RARE, step)
