"""Processes of this machine, each with a memory of its own.

They are started as commands, not forked and not by ``multiprocessing``: so a script needs no
``if __name__ == "__main__"``, and a notebook or a thread is no obstacle.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait

from accelsim.errors import AccelsimError
from accelsim.evaluation.point import Point
from accelsim.inputs.plugins import loaded_plugins
from accelsim.study.executors.base import Chunk, Executor, Pending, Results
from accelsim.study.executors.worker import READY
from accelsim.study.outcome import KILLED, Outcome

_WORKER = "accelsim.study.executors.worker"
# A point that kills so many workers is left alone.
MOST_STRIKES = 2
# [ours] So many workers in a row that are killed as they start are replaced.
_MOST_STILLBORN = 3


def default_jobs() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Worker:
    """One process, and the numbers of the chunk that it has not answered yet."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        # What can be imported here can be there, and nothing of the current folder that cannot.
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", _WORKER, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": paths},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                process_group=0,
            )
        self.connection = Connection(ours.detach())
        self.ready = False
        self.left: list[int] = []
        self.group: int | None = None
        self._send(loaded_plugins())

    def give(self, chunk: Chunk, points: Sequence[Point]) -> None:
        """Send a chunk to be evaluated."""
        self.left, self.group = list(chunk.numbers), chunk.group
        self._send(tuple((number, points[number]) for number in chunk.numbers))

    def _send(self, what: object) -> None:
        try:
            self.connection.send(what)
        except OSError:
            return  # it has died: the next look at the connection says so

    def end(self) -> None:
        """Kill the process."""
        self.connection.close()
        self.process.kill()
        self.process.wait()


class LocalProcesses(Executor):
    """So many worker processes; those that die are replaced."""

    def __init__(self, jobs: int) -> None:
        self.workers = jobs
        self._stillborn = 0
        self._running: list[_Worker] = []

    def results(self, pending: Pending, points: Sequence[Point]) -> Results:
        """Yield outcomes as they come. Raises AccelsimError where no worker can be started."""
        strikes = Counter[int]()
        try:
            while pending or any(worker.left for worker in self._running):
                self._hire(pending, points)
                busy = {worker.connection: worker for worker in self._running if worker.left}
                # None is where another command has answered all that was left: no wait would end.
                for connection in wait(list(busy)) if busy else ():
                    assert isinstance(connection, Connection)
                    yield from self._heard(busy[connection], pending, strikes)
        except BaseException:
            # GeneratorExit too: what is in flight is of no use any more.
            self.close()
            raise

    def _hire(self, pending: Pending, points: Sequence[Point]) -> None:
        """Give every idle worker a chunk, and start workers as long as there is one for them."""
        for number in range(self.workers):
            if not pending:
                return
            if number == len(self._running):
                self._running.append(_Worker())
            worker = self._running[number]
            if not worker.left and (chunk := pending.take(worker.group)):
                worker.give(chunk, points)

    def _heard(
        self, worker: _Worker, pending: Pending, strikes: Counter[int]
    ) -> Iterator[tuple[int, Outcome]]:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._lost(worker, pending, strikes)
            return
        if message == READY:
            worker.ready, self._stillborn = True, 0
            return
        number, outcome = message
        worker.left.remove(number)
        yield number, outcome

    def _lost(
        self, worker: _Worker, pending: Pending, strikes: Counter[int]
    ) -> Iterator[tuple[int, Outcome]]:
        """Give back what a dead worker did not come to; leave the point alone that it died of."""
        worker.end()
        self._running.remove(worker)
        first, group = worker.left[0], worker.group
        assert group is not None
        if not worker.ready:
            self._stillborn += 1
            # A signal is no fault of the points, and may not come again.
            if worker.process.returncode >= 0 or self._stillborn > _MOST_STILLBORN:
                raise AccelsimError(
                    f"a worker process ended before it began (exit code "
                    f"{worker.process.returncode}); its message is above; use --jobs 0 to evaluate "
                    "in this process"
                )
            pending.put_back(Chunk(group, tuple(worker.left)))
            return
        strikes[first] += 1
        poison = strikes[first] >= MOST_STRIKES
        pending.put_back(Chunk(group, tuple(worker.left[poison:])))
        if poison:
            yield first, KILLED

    def close(self) -> None:
        """End all workers."""
        for worker in self._running:
            worker.end()
        self._running.clear()
