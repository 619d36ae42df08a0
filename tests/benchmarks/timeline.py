"""CPU time and memory of five million slices of a timeline; run on demand, on an idle machine.

python tests/benchmarks/timeline.py          written to a file that is removed again
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from itertools import chain

from accelsim.report.timeline.marks import Begin, End, Facts, Mark, Track
from accelsim.report.timeline.protobuf import perfetto

SLICES, TRACKS = 5_000_000, 16
MOST_SECONDS, MOST_BYTES = 30.0, 100e6


def marks() -> Iterator[Mark]:
    """Slices of 800 names with seven facts each, of which every tenth comes only once."""
    names = [f"encoder.operator_{n % 22}, encoder_layer {n // 22}" for n in range(800)]
    known = [facts(n) for n in range(5_000)]
    for number in range(SLICES):
        track, at = number % TRACKS + 2, 700 * (number // TRACKS)
        told = known[number % 5_000] if number % 10 else facts(number)
        yield Begin(track, at, names[number % 800], "use", told)
        yield End(track, at + 650)


def facts(number: int) -> Facts:
    return (
        ("ticks", 650_000_000 + number), ("cycles", 585), ("macs", 6_291_456),
        ("bytes", 155_328), ("energy_nJ", 12.5 * number), ("waited_ticks", 1_000 * number),
        ("waited_for", f"encoder.operator_{number % 22}"),
    )  # fmt: skip


def main() -> None:
    process = Track(1, 0, "design", 1)
    tracks = (Track(n + 2, 1, f"block {n}", n) for n in range(TRACKS))
    began, size = time.process_time(), 0
    with tempfile.TemporaryFile() as file:
        for piece in perfetto(chain((process, *tracks), marks())):
            size += file.write(piece)
    seconds = time.process_time() - began
    most = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = f"{seconds:.1f} s, {most / 1e6:.0f} MB of memory, {size / 1e6:.0f} MB"
    print(f"{SLICES:,} slices: {told}")  # noqa: T201
    assert seconds < MOST_SECONDS
    assert most < MOST_BYTES


if __name__ == "__main__":
    main()
