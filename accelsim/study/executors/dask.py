"""The workers of a Dask cluster, of this machine or of many; they read the same files as we do.

Dask sends a task that has lost its worker to another, up to a number of times that belongs to the
scheduler. Here it is sent once: points of a lost task are asked again one by one, nothing else in
flight, so that one which kills its worker is found and the others are not blamed.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from accelsim.errors import AccelsimError, ConfigError
from accelsim.evaluation.point import Point
from accelsim.inputs.extras import installation
from accelsim.inputs.files import unchanged
from accelsim.inputs.memo import Memo
from accelsim.inputs.plugins import Plugin, loaded_plugins, plugins_put_back, use_plugins
from accelsim.study.executors.base import Chunk, Executor, Numbered, Pending, Results, evaluated
from accelsim.study.executors.local import MOST_STRIKES
from accelsim.study.identity import model_id
from accelsim.study.outcome import KILLED, Outcome, read_seen

# Chunks in flight for every thread of the cluster: one works, one waits.
_IN_FLIGHT = 2
# Seconds to reach a scheduler, and for a first worker to come.
_PATIENCE = 10
# [ours] Seconds without any worker until no other is waited for; a nanny takes about 5 for a new
# one. Seconds between two looks for workers, and for outcomes.
_WITHOUT_WORKERS = 60
_LOOK, _PAUSE = 1.0, 0.02
_KEPT = "what was done is kept, the same command goes on"
# A memory belongs to one thread at a time.
_LOCK = threading.Lock()


def evaluate_chunk(
    chunk: Numbered, model: bytes, plugins: tuple[Plugin, ...]
) -> list[tuple[int, Outcome]]:
    """Return the outcomes of a chunk: what a worker of the cluster runs.

    Raises ConfigError where the worker's accelsim is another than ours.
    """
    with _LOCK, plugins_put_back():
        use_plugins(plugins)
        if model_id() != model:
            raise ConfigError(
                "--scheduler: its workers have another accelsim, or other versions of its "
                "libraries; install the same"
            )
        return list(evaluated(chunk, _memo()))


@lru_cache(maxsize=1)
def _memo() -> Memo:
    return Memo()


class DaskCluster(Executor):
    """The workers of a scheduler. Raises ConfigError where none answers."""

    def __init__(self, address: str) -> None:
        try:
            import distributed
        except ImportError:
            raise ConfigError(
                f"--scheduler needs dask; run: {installation('dask')}, or leave it out"
            ) from None
        self._dask: Any = distributed
        self._seen = set[str]()
        # Made in two steps: one that has not begun would wait 20 s as it is deleted, and complain.
        self._client = distributed.Client.__new__(distributed.Client)
        try:
            self._client.__init__(address, timeout=_PATIENCE, set_as_default=False)
            self._client.wait_for_workers(1, timeout=_PATIENCE)
        except Exception as error:  # noqa: BLE001 - what answers there may be anything
            self._client.status = "closed"
            raise ConfigError(
                f"--scheduler {address}: no cluster with workers answers ({error}); expected an "
                "address such as tcp://HOST:8786"
            ) from None
        self._allow_losses(0)

    @property
    def workers(self) -> int:  # type: ignore[override]
        """The threads of the cluster now: it may grow and shrink."""
        return max(1, self._threads())

    def _threads(self) -> int:
        """Return how many threads there are. Raises AccelsimError where the scheduler is gone."""
        try:
            return sum(self._client.nthreads().values())
        except (OSError, RuntimeError, TimeoutError) as error:
            raise AccelsimError(f"--scheduler: the cluster is lost ({error}); {_KEPT}") from None

    def _wait(self, ready: Callable[[], bool]) -> None:
        """Wait for an outcome. Raises AccelsimError where nobody is left to make it."""
        looked = worked = time.monotonic()
        while not ready():
            time.sleep(_PAUSE)
            now = time.monotonic()
            if now - looked < _LOOK:
                continue
            looked, worked = now, now if self._threads() else worked
            if now - worked > _WITHOUT_WORKERS:
                raise AccelsimError(
                    f"--scheduler: it has had no worker for {_WITHOUT_WORKERS} s; {_KEPT}"
                )

    def _allow_losses(self, number: int) -> None:
        """Say how often the scheduler may send a task again whose worker was lost."""

        def allow(dask_scheduler: Any) -> None:
            dask_scheduler.allowed_failures = number

        self._client.run_on_scheduler(allow)

    def results(self, pending: Pending, points: Sequence[Point]) -> Results:
        """Yield outcomes as they come. Raises AccelsimError where the cluster is lost."""
        suspects: list[int] = []
        flying: dict[str, Chunk] = {}
        done = self._dask.as_completed(
            loop=self._client.loop, with_results=True, raise_errors=False
        )
        try:
            self._launch(pending, points, flying, done)
            while flying:
                self._wait(done.has_ready)
                future, result = next(done)
                chunk = flying.pop(future.key)
                outcomes = self._outcomes(future, result)
                future.release()
                suspects += chunk.numbers if outcomes is None else ()
                self._launch(pending, points, flying, done)
                yield from outcomes or ()
        finally:
            done.clear()
        for number in suspects:
            yield number, self._alone(number, points)

    def _launch(
        self, pending: Pending, points: Sequence[Point], flying: dict[str, Chunk], done: Any
    ) -> None:
        """Send chunks until enough are in flight."""
        most = _IN_FLIGHT * self.workers
        while len(flying) < most and (chunk := pending.take()):
            future = self._send(chunk.numbers, points)
            flying[future.key] = chunk
            done.add(future)

    def _send(self, numbers: Iterable[int], points: Sequence[Point]) -> Any:
        chunk = tuple((number, points[number]) for number in numbers)
        return self._client.submit(
            evaluate_chunk,
            chunk,
            model_id(),
            loaded_plugins(),
            key=f"accelsim-{uuid.uuid4().hex}",
            pure=False,
            retries=0,
        )

    def _outcomes(self, future: Any, result: Any) -> list[tuple[int, Outcome]] | None:
        """Return what a task has found, None where its worker was lost."""
        if future.status == "finished":
            found: list[tuple[int, Outcome]] = result
            self._check_files(outcome for _, outcome in found)
            return found
        error = result[1] if isinstance(result, tuple) else result
        if isinstance(error, self._dask.KilledWorker):
            return None
        if isinstance(error, AccelsimError):
            raise error
        raise AccelsimError(
            f"--scheduler: the cluster could not evaluate ({type(error).__name__}: "
            f"{' '.join(str(error).split())}); {_KEPT}"
        )

    def _check_files(self, outcomes: Iterable[Outcome]) -> None:
        """Raise ConfigError where a worker has read other files than are here."""
        for outcome in outcomes:
            if outcome.seen not in self._seen:
                if not unchanged(read_seen(outcome.seen)):
                    raise ConfigError(
                        "--scheduler: its workers see other files under the same paths; share the "
                        "folder of the study with them"
                    )
                self._seen.add(outcome.seen)

    def _alone(self, number: int, points: Sequence[Point]) -> Outcome:
        """Return the outcome of a point whose worker was lost, nothing else in flight."""
        for _ in range(MOST_STRIKES):
            future = self._send([number], points)
            self._wait(future.done)
            error = future.exception()
            outcomes = self._outcomes(future, future.result() if error is None else error)
            future.release()
            if outcomes:
                return outcomes[0][1]
        return KILLED

    def close(self) -> None:
        """Leave the cluster as it was; it goes on without us."""
        with suppress(OSError, RuntimeError, TimeoutError):
            self._allow_losses(self._dask_default())
            self._client.close()

    def _dask_default(self) -> int:
        import dask

        usual: int = dask.config.get("distributed.scheduler.allowed-failures")
        return usual
