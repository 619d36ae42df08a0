"""A real Dask cluster on this machine: the same rows, a worker killed, a point that kills."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_workload import MAIN, SMALL

import accelsim
from accelsim.errors import AccelsimError, ConfigError
from accelsim.inputs.plugins import load_plugins
from accelsim.study.evaluator import Tally
from accelsim.study.executors import dask as executor

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

LENGTHS = {"hardware.bus.length": [f"{n / 10} mm" for n in range(1, 61)]}
POISON = """
import os, signal
from accelsim.evaluation.metrics import Metric, MetricFamily

def poison(case):
    if round(1e4 * case.design.hardware.bus.length) == 33:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1

class Mine(MetricFamily):
    name = "mine"
    metrics = (Metric("poison", "poison", "1", poison),)
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as started:
        yield started


def swept(**how: Any) -> Any:
    return accelsim.sweep(MAIN, LENGTHS, set=SMALL, cases=["adapter_slc"], **how)


def rows(table: Any) -> list[str]:
    return [repr(sorted(row.items())) for row in table.records()]


def test_rows_are_the_same_and_a_killed_worker_costs_nothing(cluster: Any, tmp_path: Path) -> None:
    victims: list[int] = []

    def kill(tally: Tally) -> None:
        if tally.done >= 15 and not victims:
            with distributed.Client(cluster.scheduler_address) as client:
                victims.append(next(iter(client.run(os.getpid).values())))
            os.kill(victims[0], signal.SIGKILL)

    there = swept(store=tmp_path / "s", scheduler=cluster.scheduler_address, progress=kill)
    assert victims
    assert there.states == {"ok": 60}
    assert rows(there) == rows(swept(store=None, jobs=0))
    again = swept(store=tmp_path / "s", scheduler=cluster.scheduler_address)
    assert again.tally is not None
    assert again.tally.known == 60


def test_a_point_that_kills_its_workers_is_a_row_and_others_are_not_blamed(
    cluster: Any, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(POISON)
    load_plugins([tmp_path / "mine.py"])
    table = swept(store=tmp_path / "s", scheduler=cluster.scheduler_address)
    assert table.states == {"ok": 59, "killed": 1}
    assert [row.number for row in table if row.state == "killed"] == [32]


def test_a_cluster_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match=r"--scheduler tcp://127.0.0.1:9: no cluster with work"):
        swept(store=None, scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:80"])
def test_what_is_no_address_is_told(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="no cluster with workers answers"):
        swept(store=None, scheduler=address)
    assert "Exception ignored" not in capfd.readouterr().err


def test_a_server_of_another_kind_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as caller:
                caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                caller.recv(1)

        threading.Thread(target=answer, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ConfigError, match="no cluster with workers answers"):
            swept(store=None, scheduler=address)


@pytest.mark.parametrize("lost", ["workers", "scheduler"])
def test_a_cluster_that_goes_away_is_told_and_what_was_done_is_kept(
    lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "_WITHOUT_WORKERS", 0)
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    gone: list[int] = []
    with distributed.LocalCluster(**options) as started:

        def lose(tally: Tally) -> None:
            if tally.done >= 15 and not gone:
                gone.append(tally.done)
                if lost == "workers":
                    started.scale(0)
                else:
                    started.close()

        with pytest.raises(AccelsimError, match="what was done is kept"):
            swept(store=tmp_path / "s", scheduler=started.scheduler_address, progress=lose)
    again = swept(store=tmp_path / "s", jobs=0)
    assert again.tally is not None
    assert 15 <= again.tally.known < 60
    assert again.states == {"ok": 60}
