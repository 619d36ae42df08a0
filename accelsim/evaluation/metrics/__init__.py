"""Every figure that is reported: its name, title, unit and how it is found.

A new one is a Metric in a family: in a file here, in an installed package or in a plug-in.
"""

from __future__ import annotations

from collections.abc import Iterator
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


def metric_families() -> tuple[type[MetricFamily], ...]:
    """Return the families of metrics, plug-ins' too."""
    return tuple(METRIC_FAMILIES.all().values())


def all_metrics() -> tuple[Metric, ...]:
    """Return the metrics of all families.

    Raises ConfigError for two of the same key and for a unit that is not known.
    """
    return _of(metric_families())


def case_figures(case: CaseResult) -> Iterator[tuple[Metric, str, Figure]]:
    """Yield (metric, name, figure) of a case. Raises PluginError for two of one name."""
    names = set[str]()
    for metric in all_metrics():
        for name, figure in metric.figures(case).items():
            if name in names:
                raise broken_promise(metric.of, f"there are two figures '{name}'; rename one")
            names.add(name)
            yield metric, name, figure


@lru_cache(maxsize=8)
def _of(families: tuple[type[MetricFamily], ...]) -> tuple[Metric, ...]:
    known: dict[str, str] = {}
    for family in families:
        for metric in family().metrics:
            if metric.key in known:
                raise ConfigError(
                    f"there are two metrics '{metric.key}', in the families {known[metric.key]} "
                    f"and {family.name}; rename one"
                )
            known[metric.key] = family.name
            _check_unit(metric)
    return tuple(metric for family in families for metric in family().metrics)


def _check_unit(metric: Metric) -> None:
    try:
        if metric.unit not in BARE_UNITS:
            parse_unit(metric.unit)
    except UnitError as error:
        raise ConfigError(f"metric '{metric.key}': {error}") from None
