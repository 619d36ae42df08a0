"""What each memory does in a run: accesses a second, power, and use of its bandwidth.

The columns are those of NVMExplorer, with two differences: time is the simulated makespan, idleness
included, not accesses times latency; and the use of bandwidth is the share of it in which the port
is booked, whole cycles and contention included.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from accelsim.account.breakdown import BreakdownRow
from accelsim.machine.components.base import Part
from accelsim.machine.regions import Region

_MEMORIES = tuple(part.value for part in Part if part.is_memory or part is Part.DRAM)


@dataclass
class Traffic:
    """A memory over ``seconds``: words or bytes, joules and booked seconds by ``read``, ``write``.

    ``other`` are joules that are neither, such as activates and refreshes, ``standing`` those that
    are spent by the tick. ``word`` are the bytes of an access, 1 where bytes are counted.
    """

    memory: str
    seconds: float
    word: float
    amounts: Counter[str] = field(default_factory=Counter)
    joules: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    busy: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    other: float = 0.0
    standing: float = 0.0

    def rate(self, action: str) -> float:
        """Return accesses a second."""
        return self.amounts[action] / self.seconds

    def bandwidth(self, action: str) -> float:
        """Return the bytes moved a second."""
        return self.rate(action) * self.word

    def power(self, action: str) -> float:
        """Return the mean dynamic power of reads or of writes [W]."""
        return self.joules[action] / self.seconds

    @property
    def total_power(self) -> float:
        """The mean power of everything [W]."""
        return (sum(self.joules.values()) + self.other + self.standing) / self.seconds

    def use(self, action: str) -> float:
        """Return the share of the time in which the port serves reads or writes."""
        return self.busy[action] / self.seconds


def traffic_of(
    rows: Iterable[BreakdownRow], regions: Mapping[str, Region], seconds: float
) -> list[Traffic]:
    """Return what the memories, buffers and the DRAM of a run did, those in use alone."""
    found: dict[str, Traffic] = {}
    for row in rows:
        if row.part not in _MEMORIES:
            continue
        if row.block not in found:
            counts_words = row.block in regions and regions[row.block].kind != "buffer"
            word = regions[row.block].word_bytes if counts_words else 1
            found[row.block] = Traffic(row.block, seconds, word)
        _add(found[row.block], row)
    return [each for each in found.values() if each.amounts["read"] or each.amounts["write"]]


def _add(memory: Traffic, row: BreakdownRow) -> None:
    memory.standing += row.leakage + row.clock + row.standby
    # The commands of a DRAM are called after what causes them: read_burst.
    kind = row.action.partition("_")[0]
    if kind in ("read", "write"):
        memory.joules[kind] += row.dynamic
    else:
        memory.other += row.dynamic
    if row.action in ("read", "write"):
        memory.amounts[kind] += row.amount
        memory.busy[kind] += row.busy
