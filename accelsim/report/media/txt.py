"""Text: what a terminal shows, without colours."""

from __future__ import annotations

import io
from collections.abc import Iterable

from accelsim.report.media.base import Medium
from accelsim.report.table import Report

_WIDTH = 100


class Txt(Medium):
    """The sections of a report as plain text, details included."""

    name = "txt"

    def render(self, report: Report) -> Iterable[str]:
        """Return the lines."""
        # rich takes a while to import, and a registry imports all media.
        from rich.console import Console

        from accelsim.report.console import shown

        console = Console(file=io.StringIO(), width=_WIDTH, color_system=None)
        return [shown(report, console, details=True)]
