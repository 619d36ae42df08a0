"""A figure walked back: what it counts, at which prices, and where each price comes from."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.account.scopes import ScopeAccount
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.metrics.base import Metric

# By what a figure of a round is divided.
ROUNDS = "the run's rounds"


@dataclass(frozen=True)
class Entry:
    """What a block has in a figure: ``amount`` times ``price`` is its ``value``.

    ``amount`` is in ``unit``, ``price`` and ``value`` in the figure's unit; None where an entry has
    several prices. ``what`` is an action of the ledger, leakage, clock, standby, area or a wait.
    """

    block: str
    what: str
    amount: float
    unit: str
    price: float | None
    value: float


@dataclass(frozen=True)
class Origin:
    """Where a block's prices, or its times, come from.

    ``places`` are files with lines: of the component, of its row of a table, of each source.
    ``timing`` says what its time is made of, ``raised`` of a memory what its accesses cost beyond
    what its arrays say.
    """

    block: str
    places: tuple[str, ...]
    source: str
    timing: str
    raised: str


@dataclass(frozen=True)
class Trail:
    """A figure and what it is made of.

    ``defined`` is where the metric is; ``per`` says what the entries are divided by. ``rest`` is
    what the entries leave of the value. Without entries the figure is no sum. ``read`` are all
    other files that the result was made from, those of its other cases too.
    """

    name: str
    metric: Metric
    value: float | str
    defined: str
    per: str
    entries: tuple[Entry, ...]
    rest: float
    origins: tuple[Origin, ...]
    read: tuple[str, ...]


def scope_account(case: CaseResult) -> ScopeAccount:
    """Return what the scopes of a case were worked out from."""
    known = case.figures
    return ScopeAccount(
        case.design, case.run, known.account, known.prices, known.rounds, known.first_loads
    )
