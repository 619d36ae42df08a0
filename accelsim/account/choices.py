"""What the mapping chose for a design."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from accelsim.accelerators.design import Design


@dataclass(frozen=True)
class Choices:
    """The choices that some tasks and sentence lengths share, and what they spill to DRAM."""

    tasks: list[str]
    tokens: list[int]
    choices: list[str]
    spilled: list[str]


def mapping_choices(design: Design) -> Iterator[Choices]:
    """Yield the choices of a design, equal ones once."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[set[str], set[int]]] = {}
    for (task, tokens), made in design.inferences.items():
        tasks, lengths = found.setdefault((made.choices, made.spilled), (set(), set()))
        tasks.add(task)
        lengths.add(tokens)
    for (choices, spilled), (known, of) in found.items():
        yield Choices(sorted(known), sorted(of), list(choices), list(spilled))
