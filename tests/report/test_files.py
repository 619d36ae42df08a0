"""Files appear whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from accelsim.errors import OutputError
from accelsim.report.files import write_all


def breaking(error: BaseException) -> Iterator[str]:
    yield "half of it"
    raise error


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_all_files_are_written_into_a_new_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "results"
    write_all(folder, {"a.json": iter(["{", "}\n"]), "b.txt": ["12 µJ\n"]})
    assert contents(folder) == {"a.json": "{}\n", "b.txt": "12 µJ\n"}
    assert (folder / "b.txt").read_bytes() == "12 µJ\n".encode()


def test_files_of_the_same_name_are_replaced_and_others_kept(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    write_all(tmp_path, {"a.json": ["new"]})
    assert contents(tmp_path) == {"a.json": "new", "notes.txt": "mine"}


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
    (tmp_path / "a.json").write_text("old")
    with pytest.raises(type(error)) as caught:
        write_all(tmp_path, {"a.json": ["new"], "b.json": breaking(error), "c.json": ["new"]})
    assert caught.value is error
    assert contents(tmp_path) == {"a.json": "old"}


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
    (tmp_path / "b.json").mkdir()
    (tmp_path / "a.json").write_text("old")
    message = r"^cannot write .*/b\.json: Is a directory; choose another folder with --out$"
    with pytest.raises(OutputError, match=message):
        write_all(tmp_path, {"a.json": ["new"], "b.json": ["new"]})
    assert (tmp_path / "a.json").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


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
