"""Every figure that is reported, by family: its name, title, unit and how it is found."""

from __future__ import annotations

from accelsim.evaluation.metrics import costs, energy, memories, service, time
from accelsim.evaluation.metrics.base import Figure as Figure
from accelsim.evaluation.metrics.base import Metric as Metric

METRICS: tuple[Metric, ...] = (
    *costs.METRICS,
    *energy.METRICS,
    *time.METRICS,
    *service.METRICS,
    *memories.METRICS,
)
