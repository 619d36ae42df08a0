from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from accelsim.errors import ConfigError
from accelsim.inputs.document import parse_document
from accelsim.inputs.validation import validate
from accelsim.weights.settings import CompressionConfig, NumberFormat, WeightFiles

GOOD = """\
embedding: {format: bitmask, bits: 8, density: 0.5}
backbone: {format: bitmask, bits: 4, density: 0.5, numbers: {kind: symmetric, scale_per: row}}
task: {format: dense, bits: 6, numbers: {exponent_bits: 2}}
prune_over: role
"""


def read(text: str, kind: Any = CompressionConfig) -> Any:
    return validate(parse_document(text, "w.yaml"), kind)


def test_a_good_choice_is_read() -> None:
    how = read(GOOD)
    assert how.embedding.numbers == NumberFormat(kind="adaptivfloat", scale_per="tensor")
    assert how.embedding.numbers.exponent_width == 3
    assert (how.task.numbers.exponent_width, how.backbone.numbers.kind) == (2, "symmetric")
    assert how.prune_over == "role"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("density: 0.5}\nb", "density: 0}\nb", 1, r"embedding\.density: .*greater than 0, got 0"),
        ("density: 0.5}\nb", "density: 1.5}\nb", 1, r"embedding\.density: .*less .*1, got 1\.5"),
        ("bits: 4", "bits: 1", 2, r"backbone: bits is 1; expected 2 to 16 bits a value"),
        ("bits: 4", "bits: 17", 2, r"backbone: bits is 17; expected 2 to 16 bits a value"),
        (
            "bits: 6",
            "bits: 2",
            3,
            r"task: bits is 2, but a sign and 2 exponent bits take 3; raise bits or lower "
            r"exponent_bits",
        ),
        ("exponent_bits: 2", "exponent_bits: 6", 3, r"task\.numbers\.exponent_bits: .*5, got 6"),
        (
            "kind: symmetric",
            "kind: affine, exponent_bits: 3",
            2,
            r"backbone\.numbers: exponent_bits belongs to kind adaptivfloat, not to affine; "
            r"remove it or change the kind",
        ),
        ("kind: symmetric", "kind: posit", 2, r"backbone\.numbers\.kind: .*'posit'.*"),
        ("task:", "tasks:", 3, r"tasks: unknown key; did you mean 'task'\?"),
        ("prune_over: role", "prune_over: model", 4, r"prune_over: .*'model'.*"),
    ],
)
def test_a_wrong_choice_is_named(old: str, new: str, line: int, message: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ConfigError, match=rf"^w\.yaml:{line}: {message}$"):
        read(GOOD.replace(old, new))


def test_weights_name_a_file() -> None:
    files = read("shared: [a.safetensors]\ntasks: {MNLI: b.npz}\n", WeightFiles)
    assert (files.shared, files.tasks) == (["a.safetensors"], {"MNLI": "b.npz"})
    wanted = "w.yaml: document: shared and tasks are empty; name a file, or leave the weights out"
    with pytest.raises(ConfigError, match=f"^(w.yaml:1: )?{re.escape(wanted[8:])}$"):
        read("{shared: [], tasks: {}}\n", WeightFiles)


def test_reading_a_choice_needs_no_numpy() -> None:
    code = "import sys, accelsim.weights.settings; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
