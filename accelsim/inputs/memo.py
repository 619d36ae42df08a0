"""A memory of what stages have made, found again by the content that it was made from.

Nothing in it is found by identity or by a file's time, so with and without it every figure is equal
to the last bit. It is bounded: each stage keeps what was used last, counted by weight.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar, cast

from accelsim.inputs.files import Seen, unchanged, watching
from accelsim.inputs.plugins import loaded_plugins

Made = TypeVar("Made")

# What each stage keeps at most, in its own weight: mostly one for each thing that was made.
_ROOM = {
    "workload": 100,
    "file": 100,
    "machine": 50,
    "last": 50,
    "requests": 200_000,
    "graph": 100,
    "placement": 200,
    "fit": 200,
    "emitted": 50,
    "inferences": 50,
    "design": 50,
    "switch": 500,
    "segment": 2000,
    "run": 300,
}


@dataclass(frozen=True, slots=True)
class _Kept:
    made: object
    weight: int
    files: Seen


class Memo:
    """What the stages of points have made, by content.

    A full one takes some hundred megabytes. It belongs to one process, and to one thread at a time.
    ``asked`` counts by stage what was wanted of ``get``, ``made`` what it did not have.
    """

    def __init__(self) -> None:
        self.asked, self.made = Counter[str](), Counter[str]()
        self._kept = {stage: OrderedDict[Hashable, _Kept]() for stage in _ROOM}
        self._weight = dict.fromkeys(_ROOM, 0)

    def get(
        self,
        stage: str,
        key: Hashable,
        make: Callable[[], Made],
        weigh: Callable[[Made], int] = lambda made: 1,
    ) -> Made:
        """Return what a stage made of a content, making it if need be.

        ``key`` is all that ``make`` depends on but plug-ins and the content of files that it reads
        by ``inputs.files``; ``weigh`` says how much room what is made takes.
        """
        self.asked[stage] += 1
        found = self._find(stage, key)
        if found is not None:
            return cast(Made, found.made)
        self.made[stage] += 1
        with watching() as files:
            made = make()
        self._keep(stage, key, _Kept(made, weigh(made), files))
        return made

    def find(self, stage: str, key: Hashable) -> object:
        """Return what was kept for a key that nothing else has a part in; None for nothing."""
        found = self._find(stage, key)
        return None if found is None else found.made

    def keep(self, stage: str, key: Hashable, made: object) -> None:
        """Keep what was made without a look at any file."""
        self._keep(stage, key, _Kept(made, 1, {}))

    def _find(self, stage: str, key: Hashable) -> _Kept | None:
        kept, full = self._kept[stage], (key, loaded_plugins())
        found = kept.get(full)
        if found is None or not unchanged(found.files):
            return None
        kept.move_to_end(full)
        return found

    def _keep(self, stage: str, key: Hashable, new: _Kept) -> None:
        kept, full = self._kept[stage], (key, loaded_plugins())
        if full in kept:
            self._weight[stage] -= kept.pop(full).weight
        if new.weight > _ROOM[stage]:
            return
        kept[full] = new
        self._weight[stage] += new.weight
        while self._weight[stage] > _ROOM[stage]:
            self._weight[stage] -= kept.popitem(last=False)[1].weight
