"""The report of an explanation: a waterfall of factors that multiply to the ratio."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accelsim.report.origin import origin
from accelsim.report.table import RULE, Chart, Column, Prose, Report, Row, Section, Table
from accelsim.report.text import value_text
from accelsim.study.explain.explanation import Explanation
from accelsim.workload.schema import Workload

SCHEMA_VERSION = 1

# The significant digits of the ratio; those of the factors are as many as it takes.
_DIGITS = 4
# [ours] A factor varies where another change moves it by more.
_VARIES = math.log(1.02)
# [ours] Parts that no change moves by more are left out of the table, not of the document.
_SEEN = math.log(1.0005)
_CHANGE = Column("change", "change")
_RANGE = (Column("from", "range from", "x"), Column("to", "to", "x"))


def explain_report(
    workload: Workload, found: Explanation, command: Sequence[str], *, interactions: bool = False
) -> Report:
    """Return the waterfall, what each change is, change by part, and what is not feasible."""
    waterfall = _waterfall(found)
    sections: list[Section] = [_ends(found), waterfall, _what(found)]
    sections += [_by_part(found)] if any(found.shares.parts.values()) else []
    sections += [_pairs(found)] if interactions else []
    return Report(
        name="explain",
        title=f"{_name(found, 0)} to {_name(found, 1)}",
        about=(),
        sections=tuple(sections),
        verdict=tuple(Prose(line, "strong") for line in _verdict(found)),
        notes=tuple(_notes(found)),
        pictures=(_factors(found),),
        details=(_infeasible(found),),
        data=waterfall,
        document=_document(workload, found, command),
    )


def consistent_factors(logs: Sequence[float]) -> tuple[list[str], str]:
    """Return factors of some logs as texts, and their product, to which the texts multiply.

    The product has four significant digits, the factors as many as that takes.
    """
    ratio = math.exp(math.fsum(logs))
    told = _significant(ratio, _DIGITS)
    for digits in range(_DIGITS, 17):
        texts = [_significant(math.exp(log), digits) for log in logs]
        if _significant(math.prod(map(float, texts)), _DIGITS) == told:
            return texts, told
    return texts, told


def _significant(value: float, digits: int) -> str:
    decimals = max(0, digits - 1 - math.floor(math.log10(value))) if value else 0
    return f"{value:.{decimals}f}"


def _name(found: Explanation, end: int) -> str:
    points = (found.question.before, found.question.after)
    (case,), (other,) = (point.cases or ("",) for point in points)
    if case != other:
        return str((case, other)[end])
    return f"{case} ({'before' if end == 0 else 'after'})"


def _title(found: Explanation) -> str:
    label = found.figure.removeprefix(found.metric.key).lstrip(".").replace("_", " ")
    return f"{found.metric.title}: {label}" if label else found.metric.title


def _gain(log: float) -> float:
    """Return before over after, as gains are told: above one is less."""
    return math.exp(-log)


def _ends_of(found: Explanation, change: str) -> tuple[float, float]:
    """Return the least and the greatest factor of a change in any order."""
    least, most = found.shares.range_of(change)
    return _gain(most), _gain(least)


def _ordered(found: Explanation) -> list[str]:
    """Return the changes, those that matter most first."""
    return sorted(found.changes, key=lambda change: -abs(found.shares.logs[change]))


def _ends(found: Explanation) -> Prose:
    values = (found.before, found.after)
    before, after = (
        f"{value_text(value, found.metric.unit, 4)} of {_name(found, end)}"
        for end, value in enumerate(values)
    )
    return Prose(
        f"{_title(found)}: {before}, {after}. A factor is before over after: above 1 is less. "
        "Range: smallest and largest step in any order."
    )


def _waterfall(found: Explanation) -> Table:
    ordered, shares = _ordered(found), found.shares
    texts, ratio = consistent_factors([-shares.logs[change] for change in ordered])
    columns = (
        _CHANGE,
        Column("factor_text", "factor"),
        *_RANGE,
        *(() if found.exact else (Column("error", "standard error", "%"),)),
        Column("left", _title(found), found.metric.unit),
        Column("rests_on", "depends most on"),
    )
    rows: list[Row] = [("before", None, None, None, *_maybe(found, None), found.before, None)]
    left = found.before
    for change, text in zip(ordered, texts, strict=True):
        left *= math.exp(shares.logs[change])
        error = _maybe(found, shares.error[change])
        own = (change, f"{text}x", *_ends_of(found, change), *error, left)
        rows.append((*own, _rests_on(found, change)))
    rows += [RULE, ("all", f"{ratio}x", None, None, *_maybe(found, None), found.after, None)]
    return Table("Where the ratio comes from", columns, tuple(rows))


def _factors(found: Explanation) -> Chart:
    columns = (
        _CHANGE,
        Column("factor", "factor: right of 1 it saves", "x"),
        *_RANGE,
    )
    rows: list[Row] = [
        (change, _gain(found.shares.logs[change]), *_ends_of(found, change))
        for change in _ordered(found)
    ]
    return Chart(
        title="Factor of each change, with its range over all orders",
        kind="points",
        table=Table("", columns, tuple(rows)),
        x=("factor",),
        y=("change",),
        low="from",
        high="to",
        logarithmic=("factor",),
    )


def _maybe(found: Explanation, value: float | None) -> tuple[float | None, ...]:
    return () if found.exact else (value,)


def _rests_on(found: Explanation, change: str) -> str | None:
    most = found.shares.rests_on(change)
    return most[0] if most and abs(most[1]) > _VARIES else None


def _what(found: Explanation) -> Table:
    columns = (_CHANGE, Column("what", "what it is"))
    rows = [(name, each.text) for name in _ordered(found) for each in found.changes[name]]
    return Table("The changes", columns, tuple(rows))


def _by_part(found: Explanation) -> Table:
    """Return factors by part and change: rows multiply to the last column, columns to the last."""
    ordered, parts = _ordered(found), found.shares.parts
    names = sorted(
        {part for each in parts.values() for part in each},
        key=lambda part: math.fsum(each.get(part, 0.0) for each in parts.values()),
    )
    columns = (
        Column("part", "part of the energy"),
        *(Column(change, change, "x", digits=4) for change in ordered),
        Column("all", "all changes", "x", digits=4),
    )
    rows: list[Row] = []
    for part in names:
        logs = [parts[change].get(part, 0.0) for change in ordered]
        if max(map(abs, logs), default=0.0) > _SEEN:
            rows.append((part.replace("_", " "), *map(_gain, logs), _gain(math.fsum(logs))))
    total = [found.shares.logs[change] for change in ordered]
    rows += [RULE, ("all parts", *map(_gain, total), _gain(math.fsum(total)))]
    return Table("Change by part of the energy (logarithmic mean)", columns, tuple(rows))


def _pairs(found: Explanation) -> Table:
    columns = (
        Column("one", "change"),
        Column("other", "with"),
        Column("interaction", "both over each alone", "x", digits=4),
    )
    ordered = sorted(found.interactions.items(), key=lambda item: -abs(item[1]))
    rows = [(*pair, _gain(log)) for pair, log in ordered]
    return Table("Interactions of two", columns, tuple(rows))


def _verdict(found: Explanation) -> Iterator[str]:
    ratio = found.before / found.after
    less, more = (_significant(each, 3) for each in (ratio, 1 / ratio))
    told = f"{less}x less" if ratio >= 1 else f"{more}x more"
    if not found.changes:
        yield "the two designs are the same"
        return
    yield f"{_title(found)}: {_name(found, 1)} takes {told} than {_name(found, 0)}"
    first = _ordered(found)[0]
    least, most = found.shares.range_of(first)
    line = f"most of it comes from {first}: {_significant(_gain(found.shares.logs[first]), 3)}x"
    if most - least > _VARIES:
        line += f" ({_significant(_gain(most), 3)}x to {_significant(_gain(least), 3)}x"
        rests = _rests_on(found, first)
        line += f", depends on {rests})" if rests else ")"
    yield line


def _notes(found: Explanation) -> Iterator[str]:
    shares = found.shares
    made = sum(mixture.outcome is not None for mixture in found.mixtures.values())
    drawn = f"orders drawn in antithetic pairs, seed {found.question.seed}"
    how = "all orders" if found.exact else drawn
    yield (
        f"{made} designs evaluated; {shares.feasible} of {shares.orders} orders are feasible; "
        f"factors are means over them ({how})"
    )
    for change in found.changes:
        if " + " in change:
            yield f"none of these can be made without the others, so they are one change: {change}"
    if refused := [subset for subset, each in found.mixtures.items() if not each.outcome]:
        yield f"{len(refused)} mixtures are not feasible (--verbose names them all); the smallest:"
    for subset in refused:
        if not any(other < subset for other in refused):
            told = ", ".join(sorted(subset))
            yield f"{told} alone: {_short(found.mixtures[subset].reason)}"


def _short(reason: str) -> str:
    """Return what is wrong, without the name of the case and without advice."""
    return "; ".join(reason.partition("': ")[2].split("; ")[:2]) or reason


def _infeasible(found: Explanation) -> Table:
    columns = (Column("changes", "only these changes"), Column("reason", "why not"))
    refused = ((s, each.reason) for s, each in found.mixtures.items() if not each.outcome)
    return Table("Not feasible", columns, tuple((", ".join(sorted(s)), why) for s, why in refused))


def _document(workload: Workload, found: Explanation, command: Sequence[str]) -> Mapping[str, Any]:
    shares = found.shares
    return {
        **origin(SCHEMA_VERSION, command, workload),
        "study": "explain",
        "metric": found.figure,
        "unit": found.metric.unit,
        "before": {"design": _name(found, 0), "value": found.before},
        "after": {"design": _name(found, 1), "value": found.after},
        "ratio": found.before / found.after,
        "exact": found.exact,
        "orders": {"feasible": shares.feasible, "looked_at": shares.orders},
        "changes": [
            {
                "change": change,
                "factor": _gain(shares.logs[change]),
                **dict(zip(("from", "to"), _ends_of(found, change), strict=True)),
                "standard_error_of_log": shares.error[change],
                "differences": [each.text for each in found.changes[change]],
                "factor_by_part": {p: _gain(log) for p, log in shares.parts[change].items()},
            }
            for change in _ordered(found)
        ],
        "interactions": [
            {"changes": list(pair), "factor": _gain(log)}
            for pair, log in found.interactions.items()
        ],
        "designs": [
            {
                "changes": sorted(subset),
                "assignments": list(mixture.assignments),
                "value": mixture.outcome.total if mixture.outcome else None,
                "reason": mixture.reason,
            }
            for subset, mixture in found.mixtures.items()
        ],
    }
