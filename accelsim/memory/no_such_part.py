"""What no part off the chip is: the least and most of its figures, and what they are held against.

Each limit names its standard or reason. Wider than any part that is built, so that what is refused
is a slip of the pen; a tenth of what is stated, or ten times as much, mostly is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document
from accelsim.inputs.paths import KeyPath
from accelsim.inputs.validation import ConfigModel
from accelsim.units import format_si

MIB = 2**20
# Clocks are rounded, in data sheets as in the files of simulators.
ROUNDING = 1 + 1e-2
_EXACT = 1 + 1e-9


@dataclass(frozen=True)
class Figures:
    """The numbers of a part by path; a name stands for that of the nearest ``group`` around."""

    known: Mapping[KeyPath, float]
    group: KeyPath = ()

    def __contains__(self, name: str) -> bool:
        return self._path(name) is not None

    def __getitem__(self, name: str) -> float:
        path = self._path(name)
        assert path is not None, name
        return self.known[path]

    def _path(self, name: str) -> KeyPath | None:
        own = tuple(name.split("."))
        around = (self.group[:length] + own for length in range(len(self.group), -1, -1))
        return next((path for path in around if path in self.known), None)

    def matching(self, pattern: str) -> Iterator[KeyPath]:
        """Yield the paths of a pattern such as ``power.*.IDD0``."""
        wanted = pattern.split(".")
        for path in self.known:
            if len(path) == len(wanted) and all(
                want in ("*", key) for want, key in zip(wanted, path, strict=True)
            ):
                yield path


Bound = float | Callable[[Figures], float]


@dataclass(frozen=True)
class Limit:
    """A figure of a part is no less than ``least`` and no more than ``most`` [SI], as ``said``.

    ``above`` refuses the least itself. ``applies`` is asked first.
    """

    path: str
    unit: str
    said: str
    least: Bound | None = None
    most: Bound | None = None
    above: bool = False
    applies: Callable[[Figures], bool] = lambda _: True
    rounding: float = _EXACT

    def problems(self, figures: Figures) -> Iterator[tuple[KeyPath, str]]:
        """Yield the paths of what is beyond the limit, and what is wrong."""
        for path in figures.matching(self.path):
            near = Figures(figures.known, path[:-1])
            if self.applies(near):
                yield from ((path, text) for text in self._problem(near, figures.known[path]))

    def _problem(self, near: Figures, value: float) -> Iterator[str]:
        least, most = _value(self.least, near), _value(self.most, near)
        below = least is not None and value * self.rounding < least
        if least is not None and (below or (self.above and value <= least * _EXACT)):
            word = "more than" if self.above else "at least"
            yield self._text(value, "less" if below else "no more", word, least)
        if most is not None and value > most * self.rounding:
            yield self._text(value, "more", "at most", most)

    def _text(self, value: float, is_: str, wanted: str, limit: float) -> str:
        shown = partial(format_si, unit=self.unit, digits=4) if self.unit else "{:g}".format
        given, known = shown(value), shown(limit)
        advice = f"expected {wanted} {known}: correct it by the data sheet"
        return f"{given} is {is_} than {known}, {self.said}; {advice}"


@dataclass(frozen=True)
class Shape:
    """A figure is one ``of`` some, as ``said``."""

    path: str
    of: Callable[[int], bool]
    said: str

    def problems(self, figures: Figures) -> Iterator[tuple[KeyPath, str]]:
        """Yield the paths of what is no such number, and what is wrong."""
        for path in figures.matching(self.path):
            value = int(figures.known[path])
            if not self.of(value):
                yield path, f"{value} is that of no part; expected {self.said}"


Rule = Limit | Shape


def problems(part: ConfigModel, rules: Iterable[Rule]) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path of each figure of a part that breaks a rule, and what is wrong."""
    figures = Figures(dict(_flat(part, ())))
    for rule in rules:
        yield from rule.problems(figures)


def one_of(path: str, *known: int) -> Shape:
    """Return the rule that a figure is one of those known."""
    return Shape(path, known.__contains__, f"one of {', '.join(map(str, known))}")


def power_of_two(number: int) -> bool:
    """Return whether a number is a power of two."""
    return number > 0 and not number & (number - 1)


def density(number: int) -> bool:
    """Return whether a number is a power of two, or three of them: densities of JEDEC's."""
    return power_of_two(number) or (number % 3 == 0 and power_of_two(number // 3))


@dataclass(frozen=True)
class Current:
    """A current of a part: where it stands, how deep its state is, of what kind and temperature."""

    path: KeyPath
    name: str
    depth: int
    maximum: bool
    temperature: float | None
    amperes: float

    def contains(self, other: Current) -> bool:
        """Return whether another current cannot be greater: deeper, colder, typical, or equal."""
        known = None not in (self.temperature, other.temperature)
        return (
            other.depth <= self.depth
            and other.maximum <= self.maximum
            and (not known or (other.temperature or 0) <= (self.temperature or 0))
            # Of two activities neither contains the other.
            and (other.depth < self.depth or other.path[:-1] == self.path[:-1])
        )


def current_problems(currents: tuple[Current, ...]) -> Iterator[tuple[KeyPath, str]]:
    """Yield each current that is greater than one that contains it, and what is wrong."""
    for less, more in product(currents, currents):
        if less is not more and more.contains(less) and less.amperes > more.amperes * _EXACT:
            given, most = (format_si(each.amperes, "A") for each in (less, more))
            yield (
                less.path,
                f"{given} of {less.name} is more than {most} of {more.name}; expected at most that "
                f"of a {'hotter part' if less.path == more.path else 'state or figure above it'}: "
                "correct one of them by the data sheet",
            )


def _flat(value: object, path: KeyPath) -> Iterator[tuple[KeyPath, float]]:
    """Yield all numbers of a part with the path that they have in its file; true is 1."""
    if isinstance(value, ConfigModel):
        for name, field in type(value).model_fields.items():
            yield from _flat(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _flat(each, (*path, f"{key:g} K" if isinstance(key, float) else key))
    elif isinstance(value, (int, float)):
        yield path, value


def refuse(document: Document, problems: Iterable[tuple[KeyPath, str]]) -> None:
    """Raise ConfigError with the first problem of each figure, in the order of the file."""
    first: dict[KeyPath, str] = {}
    for path, text in problems:
        first.setdefault(path, text)
    known = first.items()
    lines = [(document.place(at).line or 0, str(document.error(at, text))) for at, text in known]
    if lines:
        raise ConfigError("\n".join(text for _, text in sorted(lines)))


def _value(bound: Bound | None, figures: Figures) -> float | None:
    return bound(figures) if callable(bound) else bound
