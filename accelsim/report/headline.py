"""The report of the published headline: the nearest accounts, and what each choice does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from accelsim.report.origin import changes, origin
from accelsim.report.table import Column, Field, Prose, Report, listed, recorded
from accelsim.study.headline import FIGURES, Gains
from accelsim.workload.schema import Workload

SCHEMA_VERSION = 1
_SHOWN = 12
_CLOSE = 1.25

_FIELDS: tuple[Field[Gains], ...] = (
    (Column("design", "design"), lambda found: found.design),
    (Column("arrays", "arrays"), lambda found: found.account.style),
    (Column("densities", "den-\nsity"), lambda found: found.account.densities),
    (Column("passes", "passes", "1", brief=False), lambda found: found.account.passes),
    (Column("adapters", "adapters"), lambda found: found.account.adapters),
    (Column("leakage", "leaks"), lambda found: found.account.leakage),
    (Column("cold_home", "DRAM"), lambda found: found.account.cold_home),
    (Column("area", "area", "x"), lambda found: found.area),
    (Column("energy", "energy", "x"), lambda found: found.energy),
    (Column("latency", "latency", "x"), lambda found: found.latency),
    (Column("distance", "off\nby", "x"), lambda found: found.distance),
)
_STYLES = {
    "shipped": "as shipped",
    "bus SRAM": "with NVMExplorer's default SRAM, of bus routing",
    "ReadEnergy": "optimised for ReadEnergy",
}
_HOMES = {"stream": "a stream", "32 B": "single accesses of 32 B"}
_GROUPS: dict[str, Callable[[Gains], bool]] = {
    "Nearest accounts without a free number": lambda found: not found.account.free,
    "Nearest of those that keep all adapters on the chip": (
        lambda found: found.account.adapters == "resident" and not found.account.free
    ),
    "Nearest with an assumed energy of DRAM": lambda found: found.account.free,
}


def headline_report(workload: Workload, found: Sequence[Gains], command: Sequence[str]) -> Report:
    """Return the nearest accounts of each group, all of them for programs."""
    published = workload.config.published
    assert published is not None
    figures = " / ".join(f"{getattr(published, figure):g}x" for figure in FIGURES)
    data = listed("Accounts", _FIELDS, found)
    return Report(
        name="headline",
        title=workload.config.name,
        about=(
            *changes(workload),
            f"published: {figures} in area, energy and latency; {published.source}",
            "Closed forms of one visit of a task: loads, then passes over all parameters; off by: "
            "the farthest of the three figures",
            *(f"{style}: arrays {words}" for style, words in _STYLES.items()),
            "32 B: DRAM in single accesses to closed rows; equal: the baseline's task parameters "
            "as dense as the backbone, whether or not they fit",
        ),
        sections=tuple(
            listed(title, _FIELDS, [each for each in found if chosen(each)][:_SHOWN])
            for title, chosen in _GROUPS.items()
        ),
        verdict=tuple(Prose(line, "strong") for line in headline_verdict(found)),
        data=data,
        document={
            **origin(SCHEMA_VERSION, command, workload),
            "study": "headline",
            "published": published.model_dump(mode="json"),
            "accounts": [recorded(_FIELDS, each) for each in found],
        },
    )


def headline_verdict(found: Sequence[Gains]) -> Iterator[str]:
    """Yield what explains the published figures, and what does not."""
    own = [each for each in found if not each.account.free]
    close = [each for each in own if each.distance <= _CLOSE]
    yield (
        f"{len(close)} of {len(own)} accounts without a free number are within 25 % of all three "
        f"figures, {sum(each.distance <= _CLOSE for each in found)} of {len(found)} in all."
    )
    best, account = own[0], own[0].account
    leakage = "leakage in" if account.leakage else "leakage out"
    yield (
        f"The nearest, off by {100 * (best.distance - 1):.0f} %: {best.design}, arrays "
        f"{_STYLES[account.style]}, {account.densities} densities, {account.passes} "
        f"pass{'' if account.passes == 1 else 'es'}, adapters {account.adapters}, DRAM as "
        f"{_HOMES.get(account.cold_home, account.cold_home)}, {leakage}: "
        f"{best.area:.2f}x / {best.energy:.1f}x / {best.latency:.1f}x."
    )
    passes = sorted({each.account.passes for each in own} - {1})
    for number in passes:
        nearest = min(each.distance for each in own if each.account.passes == number)
        what = "a switch alone" if number == 0 else f"{number} passes"
        yield f"No account of {what} comes nearer than {nearest:.2f}x."
