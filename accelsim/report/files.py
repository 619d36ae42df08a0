"""Result files appear all together or not at all, and replace only what was written here before.

A manifest in the folder names what was written, with digests. A file that it does not name, or
that has changed since, is the user's: it is never replaced and never removed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from accelsim.errors import OutputError
from accelsim.inputs.manifest import MANIFEST, Written, written

_STAGE = re.compile(r"\.accelsim-([0-9]{1,10})-[0-9a-f]{8}")
Pieces = Iterable[str] | Iterable[bytes]


def write_all(folder: Path, files: Mapping[str, Pieces], stale: Iterable[str] = ()) -> None:
    """Write files of given names and pieces of UTF-8 text or bytes into a folder.

    The folder is made if needed.

    Files named by ``stale`` that an earlier call wrote are removed. All files are written into a
    folder of their own beside their places and renamed when the last is complete; when anything is
    raised, by the pieces, the system, a signal or Ctrl-C, the folder is as it was. After a kill
    between two renames the manifest tells that the set is not whole, and the next call mends it.
    Raises OutputError when the system refuses or a file of the user's is in the way.
    """
    with ExitStack() as undo:
        _make(folder, undo)
        _remove_dead_stages(folder)
        before = written(folder)
        check_free(folder, files)
        stage = folder / f".accelsim-{os.getpid()}-{secrets.token_hex(4)}"
        with _reported(folder):
            undo.callback(shutil.rmtree, stage, ignore_errors=True)
            stage.mkdir()
        gone = {name for name in stale if name not in files and _is_ours(folder / name, before)}
        _Change(folder, stage, before, undo).carry_out(files, gone)
        undo.pop_all()
    shutil.rmtree(stage, ignore_errors=True)


def check_free(folder: Path, names: Iterable[str]) -> None:
    """Raise OutputError where a file of a name is the user's own, before anything is computed."""
    before = written(folder)
    for name in names:
        _check_free(folder / name, before)


@dataclass(frozen=True)
class _Change:
    """A set of files that takes the place of another; ``undo`` has the steps back."""

    folder: Path
    stage: Path
    before: Written
    undo: ExitStack

    def carry_out(self, files: Mapping[str, Pieces], gone: set[str]) -> None:
        """Write files, put them in their places and take others away."""
        new = {name: [self._write(name, pieces)] for name, pieces in files.items()}
        kept = {name: digests for name, digests in self.before.items() if name not in gone}
        both = {name: self.before.get(name, []) + new.get(name, []) for name in self.before | new}
        self._replace(MANIFEST, _text(both))
        for name in (*files, *sorted(gone)):
            self._replace(name)
        self._replace(MANIFEST, _text(kept | new))

    def _write(self, name: str, pieces: Pieces) -> str:
        with _reported(self.folder / name):
            with (self.stage / name).open("xb") as file:
                file.writelines(p.encode() if isinstance(p, str) else p for p in pieces)
            return _digest_of(self.stage / name)

    def _replace(self, name: str, text: str | None = None) -> None:
        """Put the new file of a name, or none, in the place of the old one, which is kept."""
        target, new, old = self.folder / name, self.stage / name, self.stage / f"{name}.old"
        with _reported(target):
            if text is not None:
                new.write_text(text, encoding="utf-8")
            if target.exists() and not old.exists():
                _keep(target, old)
                self.undo.callback(_quietly, old.replace, target)
            elif not target.exists():
                self.undo.callback(_quietly, target.unlink)
            if new.exists():
                new.replace(target)
            else:
                target.unlink()


def _keep(target: Path, old: Path) -> None:
    try:
        os.link(target, old)
    except OSError:
        # Not every file system has links.
        shutil.copy2(target, old)


def _text(files: Written) -> str:
    return json.dumps({"files": files}, indent=1, sort_keys=True) + "\n"


def _quietly(step: Callable[..., object], *arguments: object) -> None:
    with suppress(OSError):
        step(*arguments)


@contextmanager
def _reported(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {target}: {reason}; choose another folder with --out"
        ) from error


def _remove_dead_stages(folder: Path) -> None:
    """Remove what processes left that were killed while they wrote."""
    with _reported(folder):
        for path in folder.iterdir():
            found = _STAGE.fullmatch(path.name)
            if found and not _is_alive(int(found[1])):
                shutil.rmtree(path, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _make(folder: Path, undo: ExitStack) -> None:
    with _reported(folder):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            undo.callback(_quietly, path.rmdir)
            path.mkdir(exist_ok=True)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def _check_free(target: Path, before: Written) -> None:
    with _reported(target):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.exists() and not target.is_file():
            # A rename would replace a device or pipe by a file.
            raise OSError(errno.EINVAL, "it is neither a file nor new")
    if target.is_symlink() or (target.exists() and not _is_ours(target, before)):
        raise OutputError(
            f"cannot write {target}: the file there is not of an earlier run, or was changed "
            "since; move it away or choose another folder with --out"
        )


def _is_ours(target: Path, before: Written) -> bool:
    digests = before.get(target.name)
    return digests is not None and target.is_file() and _digest_of(target) in digests


def _digest_of(path: Path) -> str:
    """Return the digest of a file; empty when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
