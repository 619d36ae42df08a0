from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from accelsim.errors import ConfigError
from accelsim.inputs.document import parse_document
from accelsim.inputs.validation import validate
from accelsim.memory.storage import StorageConfig, StorageFormat
from accelsim.weights.settings import CaseWeights, NumberFormat

GOOD = """\
shared: [a.safetensors]
tasks: {MNLI: b.npz}
numbers: {kind: adaptivfloat, exponent_bits: 2}
prune_over: role
"""


def read(text: str) -> CaseWeights:
    return validate(parse_document(text, Path("w.yaml")), CaseWeights)


def test_a_good_choice_is_read() -> None:
    how = read(GOOD)
    assert (how.shared, how.tasks) == (["a.safetensors"], {"MNLI": "b.npz"})
    assert (how.numbers.exponent_width, how.prune_over) == (2, "role")
    seeded = read("seed: 3")
    assert seeded.numbers == NumberFormat(kind="adaptivfloat", scale_per="tensor")
    assert (seeded.numbers.exponent_width, seeded.prune_over) == (3, "tensor")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("exponent_bits: 2", "exponent_bits: 6", 3, r"numbers\.exponent_bits: .*5, got 6"),
        (
            "adaptivfloat",
            "affine",
            3,
            r"numbers: exponent_bits belongs to kind adaptivfloat, not to affine; "
            r"remove it or change the kind",
        ),
        ("adaptivfloat", "posit", 3, r"numbers\.kind: .*'posit'.*"),
        ("tasks:", "task:", 2, r"task: unknown key; did you mean 'tasks'\?"),
        ("prune_over: role", "prune_over: model", 4, r"prune_over: .*'model'.*"),
        ("prune_over: role", "seed: -1", 4, r"seed: .*greater than or equal to 0.*"),
    ],
)
def test_a_wrong_choice_is_named(old: str, new: str, line: int, message: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ConfigError, match=rf"^w\.yaml:{line}: {message}$"):
        read(GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("numbers", "least"),
    [
        (NumberFormat(kind="symmetric"), 2),
        (NumberFormat(kind="affine"), 2),
        (NumberFormat(), 4),
        (NumberFormat(exponent_bits=5), 6),
    ],
)
def test_bits_must_be_those_of_the_numbers(numbers: NumberFormat, least: int) -> None:
    def storage(bits: int) -> StorageConfig:
        good, changed = (StorageFormat(format="dense", bits=n) for n in (8, bits))
        return StorageConfig(embedding=good, backbone=changed, task=good)

    for bits in (least, 16):
        numbers.check_bits(storage(bits))
    for bits in (least - 1, 17):
        message = (
            f"storage.backbone.bits is {bits}; numbers of kind {numbers.kind} have {least} to 16 "
            "bits, change one of the two"
        )
        with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
            numbers.check_bits(storage(bits))


def test_reading_a_choice_needs_no_numpy() -> None:
    code = "import sys, accelsim.weights.settings; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
