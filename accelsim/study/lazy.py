"""Many values of which none is kept: each is made when it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

Made = TypeVar("Made", covariant=True)


@dataclass(frozen=True)
class Lazy(Sequence[Made]):
    """So many values; ``make`` returns that of a number, always an equal one."""

    length: int
    make: Callable[[int], Made]

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, number: int) -> Made: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Made]: ...
    def __getitem__(self, number: int | slice) -> Made | Sequence[Made]:
        """Return a value by its number."""
        if isinstance(number, slice):
            return [self.make(each) for each in range(self.length)[number]]
        return self.make(range(self.length)[number])
