"""JSON: the whole document, for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable

from accelsim.report.media.base import Medium
from accelsim.report.table import Report


class Json(Medium):
    """The document of a report, indented."""

    name = "json"

    def render(self, report: Report) -> Iterable[str]:
        """Return the document's text; control characters in names are escaped by the format."""
        return [json.dumps(report.document, indent=1) + "\n"]
