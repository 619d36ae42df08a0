"""JSON: the whole document, for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from accelsim.report.media.base import Medium
from accelsim.report.saved import REPORT, saved
from accelsim.report.table import Report


class Json(Medium):
    """The document of a report, indented; behind it what readers see, for ``accelsim report``."""

    name = "json"

    def render(self, report: Report) -> Iterable[str]:
        """Return the document's text; the format escapes control characters in names.

        Numbers that are not finite, which it does not have, become null.
        """
        text = json.dumps(_finite(report.document), indent=1, allow_nan=False)
        shown = json.dumps(saved(report), separators=(",", ":"), allow_nan=False)
        return [f'{text.removesuffix(chr(10) + "}")},\n "{REPORT}": {shown}\n}}\n']


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
