"""Requests that someone recorded, or made with another tool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from accelsim.inputs.paths import KeyPath
from accelsim.inputs.shipped import find_beside
from accelsim.requests.base import OpenLoop
from accelsim.requests.request import Request, RequestContext, Requests
from accelsim.requests.trace_file import read_requests
from accelsim.requests.trace_format import TraceFormat
from accelsim.units import to_ticks


class RequestFile(OpenLoop, TraceFormat):
    """The requests of a CSV file or of JSON lines (see accelsim.requests.trace_file).

    ``path`` counts from the folder of the workload file; ``traces/...`` also finds the traces that
    travel with accelsim. ``duration`` ends the observed time: requests that arrive then or later,
    before ``rate_factor``, are left out. Without it all are served. ``deadline`` is for requests
    that have none in the file; ``rate_factor`` keeps a deadline's distance from its arrival.
    """

    pattern: Literal["file"]
    path: str

    @property
    def source(self) -> str:
        """The file."""
        return f"file {self.path}"

    def trace(self, folder: Path) -> Path:
        """Return the file to read for a workload in a folder."""
        return find_beside(folder, self.path)

    def problems(self, context: RequestContext) -> Iterator[tuple[KeyPath, str]]:
        """Yield what is wrong in this workload."""
        yield from super().problems(context)
        yield from self.format_problems(context)

    def make_requests(self, context: RequestContext) -> Requests:
        """Return the requests of the file."""
        end = None if self.duration is None else to_ticks(self.duration)
        requests = read_requests(self.trace(context.folder), context, self, end)
        if self.rate_factor != 1 or self.deadline is not None:
            for place, request in enumerate(requests):
                requests[place] = self._adapted(request)
        return requests

    def _adapted(self, request: Request) -> Request:
        arrival = self.scaled(request.arrival)
        if request.deadline is None:
            deadline = self.deadline_of(request.task, arrival)
        else:
            deadline = arrival + (request.deadline - request.arrival)
        return replace(request, arrival=arrival, deadline=deadline)
