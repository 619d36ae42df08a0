"""Telling a user who waits what is being done, from rooms that print nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_silent: ContextVar[bool] = ContextVar("silent", default=False)


def tell(text: str) -> None:
    """Write a line to the error stream, unless nobody wants to know."""
    if not _silent.get():
        sys.stderr.write(f"accelsim: {text}\n")
        sys.stderr.flush()


@contextmanager
def silenced() -> Iterator[None]:
    """Tell nothing meanwhile."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)
