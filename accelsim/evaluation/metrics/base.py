"""What a metric is: a figure with its name, title and unit, declared once."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from accelsim.errors import AccelsimError
from accelsim.evaluation.cases import CaseResult
from accelsim.inputs.contracts import Contract
from accelsim.inputs.plugins import broken_promise

Figure = float | int | str | None


@dataclass(frozen=True, eq=False)
class Metric:
    """A figure of a case, or figures by a label: a task, a memory, a purpose.

    ``key`` names it everywhere, ``title`` is for readers, ``unit`` its SI unit (``1``: a share or
    a count). ``of`` returns None where a case has no such figure. ``compared`` says whether less
    of it is a gain: in closed loops (``rounds``), open streams (``stream``), ``always`` or
    ``never``. Where there is little room only ``brief`` metrics without labels
    are shown, and ``paced`` ones only where arrivals fix the rate: back to back a slower chip does
    less.
    """

    key: str
    title: str
    unit: str
    of: Callable[[CaseResult], Figure | Mapping[str, Figure]]
    compared: Literal["rounds", "stream", "always", "never"] = "never"
    brief: bool = True
    paced: bool = False

    def figures(self, case: CaseResult) -> dict[str, Figure]:
        """Return figures by name: the key, with the label behind it where there are several."""
        found = self.of(case)
        # To ask a number whether it is a mapping takes longer than all else here.
        if isinstance(found, (float, int, str)) or not isinstance(found, Mapping):
            self._check(found)
            return {} if found is None else {self.key: found}
        named: dict[str, Figure] = {}
        for label, value in found.items():
            name = f"{self.key}.{label}".replace(" ", "_")
            if not isinstance(label, str) or name in named:
                raise self._error(f"expected labels that are texts of their own, got {label!r}")
            self._check(value)
            named[name] = value
        return named

    def _check(self, value: object) -> None:
        """Raise PluginError for what is no figure: neither None, nor a text, nor a number that a
        float comes near.
        """
        if type(value) is float and not math.isnan(value):
            return  # as nearly all are
        if isinstance(value, int) and abs(value) > sys.float_info.max:
            raise self._error(f"expected less than 1.8e308, got {value.bit_length()} bits")
        known = value is None or isinstance(value, (int, float, str))
        if not known or (isinstance(value, float) and math.isnan(value)):
            numpys = not known and getattr(value, "ndim", None) == 0
            plain = "; its item() is one" if numpys else ""
            raise self._error(f"expected a number, a text or None, got {value!r}{plain}")
        if self.unit != "1" and isinstance(value, (str, bool)):
            raise self._error(f"expected a number in {self.unit}, got {value!r}")

    def _error(self, told: str) -> AccelsimError:
        return broken_promise(self.of, f"metric '{self.key}': {told}")

    def is_compared(self, *, closed_loop: bool) -> bool:
        """Whether it is compared with the baseline in a closed loop, or else in a stream."""
        return self.compared in ("always", "rounds" if closed_loop else "stream")

    def is_brief(self, *, closed_loop: bool) -> bool:
        """Whether it is shown where there is little room, in a closed loop or else in a stream."""
        fits = self.compared == "never" or self.is_compared(closed_loop=closed_loop)
        return self.brief and fits and not (self.paced and closed_loop)

    def titled(self, *, closed_loop: bool) -> str:
        """Return the title, with what makes the figure of no use in a closed loop."""
        told = "; back to back: a slower chip does less"
        return f"{self.title}{told if self.paced and closed_loop else ''}"


Figures = list[tuple[Metric, str, Figure]]


class MetricFamily(Contract, ABC):
    """Metrics that belong together: a subclass has a ``name`` and its ``metrics``.

    Those of a family that is ``unpriced`` read the run and the memories of a case and nothing that
    is spent: they are worked out once for cases that have both in common, as points of a study do.
    What inherits from one must say so of itself.
    """

    name: ClassVar[str]
    unpriced: ClassVar[bool] = False

    @property
    @abstractmethod
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics, in the order of reports; a plain attribute will do."""

    def figures(self, case: CaseResult) -> Figures:
        """Return (metric, name, figure) of a case."""
        says_so = vars(type(self)).get("unpriced", False)
        known: dict[MetricFamily, Figures] = case.unpriced if says_so else {}
        if self not in known:
            every = ((metric, metric.figures(case)) for metric in self.metrics)
            known[self] = [(metric, *one) for metric, named in every for one in named.items()]
        return known[self]
