"""Reading input files: each once for a point, and what was read can be told from what is there now.

A point that is evaluated sees one state of every file. Whoever remembers what was made from files
watches which were looked at, and compares contents before using it again: never times.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

Made = TypeVar("Made")
Path = str | os.PathLike[str]
Seen = dict[tuple[str, str], object]
"""What was found out, by question and path: the content's digest, whether it is there, names."""

# Larger files are not kept, but read again.
_LARGE = 1 << 20
_MOST_FILES = 256
# [ours] Weights of half a billion parameters in 32 bits.
_MOST_BYTES = 1 << 31


class _File(NamedTuple):
    """A content with its digest."""

    content: bytes
    digest: bytes


_reading: ContextVar[Seen | None] = ContextVar("reading", default=None)
_watched: ContextVar[tuple[Seen, ...]] = ContextVar("watched", default=())
# The last content of each file: to compare is quicker than to digest.
_last: dict[str, _File] = {}


@contextmanager
def one_reading() -> Iterator[None]:
    """Look at every file once meanwhile; within another reading, go on with that."""
    current = _reading.get()
    token = _reading.set({} if current is None else current)
    try:
        yield
    finally:
        _reading.reset(token)


@contextmanager
def watching() -> Iterator[Seen]:
    """Note all that is found out about files meanwhile."""
    seen: Seen = {}
    token = _watched.set((*_watched.get(), seen))
    try:
        yield seen
    finally:
        _watched.reset(token)


def unchanged(seen: Seen) -> bool:
    """Return whether all files are as they were seen."""
    if not seen:
        return True  # as of most that is asked for at every point
    reading = _reading.get()
    if reading is not None and seen.items() <= reading.items():
        note(seen)
        return True
    try:
        return all(_look(what, path) == found for (what, path), found in seen.items())
    except (OSError, ValueError):
        return False


def note(seen: Seen) -> None:
    """Let whoever watches know what something depends on that was made before."""
    for each in _watched.get():
        each.update(seen)


def kept(store: dict[str, Any], what: str, key: object, make: Callable[[], Made]) -> Made:
    """Return what is made of a key: the last in the store, if key and files are what they were."""
    known = store.get(what)
    if known is not None and known[0] == key and unchanged(known[1]):
        last: Made = known[2]
        return last
    with watching() as files:
        made = make()
    store[what] = (key, files, made)
    return made


def digests(seen: Seen) -> dict[str, str]:
    """Return the SHA-256 of every file that was read, by its path."""
    read = ((path, found) for (what, path), found in seen.items() if what == "content")
    return {path: found.hex() for path, found in read if isinstance(found, bytes)}


def read_bytes(path: Path) -> bytes:
    """Return the content of a file. Raises OSError, and ValueError for a name that is none."""
    name = os.fspath(path)
    digest, known = _look("content", name), _last.get(name)
    if known is not None and known.digest == digest:
        return known.content
    return _content(name)


def is_file(path: Path) -> bool:
    """Return whether a path is a file; unlike ``Path.is_file``, any text will do as a name."""
    return bool(_look("is a file", os.fspath(path)))


def is_there(path: Path) -> bool:
    """Return whether there is a file or a folder of a name."""
    return bool(_look("is there", os.fspath(path)))


def names_in(folder: Path) -> tuple[str, ...]:
    """Return the names in a folder, sorted. Raises OSError when it cannot be read."""
    found = _look("names", os.fspath(folder))
    assert isinstance(found, tuple)
    return found


def _look(what: str, path: str) -> object:
    key, reading = (what, path), _reading.get()
    if reading is None:
        found = _FINDERS[what](path)
    else:
        if key not in reading:
            reading[key] = _FINDERS[what](path)
        found = reading[key]
    for seen in _watched.get():
        seen[key] = found
    return found


def _digest(path: str) -> bytes:
    content = _content(path)
    known = _last.get(path)
    if known is None or known.content != content:
        known = _File(content, hashlib.sha256(content).digest())
        if len(content) <= _LARGE:
            if len(_last) >= _MOST_FILES:
                _last.clear()
            _last[path] = known
    return known.digest


def _content(path: str) -> bytes:
    if "\0" in path:
        # Each Python words it in another way.
        raise ValueError("embedded null byte")
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(found.st_mode):
        # A device or a pipe may have no end.
        raise OSError(errno.EINVAL, "it is no regular file; save it as one", path)
    if found.st_size > _MOST_BYTES:
        raise OSError(errno.EFBIG, f"it has more than {_MOST_BYTES >> 30} GiB", path)
    with open(path, "rb", buffering=0) as file:
        return file.read()


_FINDERS: dict[str, Callable[[str], object]] = {
    "content": _digest,
    "is a file": os.path.isfile,
    "is there": os.path.exists,
    "names": lambda path: tuple(sorted(os.listdir(path))),
}
