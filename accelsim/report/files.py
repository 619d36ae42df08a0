"""Result files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from accelsim.errors import OutputError


def write_all(folder: Path, files: Mapping[str, Iterable[str]]) -> None:
    """Write files of given names and pieces of UTF-8 text into a folder, which is made if needed.

    All are written under temporary names in the same folder and renamed when the last is
    complete, over files of the same names. When anything is raised, by the pieces or by Ctrl-C,
    the temporary files and the folders made by this call are removed. Raises OutputError when
    the system refuses.
    """
    made: list[Path] = []
    temporary: dict[Path, Path] = {}
    try:
        _make(folder, made)
        for name, pieces in files.items():
            _write(folder / name, pieces, temporary)
        for target, path in temporary.items():
            with _reported(target):
                path.replace(target)
    except BaseException:
        _remove(made, temporary)
        raise


@contextmanager
def _reported(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {target}: {reason}; choose another folder with --out"
        ) from error


def _make(folder: Path, made: list[Path]) -> None:
    with _reported(folder):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            made.append(path)
            path.mkdir(exist_ok=True)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def _write(target: Path, pieces: Iterable[str], temporary: dict[Path, Path]) -> None:
    path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    with _reported(target):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.exists() and not target.is_file():
            # A rename would replace a device or pipe by a file.
            raise OSError(errno.EINVAL, "it is neither a file nor new")
        temporary[target] = path
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)


def _remove(made: list[Path], temporary: Mapping[Path, Path]) -> None:
    renamed = [target for target in temporary if target.parent in made]
    for path in (*temporary.values(), *renamed):
        with suppress(OSError):
            path.unlink(missing_ok=True)
    for folder in reversed(made):
        with suppress(OSError):
            folder.rmdir()
