"""The store: what is added is durable, kills lose nothing, other files are refused."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError, OutputError
from accelsim.inputs.files import read_bytes, watching
from accelsim.study.outcome import KILLED, Outcome, Reason, _text, pack, unpack
from accelsim.study.store import IN_MEMORY, Store, is_remote

MODEL = b"m" * 16
figures = st.none() | st.integers(-(2**70), 2**70) | st.text() | st.floats(allow_nan=False)


@given(st.dictionaries(st.text(), figures))
def test_figures_are_packed_exactly(row: dict[str, float | int | str | None]) -> None:
    found = unpack(pack(row))
    assert repr(found) == repr(row)


def point(number: int) -> bytes:
    return number.to_bytes(16, "big")


def ok(**row: float) -> Outcome:
    return Outcome("ok", pack(row), seconds=0.5)


def test_what_is_added_comes_back_in_order(tmp_path: Path) -> None:
    misfit = Outcome("infeasible", reason=Reason("CapacityError", "too big", ("t", "sram", 9, 8)))
    with Store(tmp_path / "deep" / "s") as store:
        store.add(point(1), MODEL, ok(a=1.5, b=2.0))
        store.add(point(2), MODEL, misfit)
    with Store(tmp_path / "deep" / "s") as store:
        found = list(store.rows([point(3), point(2), point(1)], MODEL))
        assert found[0] is None
        assert found[1] is not None
        assert found[1].reason == misfit.reason
        assert found[2] is not None
        assert found[2].figures == {"a": 1.5, "b": 2.0}
        assert store.states([point(1), point(2), point(3)], MODEL) == {
            point(1): "ok",
            point(2): "infeasible",
        }
        assert store.states([point(1)], b"n" * 16) == {}


def test_only_failures_are_replaced() -> None:
    with Store(IN_MEMORY) as store:
        store.add(point(1), MODEL, KILLED)
        store.add(point(1), MODEL, ok(a=1.0))
        store.add(point(1), MODEL, ok(a=2.0))
        store.add(point(1), MODEL, KILLED)
        (found,) = store.rows([point(1)], MODEL)
        assert found is not None
        assert found.figures == {"a": 1.0}


def test_a_row_counts_while_its_files_are_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "machine.yaml"
    file.write_text("one")
    with watching() as seen:
        read_bytes(file)
    outcome = Outcome("ok", pack({"a": 1.0}), seen=_text(seen))
    with Store(tmp_path / "s") as store:
        store.add(point(1), MODEL, outcome)
        assert store.states([point(1)], MODEL) == {point(1): "ok"}
    file.write_text("two")
    with Store(tmp_path / "s") as store:
        assert store.states([point(1)], MODEL) == {}
    file.write_text("one")
    with Store(tmp_path / "s") as store:
        assert store.states([point(1)], MODEL) == {point(1): "ok"}


def test_cleaning_removes_what_no_study_and_no_model_has() -> None:
    with Store(IN_MEMORY) as store:
        for number in range(4):
            store.add(point(number), MODEL, ok(a=float(number)))
        store.add(point(1), b"old" * 5 + b".", ok(b=1.0))
        store.remember("mine.yaml", "study", [point(1), point(2)])
        store.remember("yours.yaml", "study", [point(2), point(3)])
        assert store.clean(MODEL) == 2
        assert store.clean(MODEL, "mine.yaml") == 1
        assert set(store.states(map(point, range(4)), MODEL)) == {point(2), point(3)}
        assert store.studies() == {"yours.yaml": ("study", 2)}
        store.add(point(7), MODEL, ok(b=1.0))
        (found,) = store.rows([point(7)], MODEL)
        assert found is not None
        assert found.figures == {"b": 1.0}


def test_a_reader_goes_on_where_another_cleans(tmp_path: Path) -> None:
    with Store(tmp_path / "s") as store, Store(tmp_path / "s") as other:
        for number in range(3):
            store.add(point(number), MODEL, ok(**{f"f{number}": 1.0}))
        found = store.rows([point(number) for number in range(3)], MODEL)
        assert next(found) is not None
        assert other.clean(MODEL) == 3
        assert list(found) == [None, None]


def test_rows_of_others_are_counted(tmp_path: Path) -> None:
    with Store(tmp_path / "s") as store:
        store.add(point(1), MODEL, ok(a=1.0))
        for model in (b"old" * 5 + b".", b"odd" * 5 + b"."):
            for number in (1, 2, 9):
                store.add(point(number), model, ok(a=1.0), f"accelsim {model[:3].decode()}")
        store.add(point(3), MODEL, Outcome("ok", pack({}), seen='[["is there", "/", false]]'))
        assert store.others(map(point, range(4)), MODEL) == {
            "accelsim old": 1,
            "accelsim odd": 1,
            "": 1,
        }


@pytest.mark.parametrize("column", ["body", "reason", "layout", "seen"])
def test_a_damaged_row_is_told(tmp_path: Path, column: str) -> None:
    path = tmp_path / "studies.sqlite"
    table = {"layout": "layouts", "seen": "inputs"}.get(column, "rows")
    with Store(path) as store:
        store.add(
            point(1), MODEL, Outcome("ok", pack({"a": 1.0}), seen='[["is there", "/", true]]')
        )
    database = sqlite3.connect(path)
    database.execute(f"update {table} set {column}=?", (b"[1" if column == "body" else "[1",))
    database.commit()
    database.close()
    with Store(path) as store, pytest.raises(ConfigError, match=r"damaged in its store .*--store"):
        [row.figures for row in store.rows([point(1)], MODEL) if row]


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but a text that is long enough to be one" * 20)
    with pytest.raises(ConfigError, match=r"text: no store of studies .*use another.*--store"):
        Store(tmp_path / "text")
    with Store(tmp_path / "s"):
        pass
    with sqlite3.connect(tmp_path / "s") as db:
        db.execute("pragma user_version=99")
    db.close()
    with pytest.raises(ConfigError, match=r"a store of version 99, this accelsim reads 4; use"):
        Store(tmp_path / "s")
    with sqlite3.connect(tmp_path / "other") as db:
        db.execute("create table mine(a)")
    db.close()
    with pytest.raises(ConfigError, match=r"a store of version 0"):
        Store(tmp_path / "other")
    with pytest.raises(OutputError, match=r"use another file with --store"):
        Store(tmp_path)


def test_a_store_that_cannot_be_written_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = tmp_path / "a store?mode=memory#1"
    with Store(name) as store:
        store.add(point(1), MODEL, ok(a=1.0))
    assert name.is_file()
    monkeypatch.setattr("os.access", lambda *_: False)
    with Store(name) as store:
        assert store.states([point(1)], MODEL) == {point(1): "ok"}
        with pytest.raises(OutputError, match=r"readonly database; what was stored before is kept"):
            store.add(point(2), MODEL, ok(a=1.0))
    assert [each.name for each in tmp_path.iterdir()] == [name.name]


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    with Store(tmp_path / "s") as store:
        store.add(point(1), MODEL, ok(a=1.0))
        (pages,) = store._db.execute("pragma page_count").fetchone()
        store._db.execute(f"pragma max_page_count={pages}")
        number = 1

        def fill() -> None:
            nonlocal number
            for number in range(2, 2000):
                store.add(point(number), MODEL, ok(**{f"f{k}": k / number for k in range(50)}))

        with pytest.raises(OutputError, match=r"s: database or disk is full; what was stored"):
            fill()
    with Store(tmp_path / "s") as store:
        known = store.states(map(point, range(number)), MODEL)
        assert len(known) == number - 1


WRITER = """
import sys
from accelsim.study.outcome import Outcome
from accelsim.study.outcome import pack
from accelsim.study.store import Store
first, path = int(sys.argv[1]), sys.argv[2]
with Store(path) as store:
    for number in range(first, first + 100_000):
        store.add(number.to_bytes(16, "big"), b"m" * 16, Outcome("ok", pack({"n": float(number)})))
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
"""


def test_two_writers_that_are_killed_lose_nothing_that_they_told(tmp_path: Path) -> None:
    path, told, rows = tmp_path / "s", [], 40
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(first), str(path)],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for first in (0, 1_000_000)
    ]
    for writer in writers:
        assert writer.stdout is not None
        told += [int(writer.stdout.readline()) for _ in range(rows)]
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        told += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    with Store(path) as store:
        found = list(store.rows(list(map(point, told)), MODEL))
        assert [row and row.figures["n"] for row in found] == list(map(float, told))
        assert store._db.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_reader_sees_rows_while_another_writes(tmp_path: Path) -> None:
    with Store(tmp_path / "s") as writer, Store(tmp_path / "s") as reader:
        for number in range(3):
            writer.add(point(number), MODEL, ok(a=1.0))
            assert reader.count() == number + 1


def test_network_file_systems_are_told_by_their_mounts(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "disk / ext4 rw 0 0\nserver:/x /home nfs4 rw 0 0\ndisk2 /home/local xfs rw 0 0\n"
        "//pc/a /mnt/with\\040blank cifs rw 0 0\nme@host: /remote fuse.sshfs rw 0 0\n"
    )
    found = {
        path: is_remote(Path(path), mounts)
        for path in ("/a", "/home/me/s", "/home/local/s", "/mnt/with blank/s", "/remote/s")
    }
    assert list(found.values()) == [False, True, False, True, True]
    assert not is_remote(Path("/home"), tmp_path / "none")


def test_without_a_local_disk_there_is_no_write_ahead_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelsim.study.store.is_remote", lambda path: True)
    with Store(tmp_path / "s") as store:
        assert store._db.execute("pragma journal_mode").fetchone() == ("delete",)
        store.add(point(1), MODEL, ok(a=1.0))
        assert store.count() == 1
