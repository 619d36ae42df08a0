"""The requests that the host serves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from accelsim.config.workload import RequestsConfig


@dataclass(frozen=True, slots=True)
class Request:
    """One sentence to classify: its number from 0, its round, and its task."""

    number: int
    round: int
    task: str


def round_robin(requests: RequestsConfig, tasks: list[str]) -> Iterator[Request]:
    """Yield the requests of all rounds: every task in turn, some sentences each."""
    number = 0
    for turn in range(requests.rounds):
        for task in tasks:
            for _ in range(requests.sentences_per_task):
                yield Request(number, turn, task)
                number += 1
