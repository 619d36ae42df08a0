"""Requests that someone recorded, or made with another tool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from accelsim.errors import ConfigError
from accelsim.inputs.files import is_file
from accelsim.inputs.shipped import find_input
from accelsim.requests.base import OpenLoop
from accelsim.requests.request import Request, RequestContext
from accelsim.requests.trace_file import read_requests
from accelsim.units import to_ticks


class RequestFile(OpenLoop):
    """The requests of a CSV file (see accelsim.requests.trace_file).

    ``path`` counts from the folder of the workload file; ``traces/...`` also finds the traces that
    travel with accelsim. ``duration`` ends the observed time: requests that arrive then or later,
    before ``rate_factor``, are left out. Without it all are served. ``deadline`` is for requests
    that have none in the file; ``rate_factor`` keeps a deadline's distance from its arrival.
    """

    pattern: Literal["file"]
    path: str

    @property
    def origin(self) -> str:
        """The file."""
        return f"file {self.path}"

    def find(self, folder: Path) -> Path:
        """Return the file to read for a workload in a folder."""
        beside = folder / self.path
        return beside if is_file(beside) else find_input(Path(self.path))

    def make_requests(self, context: RequestContext) -> list[Request]:
        """Return the requests of the file."""
        path = self.find(context.folder)
        requests = read_requests(path, context)
        if self.duration is not None:
            end = to_ticks(self.duration)
            requests = [request for request in requests if request.arrival < end]
        if not requests:
            raise ConfigError(
                f"{path}: no request arrives before requests.duration; lengthen or remove it"
            )
        return [self._adapted(request) for request in requests]

    def _adapted(self, request: Request) -> Request:
        arrival = self.scaled(request.arrival)
        if request.deadline is None:
            deadline = self.deadline_of(request.task, arrival)
        else:
            deadline = arrival + (request.deadline - request.arrival)
        return replace(request, arrival=arrival, deadline=deadline)
