"""One self-contained HTML page: nothing is loaded, light and dark as the reader's system is."""

from __future__ import annotations

from collections.abc import Iterable

from accelsim.report.media.base import Medium
from accelsim.report.table import Report


class Html(Medium):
    """All of a report as a page, pictures and details included.

    Raises ConfigError where the extra ``plot`` is not installed, before anything is computed.
    """

    name = "html"

    def __init__(self) -> None:
        from accelsim.report import page

        page.template()
        self._script = page.plotly_script()

    def render(self, report: Report) -> Iterable[str]:
        """Return the page."""
        from accelsim.report.page import page

        return [page(report, self._script)]
