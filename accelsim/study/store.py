"""Where rows of studies are kept: one SQLite file, shared by studies, safe against kills.

A row is found by its point, the model that evaluated it and the files that it depends on. A row
that counts is durable: a kill loses nothing that ``add`` has returned for. On a local disk several
processes may write and read at once (write-ahead log); on a network file system, where that log
does not work, SQLite's older journal is used.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError, OutputError
from accelsim.inputs.files import one_reading, unchanged
from accelsim.study.outcome import Outcome, Packed, Reason, State, digest_of, read_seen

DEFAULT = Path("out") / "studies.sqlite"
IN_MEMORY = ":memory:"
# Raised with every change of the tables below, or of what a body is.
VERSION = 4
_TABLES = """
create table if not exists layouts(id integer primary key, digest blob unique, layout text);
create table if not exists inputs(id integer primary key, digest blob unique, seen text);
create table if not exists models(id integer primary key, digest blob unique, name text);
create table if not exists rows(
    id integer primary key, point blob, model integer, input integer, state text,
    layout integer, body blob, reason text, seconds real, unique(point, model, input));
create table if not exists studies(source text primary key, name text, points blob, made text);
"""
# Retried rows take the place of failed ones; nothing takes that of any other.
_ADD = """
insert into rows(point, model, input, state, layout, body, reason, seconds)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict(point, model, input) do update set state=excluded.state, layout=excluded.layout,
    body=excluded.body, reason=excluded.reason, seconds=excluded.seconds
where rows.state in ('failed', 'killed')
"""
# File systems of other machines, by their names in /proc/mounts.
_REMOTE = ("nfs", "cifs", "smb", "lustre", "gpfs", "beegfs", "ceph", "glusterfs", "afs", "9p")
_REMOTE_FUSE = ("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone")
# The busy timeout does not cover the switch to the write-ahead log: it is tried for so long [s].
_PATIENCE = 60.0
_PAUSE = 0.005
_POINT = 16
# Points of one question: SQLite takes 999 values.
_AT_ONCE = 500


class Store:
    """Rows of studies in a file. It belongs to one process and thread, and is a context.

    A store in a folder that cannot be written can be read.
    Raises ConfigError for a file of another kind or version, OutputError where it cannot be
    written: a full disk, a folder without permission. What was added before stays.
    """

    def __init__(self, path: Path | str = DEFAULT) -> None:
        self.path = str(path)
        self.remote = path != IN_MEMORY and is_remote(Path(path))
        self._known: dict[tuple[str, bytes], int] = {}
        self._fresh: dict[int, bool] = {}
        self._version = 0
        with self._reported():
            if path != IN_MEMORY:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                _address(self.path), timeout=_PATIENCE, isolation_level=None, uri=True
            )
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _prepare(self) -> None:
        (found,) = self._db.execute("pragma user_version").fetchone()
        (tables,) = self._db.execute("select count(*) from sqlite_master").fetchone()
        if found != VERSION and (found or tables):
            raise ConfigError(
                f"{self.path}: a store of version {found}, this accelsim reads {VERSION}; use "
                "another with --store, or the accelsim that made it"
            )
        if found and _is_read_only(self.path):
            return
        self._set_journal("delete" if self.remote else "wal")
        self._db.execute(f"pragma synchronous={'full' if self.remote else 'normal'}")
        if not found:
            self._db.executescript(
                f"begin immediate;{_TABLES};pragma user_version={VERSION};commit"
            )

    def _set_journal(self, mode: str) -> None:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                self._db.execute(f"pragma journal_mode={mode}")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(_PAUSE)

    # -- rows ----------------------------------------------------------------------------------

    def add(self, point: bytes, model: bytes, outcome: Outcome, name: str = "") -> None:
        """Keep the outcome of a point; it is durable when this returns.

        ``name`` is what people call the model, for ``others``.
        """
        with self._transaction() as db:
            packed = outcome.packed
            row = (
                point,
                self._id("models", "name", model, name),
                self._id("inputs", "seen", digest_of(outcome.seen), outcome.seen),
                outcome.state,
                packed and self._id("layouts", "layout", digest_of(packed.layout), packed.layout),
                packed and packed.body,
                outcome.reason.to_json(),
                outcome.seconds,
            )
            db.execute(_ADD, row)

    def states(self, points: Iterable[bytes], model: bytes) -> dict[bytes, State]:
        """Return what is known of points whose files have not changed since."""
        return {point: state for point, (state, _) in self._current(points, model).items()}

    def rows(self, points: Sequence[bytes], model: bytes) -> Iterator[Outcome | None]:
        """Yield the outcome of each point, None for one that is not known, one by one."""
        known = self._current(points, model)
        for point in points:
            yield self._row(known[point][1]) if point in known else None

    def _row(self, row: int) -> Outcome | None:
        """Return a row, None for one that another command has cleaned away meanwhile."""
        with self._reported():
            found = self._db.execute(
                "select state, layouts.layout, body, reason, seconds from rows "
                "left join layouts on rows.layout=layouts.id where rows.id=?",
                (row,),
            ).fetchone()
        if found is None:
            return None
        state, layout, body, reason, seconds = found
        packed = None if layout is None else Packed(layout, body)
        return Outcome(state, packed, Reason.from_json(reason), seconds=seconds)

    def others(self, points: Iterable[bytes], model: bytes) -> Counter[str]:
        """Return the names of models that points without a row that counts have rows of.

        A row counts if it is of ``model`` and of files as they are now. Each model stands with the
        number of its points, one for all that are of ``model`` and of other files under "".
        """
        wanted = set(points)
        missing = wanted - self._current(wanted, model).keys()
        with self._reported():
            stored = self._db.execute(
                "select distinct point, case when digest=? then '' else name end "
                "from rows join models on model=models.id",
                (model,),
            )
            return Counter(name for point, name in stored if point in missing)

    def _current(self, points: Iterable[bytes], model: bytes) -> dict[bytes, tuple[State, int]]:
        """Return state and row of points, evaluated by a model from files as they are now."""
        wanted, found = list(points), dict[bytes, tuple[State, int]]()
        with self._reported(), one_reading():
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                rows = self._db.execute(
                    "select point, input, state, rows.id from rows join models on model=models.id "
                    f"where digest=? and point in ({','.join('?' * len(some))})",
                    (model, *some),
                ).fetchall()
                found |= {
                    point: (state, row)
                    for point, files, state, row in rows
                    if self._is_current(files)
                }
        return found

    def _is_current(self, files: int) -> bool:
        if files not in self._fresh:
            found = self._db.execute("select seen from inputs where id=?", (files,)).fetchone()
            # There is none where another command has cleaned it away meanwhile.
            self._fresh[files] = bool(found) and (not found[0] or unchanged(read_seen(found[0])))
        return self._fresh[files]

    # -- studies -------------------------------------------------------------------------------

    def study(self, source: str) -> tuple[bytes, ...]:
        """Return the points that a study had when it was last run."""
        points = self._one("select coalesce(max(points), x'') from studies where source=?", source)
        return tuple(points[at : at + _POINT] for at in range(0, len(points), _POINT))

    def remember(self, source: str, name: str, points: Sequence[bytes], made: str = "") -> None:
        """Keep the name of a study and which points it has; ``made`` is all of one of no file."""
        with self._transaction() as db:
            row = (source, name, b"".join(points), made)
            db.execute("insert or replace into studies values (?, ?, ?, ?)", row)

    def made(self, source: str) -> str:
        """Return what was remembered of a study that is of no file, "" for others."""
        return str(self._one("select coalesce(max(made), '') from studies where source=?", source))

    def studies(self) -> dict[str, tuple[str, int]]:
        """Return the studies by their sources: the name of each, and how many points it has."""
        with self._reported():
            found = self._db.execute("select source, name, length(points) from studies").fetchall()
        return {source: (name, size // _POINT) for source, name, size in found}

    def count(self) -> int:
        """Return how many rows there are."""
        return int(self._one("select count(*) from rows"))

    def models(self) -> dict[str, int]:
        """Return how many rows there are of each model, by its name, the latest last."""
        with self._reported():
            found = self._db.execute(
                "select name, count(*) from rows join models on model=models.id "
                "group by models.id order by models.id"
            )
            return dict(found.fetchall())

    def clean(self, model: bytes, forget: str | None = None) -> int:
        """Remove rows of other models, of changed files and of no study; return how many.

        ``forget`` is the source of a study whose points go as well, unless another has them too.
        """
        with self._reported(), one_reading():
            inputs = self._db.execute("select distinct input from rows").fetchall()
            stale = [files for (files,) in inputs if not self._is_current(files)]
        with self._transaction() as db:
            if forget is not None:
                db.execute("delete from studies where source=?", (forget,))
            kept = {point for source in self.studies() for point in self.study(source)}
            marks = ",".join("?" * len(stale))
            gone = [
                (row,)
                for row, point, own, files in db.execute(
                    f"select rows.id, point, digest=?, input in ({marks}) from rows "
                    "join models on model=models.id",
                    (model, *stale),
                )
                if point not in kept or not own or files
            ]
            db.executemany("delete from rows where id=?", gone)
            for table, column in (("inputs", "input"), ("layouts", "layout"), ("models", "model")):
                db.execute(
                    f"delete from {table} where id not in "
                    f"(select {column} from rows where {column} is not null)"
                )
        self._known.clear()
        with self._reported():
            self._db.execute("vacuum")
        return len(gone)

    # -- SQLite --------------------------------------------------------------------------------

    def _one(self, question: str, *values: str) -> Any:
        with self._reported():
            return self._db.execute(question, values).fetchone()[0]

    def _id(self, table: str, column: str, digest: bytes, text: str) -> int:
        """Return the number of a text that many rows have in common."""
        if (table, digest) not in self._known:
            insert = f"insert or ignore into {table}(digest, {column}) values (?, ?)"
            self._db.execute(insert, (digest, text))
            row = self._db.execute(f"select id from {table} where digest=?", (digest,)).fetchone()
            self._known[table, digest] = row[0]
        return self._known[table, digest]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reported():
            self._db.execute("begin immediate")
            (version,) = self._db.execute("pragma data_version").fetchone()
            if version != self._version:
                # Another process may have cleaned away what is known here.
                self._known.clear()
                self._version = version
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                self._known.clear()
                # A full disk has ended it already.
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OutputError(
                f"{self.path}: {error}; what was stored before is kept: make room or permission, "
                "or use another file with --store, and run the same command again"
            ) from error
        except sqlite3.DatabaseError as error:
            raise ConfigError(
                f"{self.path}: no store of studies ({error}); use another file with --store"
            ) from error
        except OSError as error:
            raise OutputError(
                f"{self.path}: {error.strerror}; use another file with --store"
            ) from error


def _is_read_only(path: str) -> bool:
    """Return whether a store is there, and its folder cannot be written."""
    return os.path.isfile(path) and not os.access(Path(path).absolute().parent, os.W_OK)


def _address(path: str) -> str:
    """Return where SQLite finds a store.

    Beside one that cannot be written it cannot keep the index of its log either: where there is no
    log nobody writes, and none is needed.
    """
    if path == IN_MEMORY:
        return path
    alone = _is_read_only(path) and not os.path.exists(f"{path}-wal")
    return f"{Path(path).absolute().as_uri()}{'?immutable=1' if alone else ''}"


def is_remote(path: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Return whether a file would lie on another machine's disk, as far as the system tells."""
    try:
        lines = [line.split() for line in mounts.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return False
    place = Path(os.path.realpath(path))
    kinds = {
        Path(line[1].encode().decode("unicode_escape")): line[2] for line in lines if len(line) > 2
    }
    holding = [point for point in kinds if place.is_relative_to(point)]
    kind = kinds[max(holding, key=lambda point: len(point.parts))] if holding else ""
    return kind.startswith(_REMOTE) or kind in _REMOTE_FUSE
