"""Files appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from accelsim.errors import ConfigError, OutputError
from accelsim.inputs.manifest import MANIFEST, check_whole, written
from accelsim.report import files
from accelsim.report.files import write_all


def breaking(error: BaseException) -> Iterator[str]:
    yield "half of it"
    raise error


def contents(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.iterdir() if path.is_file())
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def visible(folder: Path) -> dict[str, str]:
    return {name: text for name, text in contents(folder).items() if not name.startswith(".")}


def is_whole(folder: Path) -> bool:
    """Say what the manifest tells a reader: every file is the one that was written last."""
    known = written(folder)
    found = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in known}
    return bool(known) and known == {name: [digest] for name, digest in found.items()}


def no_process() -> int:
    """Return the number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_all_files_are_written_into_a_new_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "results"
    write_all(folder, {"a.json": iter(["{", "}\n"]), "b.txt": ["12 µJ\n"]})
    assert visible(folder) == {"a.json": "{}\n", "b.txt": "12 µJ\n"}
    assert (folder / "b.txt").read_bytes() == "12 µJ\n".encode()


def test_files_of_the_same_name_are_replaced_and_others_kept(tmp_path: Path) -> None:
    write_all(tmp_path, {"a.json": ["old"]})
    (tmp_path / "notes.txt").write_text("mine")
    write_all(tmp_path, {"a.json": ["new"]})
    assert visible(tmp_path) == {"a.json": "new", "notes.txt": "mine"}


def test_the_mode_of_files_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_all(tmp_path, {"a.json": ["new"]})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [ValueError("no such case"), KeyboardInterrupt()])
def test_a_failure_midway_leaves_an_old_folder_as_it_was(
    tmp_path: Path, error: BaseException
) -> None:
    write_all(tmp_path, {"a.json": ["old"]})
    before = contents(tmp_path)
    with pytest.raises(type(error)) as caught:
        write_all(tmp_path, {"a.json": ["new"], "b.json": breaking(error), "c.json": ["new"]})
    assert caught.value is error
    assert contents(tmp_path) == before
    assert is_whole(tmp_path)


@pytest.mark.parametrize("error", [ValueError("no such case"), KeyboardInterrupt()])
def test_a_failure_midway_removes_the_folders_it_made(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        write_all(tmp_path / "new" / "results", {"a.json": ["new"], "b.json": breaking(error)})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    error = OSError(28, "No space left on device")
    message = (
        r"^cannot write .*/b\.json: No space left on device; choose another folder with --out$"
    )
    with pytest.raises(OutputError, match=message):
        write_all(tmp_path, {"a.json": ["new"], "b.json": breaking(error)})
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("below", [".", "deeper"])
def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "results").write_text("mine")
    message = r"^cannot write .*/results.*: Not a directory; choose another folder with --out$"
    with pytest.raises(OutputError, match=message):
        write_all(tmp_path / "results" / below, {"a.json": ["new"]})
    assert contents(tmp_path) == {"results": "mine"}


def test_a_folder_in_place_of_a_file_is_refused_before_anything_is_replaced(tmp_path: Path) -> None:
    write_all(tmp_path, {"a.json": ["old"]})
    (tmp_path / "b.json").mkdir()
    message = r"^cannot write .*/b\.json: Is a directory; choose another folder with --out$"
    with pytest.raises(OutputError, match=message):
        write_all(tmp_path, {"a.json": ["new"], "b.json": ["new"]})
    assert (tmp_path / "a.json").read_text() == "old"
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == ["a.json", "b.json"]


def test_a_failing_rename_in_a_new_folder_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if target.name == "b.json":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    message = r"^cannot write .*/b\.json: Permission denied; choose another folder with --out$"
    with pytest.raises(OutputError, match=message):
        write_all(tmp_path / "results", {"a.json": ["new"], "b.json": ["new"]})
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_users_is_never_replaced_or_removed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("mine")
    (tmp_path / "c.json").write_text("mine too")
    message = (
        r"a\.json: the file there is not of an earlier run, or was changed since; move it away"
    )
    with pytest.raises(OutputError, match=message):
        write_all(tmp_path, {"b.json": ["new"], "a.json": ["new"]}, stale=["c.json"])
    assert contents(tmp_path) == {"a.json": "mine", "c.json": "mine too"}
    write_all(tmp_path, {"b.json": ["new"]}, stale=["a.json", "c.json"])
    assert visible(tmp_path) == {"a.json": "mine", "b.json": "new", "c.json": "mine too"}


def test_a_file_that_was_edited_is_the_users(tmp_path: Path) -> None:
    write_all(tmp_path, {"a.json": ["old"], "b.json": ["old"]})
    (tmp_path / "a.json").write_text("edited")
    with pytest.raises(OutputError, match="changed since"):
        write_all(tmp_path, {"a.json": ["new"]})
    write_all(tmp_path, {"b.json": ["new"]}, stale=["a.json"])
    assert visible(tmp_path) == {"a.json": "edited", "b.json": "new"}


def test_what_an_earlier_call_wrote_goes_when_it_is_stale(tmp_path: Path) -> None:
    write_all(tmp_path, {"a.json": ["old"], "b.json": ["old"], "c.json": ["old"]})
    write_all(tmp_path, {"a.json": ["new"]}, stale=["a.json", "b.json"])
    assert visible(tmp_path) == {"a.json": "new", "c.json": "old"}
    assert is_whole(tmp_path)


@pytest.mark.parametrize("at", range(1, 8))
def test_a_kill_between_any_two_renames_shows_and_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """A killed process runs no clean-up: the undo steps are taken away here."""
    names = ("a.json", "b.json", "c.json")
    write_all(tmp_path, {name: ["old"] for name in names})
    rename, calls = Path.replace, []

    def killed(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == at:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        patched.setattr(files, "_quietly", lambda *step: None)
        patched.setattr(shutil, "rmtree", lambda *path, ignore_errors: None)
        with suppress(KeyboardInterrupt):
            write_all(tmp_path, {name: ["new"] for name in names})
    found = set(visible(tmp_path).values())
    # Before the first rename all are old, after the fifth all are new.
    assert is_whole(tmp_path) == (at in (1, 6, 7))
    with nullcontext() if is_whole(tmp_path) else pytest.raises(ConfigError, match="of two runs"):
        check_whole(tmp_path)
    assert found <= {"old", "new"}
    assert set(visible(tmp_path)) == set(names)
    stage = next(tmp_path.glob(".accelsim-*"))
    stage.rename(tmp_path / stage.name.replace(f"-{os.getpid()}-", f"-{no_process()}-"))
    write_all(tmp_path, {name: ["newer"] for name in names})
    assert contents(tmp_path).keys() == {*names, MANIFEST}
    assert is_whole(tmp_path)
    assert set(visible(tmp_path).values()) == {"newer"}


STOPPED = """
import os, signal, sys
from pathlib import Path
import accelsim.cli.main
from accelsim.report.files import write_all

def command():
    def pieces():
        yield "half of it"
        os.kill(os.getpid(), getattr(signal, sys.argv[2]))
        yield "the rest"
    write_all(Path(sys.argv[1]), {"a.json": ["new"], "b.json": pieces()})

accelsim.cli.main.run_command_line = command
from accelsim.__main__ import main
main()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_signal_cleans_up_as_an_interrupt_does(tmp_path: Path, name: str, code: int) -> None:
    command = [sys.executable, "-c", STOPPED, str(tmp_path / "results"), name]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (code, "")
    assert list(tmp_path.iterdir()) == []
