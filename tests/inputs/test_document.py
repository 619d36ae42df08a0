from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.inputs.document import (
    Document,
    format_path,
    merge,
    parse_document,
    parse_override,
    parse_path,
    read_document,
)

keys = st.sampled_from(["a", "b", "c"])
trees = st.recursive(
    st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner),
    max_leaves=6,
)
mappings = st.dictionaries(keys, trees)


def document(data: Any, name: str = "x") -> Document:
    lines = {path: n for n, path in enumerate(_paths(data, ()), 1)}
    made = parse_document("a: 1", Path(f"{name}.yaml"))
    place = type(made.place(()))
    return Document(data, {p: place(name, n) for p, n in lines.items()}, made.path, made.inputs)


def _paths(data: Any, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    items: Any = []
    if isinstance(data, dict):
        items = data.items()
    if isinstance(data, list):
        items = enumerate(data)
    return [path, *(below for key, value in items for below in _paths(value, (*path, key)))]


sections = st.dictionaries(keys, st.dictionaries(keys, st.integers()))


# Not for all trees: a scalar between two mappings cuts off what the first one said.
@given(sections, sections, sections)
def test_merging_sections_is_associative(first: Any, second: Any, third: Any) -> None:
    one, two, three = document(first), document(second), document(third)
    assert merge(merge(one, two), three).data == merge(one, merge(two, three)).data


@given(mappings, mappings)
def test_laying_the_same_over_twice_changes_nothing_more(base: Any, over: Any) -> None:
    once = merge(document(base), document(over))
    assert merge(once, document(over)).data == once.data


@given(mappings)
def test_nothing_and_itself_change_nothing(data: Any) -> None:
    one = document(data)
    assert merge(document({}), one).data == data
    assert merge(one, document({})).data == data
    assert merge(one, one).data == data


@given(mappings, mappings)
def test_every_merged_value_has_the_place_of_the_file_it_is_from(base: Any, over: Any) -> None:
    merged = merge(document(base, "base"), document(over, "over"))
    assert set(merged.places) == set(_paths(merged.data, ()))
    over_paths = set(_paths(over, ()))
    assert all((at.file == "over") == (p in over_paths) for p, at in merged.places.items())


def test_merging_lays_mappings_over_and_replaces_lists_and_scalars() -> None:
    base = document({"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}})
    over = document({"a": {"c": [3]}, "d": None})
    assert merge(base, over).data == {"a": {"b": 1, "c": [3]}, "d": None}
    assert merge(base, over).inputs == [Path("x.yaml")] * 2


paths = st.lists(
    st.text(min_size=1).filter(lambda t: '"' not in t and t.isprintable()) | st.integers(0, 99),
    max_size=3,
)


@given(st.text("abc.x[]=' -", min_size=1), paths)
def test_a_formatted_path_is_parsed_back(first: str, rest: list[str | int]) -> None:
    path = (first, *rest)
    quoted = any(isinstance(key, str) and ("\\" in key or key.isdigit()) for key in path)
    if not quoted:
        assert parse_path(format_path(path)) == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("tasks[1]", ("tasks", 1)),
        ("tasks.1", ("tasks", 1)),
        ('cases."a.b".hardware', ("cases", "a.b", "hardware")),
        ("cases.'a.b'", ("cases", "a.b")),
        ('a."1"', ("a", "1")),
    ],
)
def test_examples_of_paths(text: str, path: tuple[str | int, ...]) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "[1]", "a b", "1"]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^'.*' is no path; expected keys joined by dots$"):
        parse_path(text)


MACHINE = (
    "name: m\ndram: null\nmemories:\n  sram: {word: 64 b}\ntasks: [MNLI, QNLI]\n'a.b': {c: 1}\n"
)


def changed(assignment: str) -> Any:
    return parse_override(assignment).apply(parse_document(MACHINE, Path("m.yaml"))).data


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("name=8", ("name",), 8),
        ("name=010", ("name",), 10),
        ("name='8'", ("name",), "8"),
        ("name=no", ("name",), "no"),
        ("name=", ("name",), None),
        ("name=a=b", ("name",), "a=b"),
        (" memories.sram.word = 4 MiB", ("memories", "sram", "word"), "4 MiB"),
        ("memories.rram={word: 8 b}", ("memories", "rram"), {"word": "8 b"}),
        ("dram.devices=2", ("dram", "devices"), 2),
        ("tasks[1]=RTE", ("tasks", 1), "RTE"),
        ("tasks.0=RTE", ("tasks", 0), "RTE"),
        ("tasks=[RTE]", ("tasks",), ["RTE"]),
        ('"a.b".c=2', ("a.b", "c"), 2),
        ("'x=y'=2", ("x=y",), 2),
    ],
)
def test_an_override_changes_one_value(assignment: str, path: Any, value: object) -> None:
    before = parse_document(MACHINE, Path("m.yaml"))
    after = parse_override(assignment).apply(before)
    got = after.data
    for key in path:
        got = got[key]
    assert got == value
    assert str(after.place(path)) == f"--set {assignment}"
    assert set(after.places) == set(_paths(after.data, ()))
    assert before.data == parse_document(MACHINE, Path("m.yaml")).data
    others = {p for p in before.places if p != path[: len(p)] and p[: len(path)] != path}
    assert all(after.places[p] == before.places[p] for p in others)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("rounds", "expected path=value, such as dram.devices=2"),
        ("=3", "expected path=value, such as dram.devices=2"),
        ("a..b=3", "'a..b' is no path; expected keys joined by dots, such as dram.devices=2"),
        ("memory.sram.word=1 b", "the file has no 'memory'; did you mean 'memories'?"),
        ("memories.srm.word=1 b", "memories has no 'srm'; did you mean 'sram'?"),
        (
            "memories.x.word=1 b",
            "memories has no 'x'; it has: sram; what it lacks is set whole: memories.x={word: ...}",
        ),
        ("tasks[2]=RTE", "tasks has no item '2'; indices: 0 to 1"),
        ("tasks.first=RTE", "tasks has no item 'first'; indices: 0 to 1"),
        ("name.x=1", "name is the text 'm'; nothing can be set below it"),
        ("name=[1", "not valid YAML: a '[' is not closed, or a comma is missing"),
        ("name={a: 1, a: 2}", "a: this key stands twice; keep one (the other is in line 1)"),
        ("name=*x", "there is no anchor '&x' before the alias '*x'; define it first"),
        (
            "name=" + "9" * 19,
            "a whole number of 19 digits is too large; expected at most 18 digits",
        ),
    ],
)
def test_a_wrong_override_is_named(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        changed(assignment)
    assert str(error.value) == f"--set {assignment}: {message}"


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "machine.yaml").touch()
    wrong = tmp_path / "machin.yaml"
    with pytest.raises(ConfigError) as error:
        read_document(wrong)
    assert str(error.value) == (
        f"{wrong}: no such file; check the path or run from its folder; "
        f"did you mean '{tmp_path / 'machine.yaml'}'?"
    )


def test_what_is_no_text_file_is_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"name: \xe9")
    for path, message in {
        tmp_path: ": this is a folder; name a YAML file in it",
        latin: ":1: not UTF-8 text (byte 0xe9); save it as UTF-8",
        tmp_path / ("x" * 300): ": cannot be read: File name too long",
        tmp_path / "a\0b": ": cannot be read: embedded null byte",
        latin / "x.yaml": ": cannot be read: Not a directory",
    }.items():
        with pytest.raises(ConfigError) as error:
            read_document(path)
        assert str(error.value) == f"{path}{message}"
