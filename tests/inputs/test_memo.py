"""What was made is found by content, made again when a file has changed, and bounded."""

from __future__ import annotations

from pathlib import Path

from accelsim.inputs import memo as memo_module
from accelsim.inputs.files import read_bytes
from accelsim.inputs.memo import Memo


def test_equal_keys_find_what_was_made() -> None:
    memo, made = Memo(), list[str]()

    def make(text: str) -> str:
        made.append(text)
        return text

    for text in ("a", "b", "a", "b"):
        assert memo.get("graph", (text,), lambda text=text: make(text)) == text  # type: ignore[misc]
    assert made == ["a", "b"]
    # Stages do not share.
    assert memo.get("design", ("a",), lambda: "other") == "other"


def test_what_was_made_from_a_file_is_made_again_when_it_has_changed(tmp_path: Path) -> None:
    file, memo = tmp_path / "a.yaml", Memo()

    def look() -> str:
        return memo.get("design", "outer", lambda: memo.get("graph", "inner", inner))

    def inner() -> str:
        return read_bytes(file).decode()

    file.write_text("one")
    assert look() == "one"
    file.write_text("two")
    assert look() == "two"
    file.write_text("one")
    assert look() == "one"


def test_an_error_is_not_kept() -> None:
    memo, tries = Memo(), list[int]()

    def make() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError
        return "made"

    try:
        memo.get("graph", "key", make)
    except ValueError:
        assert memo.get("graph", "key", make) == "made"
    assert len(tries) == 2


def test_what_was_used_last_is_kept() -> None:
    room, memo, made = memo_module._ROOM["graph"], Memo(), list[int]()

    def get(number: int, weight: int = 1) -> int:
        def make() -> int:
            made.append(number)
            return number

        return memo.get("graph", number, make, weigh=lambda _: weight)

    for number in range(room):
        get(number)
    get(0)
    get(room)  # 1 has to go: 0 was used since.
    made.clear()
    get(0)
    get(1)
    assert made == [1]
    # What is too large for the room is made each time, and drives nothing out.
    made.clear()
    get(-1, weight=room + 1)
    get(-1, weight=room + 1)
    get(0)
    assert made == [-1, -1]
