"""One self-contained HTML page of a report: text, tables, charts; nothing is loaded."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.extras import installation
from accelsim.report.saved import packed_chart
from accelsim.report.table import Chart, Heading, Prose, Report, Section
from accelsim.report.text import printable
from accelsim.version import __version__

_HINT = "a page needs {}: {}"
# A third larger than at the best level, in half of its time.
_LEVEL = 5


def page(report: Report, plotly: bytes) -> str:
    """Return the page of a report; ``plotly`` is the library's script.

    Raises ConfigError where Jinja is not installed.
    """
    charts: list[Mapping[str, Any]] = []
    sections = [*report.sections, *report.pictures]
    for chart in (each for each in sections if isinstance(each, Chart)):
        charts.append(packed_chart(chart))
    document, notes = report.document, (Last(note, "note") for note in report.notes)
    inputs = {key: document[key] for key in _INPUTS if key in document}
    if machines := {
        name: case["machine_configuration"]
        for name, case in _cases(document).items()
        if "machine_configuration" in case
    }:
        inputs["machines"] = machines
    return str(
        template().render(
            report=report,
            body=list(_numbered(chain(report.sections, notes, report.pictures))),
            details=list(_numbered(report.details)),
            charts=_squeezed(_json({"charts": charts, "designs": _designs(document)})),
            inputs=json.dumps(inputs, indent=1, default=str),
            command=" ".join(map(str, document.get("command", ()))),
            plotly=_squeezed(plotly),
            version=__version__,
        )
    )


# Of a document: what was asked for.
_INPUTS = ("workload", "options", "files")


def _cases(document: Mapping[str, Any]) -> dict[str, Any]:
    cases = document.get("cases")
    return cases if isinstance(cases, dict) else {}


def _designs(document: Mapping[str, Any]) -> list[str]:
    """Return the designs in the order of their workload, whichever of them ran."""
    asked = (document.get("workload") or {}).get("configuration", {}).get("cases", {})
    return list(asked or _cases(document))


class Last(Prose):
    """A note on all that stands before it."""


def _numbered(sections: Any) -> Any:
    """Yield (kind, section, number): charts are numbered in their order."""
    charts = 0
    for section in sections:
        yield type(section).__name__, section, charts
        charts += isinstance(section, Chart)


def contents(sections: list[tuple[str, Section, int]]) -> list[tuple[int, str]]:
    """Return the headings that a page is found its way by, with their places."""
    return [
        (n, section.text)
        for n, (_, section, _) in enumerate(sections)
        if isinstance(section, Heading)
    ]


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(_harmless(document), separators=(",", ":")).encode()


def _squeezed(content: bytes) -> str:
    """Return what the browser unpacks again, harmless in a script element."""
    return base64.b64encode(gzip.compress(content, _LEVEL, mtime=0)).decode()


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: _harmless(each) for key, each in value.items()}
    return [_harmless(each) for each in value] if isinstance(value, (list, tuple)) else value


def plotly_script() -> bytes:
    """Return the script that the package plotly brings. Raises ConfigError where it is missing."""
    found = find_spec("plotly")
    if found is None or not found.submodule_search_locations:
        raise ConfigError(_HINT.format("plotly", installation("plot")))
    # To import the package would take half a second.
    return (Path(found.submodule_search_locations[0]) / "package_data/plotly.min.js").read_bytes()


@lru_cache
def template() -> Any:
    """Return Jinja's template of a page. Raises ConfigError where Jinja is not installed."""
    try:
        import jinja2
    except ImportError:
        raise ConfigError(_HINT.format("jinja2", installation("plot"))) from None
    files = {
        name: resources.files(__name__).joinpath(name).read_text("utf-8")
        for name in ("page.html", "page.css", "page.js")
    }
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(files), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )  # fmt: skip
    environment.globals["contents"] = contents
    environment.globals["css"], environment.globals["js"] = files["page.css"], files["page.js"]
    return environment.get_template("page.html")
