from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forward_models import exactly, recipe_weights, small_model
from numpy.testing import assert_array_equal

from accelsim.errors import ConfigError
from accelsim.inference.data import Sentences, check_sentences, random_sentences
from accelsim.inference.forward import forward
from accelsim.inference.labelled import load_labelled

MODEL = small_model()
ROWS: list[dict[str, Any]] = [
    {"input_ids": [2, 31, 7, 3], "label": 1, "token_type_ids": [0, 0, 1, 1]},
    {"input_ids": [2, 3], "label": 0},
    {"input_ids": [2, 49, 0], "label": 2, "attention_mask": [1, 1, 0]},
]


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def as_csv(row: dict[str, Any]) -> str:
    lists = ("input_ids", "label", "token_type_ids", "attention_mask")
    cells = [row.get(key, "") for key in lists]
    return ",".join(" ".join(map(str, c)) if isinstance(c, list) else str(c) for c in cells)


def assert_rows(found: Sentences) -> None:
    assert_array_equal(found.tokens, [[2, 31, 7, 3], [2, 3, 0, 0], [2, 49, 0, 0]])
    assert_array_equal(found.mask, [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]])
    assert_array_equal(found.token_types, [[0, 0, 1, 1], [0] * 4, [0] * 4])
    assert found.labels is not None
    assert_array_equal(found.labels, [1, 0, 2])
    assert found.mask.dtype == bool


def test_json_lines_are_padded_to_the_longest(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", ROWS)
    found = load_labelled(path, MODEL, 3)
    assert_rows(found)
    assert found.origin == f"3 labelled sentences of {path}"


def test_csv_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = ["input_ids,label,token_type_ids,attention_mask", *map(as_csv, ROWS)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert_rows(load_labelled(path, MODEL, 3))


def test_npz_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    expected = load_labelled(write(tmp_path / "rows.jsonl", ROWS), MODEL, 3)
    np.savez(
        path,
        input_ids=expected.tokens.astype(np.uint16),
        label=expected.labels,
        attention_mask=expected.mask,
        token_type_ids=expected.token_types.astype(np.int8),
    )
    assert_rows(load_labelled(path, MODEL, 3))


def test_labelled_sentences_run(tmp_path: Path) -> None:
    found = load_labelled(write(tmp_path / "rows.jsonl", ROWS), MODEL, 3)
    arrays = (found.tokens, found.mask, found.token_types)
    logits = forward(MODEL, None, recipe_weights(MODEL), *arrays).logits
    alone = forward(MODEL, None, recipe_weights(MODEL), [[2, 3]]).logits
    np.testing.assert_allclose(logits[1], alone[0], rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (
            {"input_ids": [2, 50], "label": 0},
            "token 50 at position 1 is outside 0 to 49 (vocabulary_size 50)",
        ),
        (
            {"input_ids": [-1], "label": 0},
            "token -1 at position 0 is outside 0 to 49 (vocabulary_size 50)",
        ),
        (
            {"input_ids": [2] * 17, "label": 0},
            "17 tokens are more than the 16 positions of albert-base; shorten the sentence",
        ),
        (
            {"input_ids": [2], "label": 0, "token_type_ids": [2]},
            "token type 2 at position 0 is outside 0 to 1 (type_vocabulary_size 2)",
        ),
        ({"input_ids": [2], "label": 3}, "label: expected a class from 0 to 2, got 3"),
        ({"input_ids": [2], "label": -1}, "label: expected a class from 0 to 2, got -1"),
        ({"input_ids": [2], "label": 0.0}, "label: expected a class from 0 to 2, got 0.0"),
        ({"input_ids": [2], "label": True}, "label: expected a class from 0 to 2, got True"),
        ({"input_ids": [2]}, "label: this key is missing"),
        ({"label": 1}, "input_ids: this key is missing"),
        ({"input_ids": [2], "labels": 1}, "labels: unknown key; did you mean 'label'?"),
        (
            {"input_ids": [2], "label": 1, "text": "a"},
            "text: unknown key; keep only input_ids, label, token_type_ids, attention_mask",
        ),
        (
            {"input_ids": [], "label": 1},
            "input_ids: expected a list of one or more integers, got []",
        ),
        (
            {"input_ids": [2, 3.5], "label": 1},
            "input_ids: expected a list of one or more integers, got [2, 3.5]",
        ),
        (
            {"input_ids": [True], "label": 1},
            "input_ids: expected a list of one or more integers, got [True]",
        ),
        (
            {"input_ids": [2, 3], "label": 1, "token_type_ids": [0]},
            "token_type_ids: 1 values for 2 tokens",
        ),
        (
            {"input_ids": [2, 3], "label": 1, "attention_mask": [0, 0]},
            "the mask hides every token; keep one or more",
        ),
        (
            {"input_ids": [2, 3], "label": 1, "attention_mask": [1, 2]},
            "attention_mask: values other than 0 and 1; use 1 for real tokens",
        ),
        ([2, 3], 'not an object; expected {"input_ids": [...], "label": ...}'),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: Any, problem: str) -> None:
    path = write(tmp_path / "rows.jsonl", [ROWS[0], row])
    with pytest.raises(ConfigError, match=exactly(f"{path}:2: {problem}")):
        load_labelled(path, MODEL, 3)


def test_all_wrong_rows_are_listed_up_to_ten(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = ['{"input_ids": [2], "label": 1}', "", "{"] + ['{"label": 1}'] * 11
    path.write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_labelled(path, MODEL, 3)
    first, second, *_, last = lines = str(caught.value).splitlines()
    assert re.match(rf"^{re.escape(str(path))}:3: not JSON: Expecting property name", first)
    assert second == f"{path}:4: input_ids: this key is missing"
    assert last == "and 2 more like these"
    assert len(lines) == 11


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            "input_ids,label\n2 31 3,1\n2 x,1\n",
            ":3: input_ids: expected a list of one or more integers, got '2 x'",
        ),
        ("input_ids,label\n2 3,1\n2 3\n", ":3: label: this key is missing"),
        ("input_ids,label\n2 3,1,4\n", ":2: more cells than the header has columns"),
        ("input_ids,label\n2 3,1 2\n", ":2: label: expected a class from 0 to 2, got [1, 2]"),
        ("input_ids,labl\n2 3,1\n", ":2: labl: unknown key; did you mean 'label'?"),
        ("input_ids,label\n", ": no sentences; give one or more"),
        ("", ": no sentences; give one or more"),
    ],
)
def test_a_wrong_csv_is_named(tmp_path: Path, lines: str, problem: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(ConfigError, match=exactly(f"{path}{problem}")):
        load_labelled(path, MODEL, 3)


class Trap:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_nothing_of_an_npz_is_unpickled(tmp_path: Path) -> None:
    path, proof = tmp_path / "rows.npz", tmp_path / "proof"
    np.savez(path, input_ids=np.array([Trap(proof)], dtype=object), label=np.array([1]))
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(path))}: cannot be read: .*pickle"):
        load_labelled(path, MODEL, 3)
    assert not proof.exists()


def test_arrays_of_different_lengths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, input_ids=np.zeros((2, 3), int), label=np.zeros(4, int))
    message = f"{path}: the arrays differ in their number of rows: input_ids (2, 3), label (4,)"
    with pytest.raises(ConfigError, match=exactly(message)):
        load_labelled(path, MODEL, 3)


def test_one_array_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    message = f"{path}: one array, expected an archive of them; use numpy.savez"
    with pytest.raises(ConfigError, match=exactly(message)):
        load_labelled(path, MODEL, 3)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    missing = tmp_path / "none.jsonl"
    message = f"{missing}: cannot be read: No such file or directory"
    with pytest.raises(ConfigError, match=exactly(message)):
        load_labelled(missing, MODEL, 3)
    whole = tmp_path / "rows.npz"
    np.savez(whole, input_ids=np.zeros((50, 9), int), label=np.zeros(50, int))
    for size in (0, 1, 10, 300, whole.stat().st_size - 30):
        cut = tmp_path / f"cut{size}.npz"
        cut.write_bytes(whole.read_bytes()[:size])
        with pytest.raises(ConfigError, match=rf"^{re.escape(str(cut))}: cannot be read: "):
            load_labelled(cut, MODEL, 3)
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes(b'{"caf\xe9": 1}\n')
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(latin))}: cannot be read: 'utf-8'"):
        load_labelled(latin, MODEL, 3)
    message = f"{tmp_path / 'rows.txt'}: unknown format '.txt'; use .jsonl, .csv, .npz"
    with pytest.raises(ConfigError, match=exactly(message)):
        load_labelled(tmp_path / "rows.txt", MODEL, 3)


def test_a_regression_has_no_accuracy(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", ROWS)
    message = (
        f"{path}: labels need a task of 2 classes or more, this one has 1; a regression has no "
        "accuracy"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        load_labelled(path, MODEL, 1)


def test_random_sentences_are_seeded_one_by_one() -> None:
    few = random_sentences(MODEL, sentences=3, tokens=16, seed=4)
    many = random_sentences(MODEL, sentences=40, tokens=16, seed=4)
    assert_array_equal(many.tokens[:3], few.tokens)
    assert few.origin == "3 sentences of 16 random tokens (not text), seed 4"
    assert few.labels is None
    assert few.mask.all()
    assert not few.token_types.any()
    assert len({tuple(row) for row in many.tokens.tolist()}) == 40
    assert set(many.tokens.reshape(-1).tolist()) == set(range(50))
    other = random_sentences(MODEL, sentences=3, tokens=16, seed=5)
    assert (other.tokens != few.tokens).any()


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"sentences": 0, "tokens": 4}, "sentences is 0, must be 1 or more"),
        ({"sentences": 1, "tokens": 0}, "tokens is 0, must be 1 or more"),
        (
            {"sentences": 1, "tokens": 17},
            "sentence 0: 17 tokens are more than the 16 positions of albert-base; shorten the "
            "sentence",
        ),
    ],
)
def test_wrong_counts_are_refused(counts: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=exactly(message)):
        random_sentences(MODEL, seed=1, **counts)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([[1.5]],), "tokens holds float64 values, expected integers"),
        (([1, 2],), "tokens has shape (2,), expected (sentences, sequence) with 1 or more of both"),
        (([[]],), "tokens has shape (1, 0), expected (sentences, sequence) with 1 or more of both"),
        (([[1, 2], [1]],), "tokens has rows of different lengths; pad them and give a mask"),
        (([[1, 2]], [[1]]), "mask has shape (1, 1), expected that of tokens, (1, 2)"),
        (([[1]], [[2]]), "mask has values other than 0 and 1; use 1 for real tokens"),
        (([[1]], None, [[0, 1]]), "token_types has shape (1, 2), expected that of tokens, (1, 1)"),
    ],
)
def test_wrong_arrays_are_refused(arrays: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=exactly(message)):
        Sentences.of(*arrays)


def test_many_wrong_sentences_are_listed_up_to_ten() -> None:
    with pytest.raises(ConfigError, match=r"^sentence 0: token 99 at position 0 [\s\S]*and 2 more"):
        check_sentences(MODEL, Sentences.of([[99]] * 12))


def test_parts_keep_labels_and_origin(tmp_path: Path) -> None:
    whole = load_labelled(write(tmp_path / "rows.jsonl", ROWS), MODEL, 3)
    part = whole.part(1, 5)
    assert len(part) == 2
    assert part.origin == whole.origin
    assert part.labels is not None
    assert_array_equal(part.labels, [0, 2])
    assert_array_equal(part.mask, whole.mask[1:])
