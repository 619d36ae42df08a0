"""What a scheduling policy is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from accelsim.inputs.validation import ConfigModel
from accelsim.requests.request import Request
from accelsim.units import Tick


class SchedulingPolicy(ConfigModel):
    """Chooses the next request each time that the device becomes free.

    A request in service is never interrupted, and the device never waits while a request does.
    ``name`` is how a workload calls the policy: a Literal in each subclass.
    """

    name: str

    @abstractmethod
    def choose(self, waiting: Sequence[Request], present: str | None, now: Tick) -> int:
        """Return the position in ``waiting`` of the request to serve next.

        ``waiting`` holds at least one request, in the order of (arrival, number), all arrived by
        ``now``; ``present`` is the task of the request served last, None before the first.
        """

    def rank(self, request: Request) -> tuple[int, ...] | None:
        """Return a rank that says the same as ``choose``, the least being served first, or None.

        Of equal ranks the lower number is served first.

        A policy whose choice depends on the requests alone may have one: a long queue is then not
        searched at every choice.
        """
        return None
