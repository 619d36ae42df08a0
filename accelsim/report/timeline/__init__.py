"""Timelines of runs, for the viewers that people have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from accelsim.report.timeline.chrome import chrome
from accelsim.report.timeline.drawing import drawn
from accelsim.report.timeline.levels import Plan
from accelsim.report.timeline.marks import Writer
from accelsim.report.timeline.protobuf import perfetto

FORMATS: Mapping[str, Writer] = {"pftrace": perfetto, "json": chrome}


def timeline(
    plans: Mapping[str, Plan], file_format: str, about: Mapping[str, str] | None = None
) -> Iterator[bytes]:
    """Yield the pieces of a file of a timeline; ``about`` tells what it was made from."""
    return FORMATS[file_format](drawn(plans, about))
