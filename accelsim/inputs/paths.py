"""Key paths: where a value stands in nested mappings and lists, such as ``tasks[1]``."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable, Mapping

KeyPath = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[^\s.:\[\]\"'=]+")
_STEP = re.compile(
    r"""\.?(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<plain>[^\s.\[\]"'=]+))"""
    r"""|\[(?P<index>[0-9]{1,9})\]"""
)

# [ours] No document nests so deep.
_LONGEST = 1000
# [ours] How alike two words that mean the same are, and how many names a hint has.
_SHARED, _MOST = 0.8, 6


def format_path(path: Iterable[str | int]) -> str:
    """Return ``cases.vanilla.tasks[1]`` for a key path; the empty path is ``document``.

    A key with a dot or another special character is quoted: ``cases."a.b"``.
    """
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            name = key if _PLAIN_KEY.fullmatch(key) else f'"{repr(key)[1:-1]}"'
            text += f".{name}" if text else name
    return text or "document"


def parse_path(dotted: str) -> KeyPath:
    """Return the key path of ``tasks[1]``, ``tasks.1`` or ``cases."a.b".hardware``.

    An unquoted number is an index. Raises ValueError for a text that is no path.
    """
    path: list[str | int] = []
    position = 0
    if len(dotted) > _LONGEST:
        raise ValueError(f"{len(dotted)} characters are no path; expected keys joined by dots")
    while position < len(dotted):
        match = _STEP.match(dotted, position)
        # A dot stands before every key but the first.
        dot_is_wrong = (dotted[position] == ".") == (position == 0)
        if match is None or (match["index"] is None and dot_is_wrong):
            raise ValueError(f"'{dotted}' is no path; expected keys joined by dots")
        path.append(_key(match))
        position = match.end()
    if not path or isinstance(path[0], int):
        raise ValueError(f"'{dotted}' is no path; expected keys joined by dots")
    return tuple(path)


def _key(match: re.Match[str]) -> str | int:
    if match["index"] is not None:
        return int(match["index"])
    plain = match["plain"]
    if plain is not None:
        return int(plain) if re.fullmatch("[0-9]{1,9}", plain) else plain
    return match["double"] if match["double"] is not None else match["single"]


def suggest(word: str, known: Iterable[str], label: str) -> str:
    """Return ``did you mean 'sram'?`` when a known word is close, else the list of known words."""
    words = list(known)
    lowered = {name.lower(): name for name in words}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{lowered[close[0]]}'?"
    return f"{label}: {', '.join(words)}" if words else f"{label}: none"


def suggest_figures(asked: str, titles: Mapping[str, str]) -> str:
    """Return the names, with their titles, that share most words with what was asked.

    Words that are nearly the same count too; without any all names are listed, in short lines.
    """
    scores = {name: _likeness(asked, f"{name} {title}") for name, title in titles.items()}
    best = max(scores.values(), default=0.0)
    alike = [name for name, score in scores.items() if score and score > best - _SHARED / 2]
    alike.sort(key=lambda name: -difflib.SequenceMatcher(None, asked, name).ratio())
    if not alike:
        return f"figures:\n{textwrap.fill(', '.join(titles), 96, break_on_hyphens=False)}"
    told = [f"'{name}' ({titles[name]})" for name in alike[:_MOST]]
    return f"did you mean {' or '.join(told)}?"


def _likeness(asked: str, text: str) -> float:
    words = {word for word in re.split(r"[\W_]+", text.lower()) if word}
    found = 0.0
    for word in filter(None, re.split(r"[\W_]+", asked.lower())):
        near = difflib.get_close_matches(word, words, n=1, cutoff=_SHARED)
        found += difflib.SequenceMatcher(None, word, near[0]).ratio() if near else 0.0
    return found
