"""A memory of what stages have made, found again by the content that it was made from.

Nothing in it is found by identity or by a file's time, so with and without it every figure is equal
to the last bit. It is bounded: each stage keeps what was used last, counted by weight.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

from accelsim.inputs.plugins import loaded_plugins

Made = TypeVar("Made")

# What each stage keeps at most, in its own weight: mostly one for each thing that was made.
_ROOM = {
    "requests": 200_000,
    "graph": 100,
    "placement": 200,
    "segments": 50,
    "design": 50,
}


class Memo:
    """What the stages of points have made, by content.

    A full one takes some hundred megabytes. It belongs to one process, and to one thread at a time.
    """

    def __init__(self) -> None:
        self._kept: dict[str, OrderedDict[Hashable, tuple[object, int]]] = {}
        self._weight: dict[str, int] = {}

    def get(
        self,
        stage: str,
        key: Hashable,
        make: Callable[[], Made],
        weigh: Callable[[Made], int] = lambda made: 1,
    ) -> Made:
        """Return what a stage made of a content, making it if need be.

        ``key`` is all that ``make`` depends on, ``weigh`` says how much room it takes.
        """
        kept, full = self._kept.setdefault(stage, OrderedDict()), (key, loaded_plugins())
        found = kept.get(full)
        if found is not None:
            kept.move_to_end(full)
            return cast(Made, found[0])
        made = make()
        weight = weigh(made)
        if weight <= _ROOM[stage]:
            self._keep(stage, full, made, weight)
        return made

    def _keep(self, stage: str, key: Hashable, made: object, weight: int) -> None:
        kept = self._kept[stage]
        kept[key] = (made, weight)
        self._weight[stage] = self._weight.get(stage, 0) + weight
        while self._weight[stage] > _ROOM[stage]:
            _, (_, gone) = kept.popitem(last=False)
            self._weight[stage] -= gone
