"""What becomes of a point of a study: its figures, or why there are none, ready to be kept."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

from accelsim.errors import AccelsimError, CapacityError, ConfigError, MappingError
from accelsim.evaluation.examine import evaluate
from accelsim.evaluation.point import Figure, Point, Row
from accelsim.inputs.files import Seen, watching
from accelsim.inputs.memo import Memo

State = Literal["ok", "infeasible", "failed", "killed"]
STATES: tuple[State, ...] = get_args(State)


class Packed(NamedTuple):
    """Figures exact to the last bit: their names as JSON, once for all rows that have them, and
    their values as JSON that is compressed.
    """

    layout: str
    body: bytes


def pack(figures: Mapping[str, Figure]) -> Packed:
    """Return figures packed."""
    values = json.dumps([*figures.values()], separators=(",", ":"))
    return Packed(_layout(tuple(figures)), zlib.compress(values.encode(), 1))


def unpack(packed: Packed) -> dict[str, Figure]:
    """Return the figures. Raises ConfigError for what nothing packed: of a damaged store."""
    try:
        values = json.loads(zlib.decompress(packed.body))
        return dict(zip(_names(packed.layout), values, strict=True))
    except _DAMAGED as error:
        raise _damaged("the figures of a row", error) from None


# What reading JSON, compressed or not, raises of bytes that nobody has written like that.
_DAMAGED = (ValueError, TypeError, KeyError, zlib.error, RecursionError)


def _damaged(what: str, error: BaseException) -> ConfigError:
    return ConfigError(f"{what}: damaged in its store ({error}); use another store with --store")


@lru_cache(maxsize=256)
def _layout(names: tuple[str, ...]) -> str:
    return json.dumps(names)


@lru_cache(maxsize=256)
def _names(layout: str) -> tuple[str, ...]:
    return tuple(json.loads(layout))


@dataclass(frozen=True)
class Reason:
    """Why a point has no figures.

    ``kind`` is the name of the error or ``constraint``; ``context`` what it is about: of a tensor
    that does not fit its name, the memory, the bits needed and those free. ``trace`` is the
    traceback of a failure.
    """

    kind: str = ""
    message: str = ""
    context: tuple[Any, ...] = ()
    trace: str = ""

    def to_json(self) -> str:
        """Return it as a text to keep."""
        return json.dumps([self.kind, self.message, self.context, self.trace], default=str)

    @classmethod
    def from_json(cls, text: str) -> Reason:
        """Return what was kept."""
        try:
            kind, message, context, trace = json.loads(text)
            found = cls(kind, message, tuple(context), trace)
        except _DAMAGED as error:
            raise _damaged("the reason of a row", error) from None
        return NO_REASON if found == NO_REASON else found


NO_REASON = Reason()


@dataclass(frozen=True)
class Outcome:
    """A point that was evaluated: ``infeasible`` is its own fault, ``failed`` may be ours.

    One that is ``ok`` for a reason lacks the figures of cases that do not fit; others do.
    ``seen`` are the files that it depends on, as text; ``seconds`` is the wall time that it took.
    ``asked`` and ``made`` count simulations and compilations: made are those that no memory had.
    """

    state: State
    packed: Packed | None = None
    reason: Reason = NO_REASON
    seen: str = ""
    seconds: float = 0.0
    asked: Mapping[str, int] = field(default_factory=dict)
    made: Mapping[str, int] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, Figure]:
        """The figures by name; none of a point that is not ok."""
        return unpack(self.packed) if self.packed else {}

    @property
    def cases(self) -> tuple[str, ...]:
        """The cases that have figures."""
        return cases_in(self.figures)

    def known(self) -> dict[str, Figure]:
        """Return the figures of all cases.

        Raises the error that the point or one of its cases did, AccelsimError for a failure.
        """
        if self.whole:
            return self.figures
        kinds = {kind.__name__: kind for kind in (ConfigError, MappingError, CapacityError)}
        kind = kinds.get(self.reason.kind, AccelsimError)
        raise kind(self.reason.message, *self.reason.context)

    @property
    def whole(self) -> bool:
        """Whether all cases have figures."""
        return self.state == "ok" and not self.reason.kind


def cases_in(figures: Iterable[str]) -> tuple[str, ...]:
    """Return the cases that figures are of, by their names."""
    every = ".time.run"
    return tuple(name.removesuffix(every) for name in figures if name.endswith(every))


def number_of(figures: Mapping[str, Figure], name: str) -> float:
    """Return a figure that every case has as a number."""
    value = figures[name]
    assert isinstance(value, (int, float)), name
    return value


KILLED = Outcome("killed", reason=Reason("killed", "the process that evaluated it died, twice"))


# What is counted: see ``Memo``.
_COUNTED = ("run", "design")


def outcome_of(point: Point, memo: Memo) -> Outcome:
    """Evaluate a point; whatever is raised becomes its outcome. Interrupts go through."""
    before = {stage: (memo.asked[stage], memo.made[stage]) for stage in _COUNTED}
    start = time.perf_counter()
    state: State = "ok"
    packed, reason = None, NO_REASON
    with watching() as seen:
        try:
            row = evaluate(point, memo, strict=False)
            packed, reason = pack(row.figures), _lacking(row)
        except (ConfigError, MappingError) as error:
            state, reason = "infeasible", _reason(error)
        except Exception as error:  # noqa: BLE001 (one bad point must not end a study)
            state, reason = "failed", _reason(error, "".join(traceback.format_exception(error)))
    return Outcome(
        state,
        packed,
        reason,
        _text(seen),
        time.perf_counter() - start,
        {stage: memo.asked[stage] - asked for stage, (asked, _) in before.items()},
        {stage: memo.made[stage] - made for stage, (_, made) in before.items()},
    )


def _lacking(row: Row) -> Reason:
    """Return why cases are left out, the bound that the first violates."""
    if not row.refused:
        return NO_REASON
    first, *_ = errors = tuple(row.refused.values())
    return Reason(type(first).__name__, "\n".join(map(str, errors)), tuple(first.args[1:]))


def _reason(error: Exception, trace: str = "") -> Reason:
    return Reason(type(error).__name__, str(error), tuple(error.args[1:]), trace)


def _text(seen: Seen) -> str:
    found = [[*key, each.hex() if isinstance(each, bytes) else each] for key, each in seen.items()]
    return json.dumps(sorted(found, key=lambda each: each[:2]))


def read_seen(text: str) -> Seen:
    """Return what ``Outcome.seen`` says of files, for ``inputs.files.unchanged``."""
    try:
        return {(what, path): _found(what, found) for what, path, found in json.loads(text)}
    except _DAMAGED as error:
        raise _damaged("the files of a row", error) from None


def _found(what: str, found: Any) -> object:
    if what == "content":
        return bytes.fromhex(found)
    return tuple(found) if what == "names" else found


def digest_of(text: str) -> bytes:
    """Return the short name of a text."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
