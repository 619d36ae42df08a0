"""Files are read once for a point, and found changed by their content alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from accelsim.inputs.files import (
    is_file,
    names_in,
    one_reading,
    read_bytes,
    unchanged,
    watching,
)


def edit(path: Path, text: str) -> None:
    """Change a file and nothing else about it: neither its size nor its times."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_reading_sees_one_state_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("one")
    with one_reading():
        assert read_bytes(file) == b"one"
        edit(file, "two")
        with one_reading():
            assert read_bytes(file) == b"one"
        assert not is_file(tmp_path / "b.yaml")
        (tmp_path / "b.yaml").write_text("")
        assert not is_file(tmp_path / "b.yaml")
    assert read_bytes(file) == b"two"
    assert is_file(tmp_path / "b.yaml")


def test_a_large_file_is_seen_once_too(tmp_path: Path) -> None:
    file = tmp_path / "weights.npz"
    file.write_bytes(bytes(3 << 20))
    with watching() as seen:
        assert len(read_bytes(file)) == 3 << 20
    assert unchanged(seen)
    file.write_bytes(bytes((3 << 20) - 1) + b"x")
    assert not unchanged(seen)


def test_what_was_seen_is_compared_by_content(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("one")
    with watching() as seen:
        read_bytes(file)
        is_file(tmp_path / "b.yaml")
        names_in(tmp_path)
    assert unchanged(seen)
    edit(file, "two")
    assert not unchanged(seen)
    edit(file, "one")
    assert unchanged(seen)
    # The same content at another time is the same file.
    file.write_text("one")
    assert unchanged(seen)
    file.unlink()
    assert not unchanged(seen)


def test_what_was_not_there_and_new_names_are_seen(tmp_path: Path) -> None:
    with watching() as absent:
        is_file(tmp_path / "b.yaml")
    with watching() as names:
        names_in(tmp_path)
    (tmp_path / "b.yaml").write_text("")
    assert not unchanged(absent)
    assert not unchanged(names)


def test_inner_watchers_tell_outer_ones(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("one")
    with watching() as outer, watching() as inner:
        read_bytes(file)
    assert outer == inner
    with watching() as later:
        assert unchanged(inner)
    assert later == inner


def test_a_missing_file_is_an_error_each_time(tmp_path: Path) -> None:
    with one_reading():
        for _ in range(2):
            with pytest.raises(FileNotFoundError):
                read_bytes(tmp_path / "nowhere")
