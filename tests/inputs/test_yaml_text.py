from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.inputs.document import parse_document
from accelsim.inputs.yaml_text import read_scalar

HERE = Path("machine.yaml")


def read(text: str) -> Any:
    return parse_document(text, HERE).data


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse_document(text, HERE)
    return str(error.value)


# Core schema of YAML 1.2.2, section 10.3.2.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-9", 1e-9),
        (".5", 0.5),
        ("1.", 1.0),
        ("010", 10),
        ("+7", 7),
        ("-0", 0),
        ("0o17", 15),
        ("0xfF", 255),
        ("1e400", float("inf")),
        ("-.inf", float("-inf")),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("0b1", "0b1"),
        ("2026-01-01", "2026-01-01"),
        ("4 MiB", "4 MiB"),
        ("1e", "1e"),
        ("nan", "nan"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    got = read_scalar(text)
    assert (type(got), got) == (type(value), value)


def test_not_a_number_is_a_float() -> None:
    assert read_scalar(".nan") != read_scalar(".nan")


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text("ab: #-0'\n", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.1", min_size=1), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text("ab.1", min_size=1), values, min_size=1), st.booleans())
def test_what_is_written_is_read_and_every_value_has_a_place(data: Any, flow: bool) -> None:
    # Strings are quoted: what a plain scalar means is tested above.
    text = yaml.dump(data, default_flow_style=flow, default_style=None, Dumper=_Quoting)
    document = parse_document(text, HERE)
    assert document.data == data
    assert set(document.places) == set(_paths(data, ()))


class _Quoting(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Quoting.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def _paths(data: Any, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    items: Any = []
    if isinstance(data, dict):
        items = data.items()
    if isinstance(data, list):
        items = enumerate(data)
    return [path, *(below for key, value in items for below in _paths(value, (*path, key)))]


def test_aliases_stand_for_the_whole_value() -> None:
    text = "a: &x {b: &y [1, 2]}\nc: *x\nd: [*y, *y]"
    assert read(text) == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": [[1, 2], [1, 2]]}


def test_places_are_the_lines_of_keys_and_items() -> None:
    document = parse_document("a:\n  b:\n    1\nc:\n  - 1\n  - x: &n 2\nd: *n\n", HERE)
    lines = {path: place.line for path, place in document.places.items()}
    assert lines == {
        (): 1, ("a",): 1, ("a", "b"): 2, ("c",): 4, ("c", 0): 5, ("c", 1): 6,
        ("c", 1, "x"): 6, ("d",): 7,
    }  # fmt: skip


def test_keys_are_text_whatever_they_look_like() -> None:
    assert read("1: x\nno: y\n1e3: z\n~: n") == {"1": "x", "no": "y", "1e3": "z", "~": "n"}


def test_quoted_scalars_are_text_and_a_byte_order_mark_is_skipped() -> None:
    assert read("\ufeffa: '010'\nb: \"no\"\nc: |\n  8\n") == {"a": "010", "b": "no", "c": "8\n"}


BAD = {
    "": "machine.yaml:1: the file is empty; expected a YAML mapping",
    "# only a comment": "machine.yaml:1: the file is empty; expected a YAML mapping",
    "- 1": "machine.yaml:1: expected a YAML mapping ('key: value'), got a list",
    "\nabc": "machine.yaml:2: expected a YAML mapping ('key: value'), got the text 'abc'",
    "a: 1\nb: 2\na: 3": (
        "machine.yaml:3: a: this key stands twice; keep one (the other is in line 1)"
    ),
    "x: {a: 1, a: 2}": (
        "machine.yaml:1: x.a: this key stands twice; keep one (the other is in line 1)"
    ),
    "a: [1, 2\nb: 3": (
        "machine.yaml:2: not valid YAML: a '[' is not closed, or a comma is missing "
        "(it starts in line 1)"
    ),
    "a: {b: 1": (
        "machine.yaml:2: not valid YAML: a '{' is not closed, or a comma is missing "
        "(it starts in line 1)"
    ),
    "a: 'x\nb: 1\n": "machine.yaml:3: not valid YAML: a quote is not closed (it starts in line 1)",
    "a:\n\tb: 1": "machine.yaml:2: not valid YAML: a tab cannot indent; use spaces",
    "a:\n  b: 1\n  \tc: 2": "machine.yaml:3: not valid YAML: a tab cannot indent; use spaces",
    "a: b\n- c": "machine.yaml:2: not valid YAML: a key is expected here; "
    "check the indentation and the quotes",
    "a: - b": "machine.yaml:1: not valid YAML: a '-' is not expected here; check the indentation",
    "a: & b": (
        "machine.yaml:1: not valid YAML: '&' and '*' need a name; quote text that begins with them"
    ),
    "{a: 1} b": (
        "machine.yaml:1: not valid YAML: "
        "text after the end of the data; check brackets and indentation"
    ),
    "a: | b": "machine.yaml:1: not valid YAML: only a comment may follow '|' or '>' in its line",
    "a: %5": "machine.yaml:1: not valid YAML: a value cannot start with '%'; quote it",
    "a: b: c": (
        "machine.yaml:1: not valid YAML: a ':' is not expected here; check the indentation, "
        "and quote text that has ': ' in it"
    ),
    "a: 1\n  b: 2": (
        "machine.yaml:2: not valid YAML: a ':' is not expected here; check the indentation, "
        "and quote text that has ': ' in it"
    ),
    "a: 1\nb\n": "machine.yaml:3: not valid YAML: a ':' is missing after a key",
    'a: "\\q"': (
        "machine.yaml:1: not valid YAML: "
        "unknown escape after '\\'; use single quotes for plain text"
    ),
    "a: 1\nb: \0": "machine.yaml:2: not valid YAML: the character U+0000 is not allowed; remove it",
    "a: 1\nb: \ud800": (
        "machine.yaml:2: not valid YAML: the character U+D800 is not allowed; remove it"
    ),
    "a: 1\n---\nb: 2": (
        "machine.yaml:2: a second document starts here ('---'); keep one document a file"
    ),
    "a: *x": "machine.yaml:1: a: there is no anchor '&x' before the alias '*x'; define it first",
    "a: &x [1, *x]": (
        "machine.yaml:1: a[1]: the alias '*x' stands inside its own anchor '&x'; write it out"
    ),
    "a: &x {b: &y [*x]}": (
        "machine.yaml:1: a.b[0]: the alias '*x' stands inside its own anchor '&x'; write it out"
    ),
    "a: &x 1\nb: &x 2": "machine.yaml:2: b: the anchor '&x' stands twice; give it another name",
    "a: &x {b: 1}\nc:\n  <<: *x": (
        "machine.yaml:3: c: merge keys ('<<') are not part of YAML 1.2; write the keys out, "
        "or let an alias stand for the whole value"
    ),
    "a: !!str 5": "machine.yaml:1: a: tags such as '!!str' are not supported; remove it",
    "a: !!python/object:os.system x": (
        "machine.yaml:1: a: tags such as '!!python/object:os.system' are not supported; remove it"
    ),
    "? [a, b]\n: 1": (
        "machine.yaml:1: document: a key must be plain text, not an alias, a list or a mapping"
    ),
    "a: &x k\n*x : 1": (
        "machine.yaml:2: document: a key must be plain text, not an alias, a list or a mapping"
    ),
    "a: {'': 5}": "machine.yaml:1: a: a key is empty; expected 'key: value'",
    "a: " + "9" * 5000: (
        "machine.yaml:1: a: a whole number of 5000 digits is too large; expected at most 18 digits"
    ),
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: repr(text)[:30])
def test_bad_yaml_is_one_clear_error(text: str) -> None:
    assert problem(text) == BAD[text]


def test_other_syntax_errors_keep_their_line() -> None:
    assert re.fullmatch(r"machine\.yaml:2: not valid YAML: \S.*", problem("a: 1\n%TAG"))


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 200_000,
        "a: " + "[" * 5000 + "]" * 5000,
        "a: " + "{x: " * 5000,
        "\n".join(" " * level + "a:" for level in range(500)) + " 1",
        "a:\n  " + "- " * 5000 + "1",
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    assert re.fullmatch(
        r"machine\.yaml:\d+: nested more than 50 levels deep; write it flatter", problem(text)
    )


def test_aliases_of_aliases_cannot_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    tracemalloc.start()
    try:
        assert problem("\n".join(lines)) == (
            "machine.yaml:1: more than 100,000 values, aliases written out; use fewer aliases"
        )
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
