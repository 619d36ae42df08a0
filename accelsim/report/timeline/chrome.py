"""Writes marks as Chrome's JSON, for viewers that read no protobuf.

It has no units of counters, no order of processes and no tracks in tracks: a track is a thread that
is named by its way from the process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from accelsim.report.timeline.marks import Begin, End, Mark, Track

# Viewers take thread 0, and a thread with the number of its process, for the process itself.
_FIRST_THREAD = 100_000


def chrome(marks: Iterable[Mark]) -> Iterator[bytes]:
    """Yield the pieces of a JSON file; times are microseconds with three decimals."""
    tracks = _Tracks()
    yield b'{"displayTimeUnit":"ns","traceEvents":['
    separator = "\n"
    for mark in marks:
        for event in tracks.events(mark):
            yield f"{separator}{event}".encode()
            separator = ",\n"
    yield b"\n]}\n"


class _Tracks:
    """The tracks so far: by number the process and the way to each."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, str, Track]] = {}

    def events(self, mark: Mark) -> Iterator[str]:
        if isinstance(mark, Track):
            yield from self._declare(mark)
            return
        process, way, track = self._known[mark.track]
        place = f'"pid":{process},"tid":{_FIRST_THREAD + mark.track},"ts":{_microseconds(mark.at)}'
        if isinstance(mark, Begin):
            yield (
                f'{{"ph":"B",{place},"cat":"{mark.level}","name":{json.dumps(mark.name)},'
                f'"args":{json.dumps(dict(mark.facts))}}}'
            )
            for phase, arrows in (('"s"', mark.sends), ('"f","bp":"e"', mark.receives)):
                for arrow in arrows:
                    yield f'{{"ph":{phase},"id":{arrow},{place},"cat":"arrow","name":"load"}}'
        elif isinstance(mark, End):
            yield f'{{"ph":"E",{place}}}'
        else:
            name, value = json.dumps(f"{way} [{track.unit}]"), f'"value":{mark.value:.12g}'
            yield f'{{"ph":"C",{place},"name":{name},"args":{{{value}}}}}'

    def _declare(self, track: Track) -> Iterator[str]:
        if not track.parent:
            self._known[track.number] = (track.number, "", track)
            about = {"name": track.name}, {"sort_index": track.place}
            yield from _metadata("process", track.number, 0, about)
            return
        process, way, _ = self._known[track.parent]
        way = f"{way} / {track.name}" if way else track.name
        self._known[track.number] = (process, way, track)
        if not track.unit:
            about = {"name": way}, {"sort_index": track.number}
            yield from _metadata("thread", process, _FIRST_THREAD + track.number, about)


def _metadata(
    kind: str, process: int, thread: int, about: Iterable[Mapping[str, str | int]]
) -> Iterator[str]:
    for what, args in zip(("name", "sort_index"), about, strict=True):
        yield (
            f'{{"ph":"M","pid":{process},"tid":{thread},"name":"{kind}_{what}",'
            f'"args":{json.dumps(args)}}}'
        )


def _microseconds(nanoseconds: int) -> str:
    return f"{nanoseconds // 1000}.{nanoseconds % 1000:03d}"
