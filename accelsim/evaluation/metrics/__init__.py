"""Every figure that is reported: its name, title, unit and how it is found.

A new one is a Metric in a family: in a file here, in an installed package or in a plug-in.
"""

from __future__ import annotations

from functools import lru_cache

from accelsim.errors import ConfigError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.metrics.base import Figure as Figure
from accelsim.evaluation.metrics.base import Metric as Metric
from accelsim.evaluation.metrics.base import MetricFamily as MetricFamily
from accelsim.inputs.plugins import Registry, broken_promise
from accelsim.units import UnitError, parse_unit

METRIC_FAMILIES = Registry(__name__, MetricFamily, "accelsim.metrics", "family of metrics")


# Of a share or a count, and of what no SI unit is convenient for.
BARE_UNITS = ("1", "year")
_KNOWN_UNITS = (
    "1, year, or units such as J, B and MAC, products (J s) and quotients (J/MAC) of them"
)


def metric_families() -> tuple[MetricFamily, ...]:
    """Return the families of metrics, plug-ins' too.

    Raises ConfigError for two metrics of the same key and for a unit that is not known.
    """
    return _of(tuple(METRIC_FAMILIES.all().values()))


def all_metrics() -> tuple[Metric, ...]:
    """Return the metrics of all families. Raises what ``metric_families`` raises."""
    return tuple(metric for family in metric_families() for metric in family.metrics)


def case_figures(case: CaseResult) -> list[tuple[Metric, str, Figure]]:
    """Return (metric, name, figure) of a case. Raises PluginError for two of one name."""
    found = [each for family in metric_families() for each in family.figures(case)]
    owners = {name: metric for metric, name, _ in found}
    if len(owners) < len(found):
        name = next(n for m, n, _ in found if owners[n] is not m)
        raise broken_promise(owners[name].of, f"there are two figures '{name}'; rename one")
    return found


@lru_cache(maxsize=8)
def _of(kinds: tuple[type[MetricFamily], ...]) -> tuple[MetricFamily, ...]:
    known: dict[str, str] = {}
    families = tuple(kind() for kind in kinds)
    for family in families:
        for metric in family.metrics:
            if metric.key in known:
                raise ConfigError(
                    f"there are two metrics '{metric.key}', in the families {known[metric.key]} "
                    f"and {family.name}; rename one"
                )
            known[metric.key] = family.name
            _check_unit(metric)
    return families


def _check_unit(metric: Metric) -> None:
    try:
        if metric.unit not in BARE_UNITS:
            parse_unit(metric.unit)
    except UnitError as error:
        known = "" if "did you mean" in str(error) else f"; expected {_KNOWN_UNITS}"
        raise ConfigError(f"metric '{metric.key}': {error}{known}") from None
