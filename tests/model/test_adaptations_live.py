"""The libraries train as many parameters as they once said; skipped where they are not installed.

PEFT and adapters want different versions of transformers: each test runs in an environment of its
own.
"""

from __future__ import annotations

import csv
import runpy
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[1] / "reference"

# The libraries' own warnings are not ours to fail on.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("library", ["peft", "adapters"])
def test_the_library_says_so_still(library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    made = runpy.run_path(str(REFERENCE / "make_adaptations.py"))["ROWS"][library]()
    text = (REFERENCE / "adaptation_parameters.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    stored = [row for row in csv.DictReader(lines) if row["source"].startswith(f"{library} ")]
    known = {(row["model"], row["adaptation"]): row["parameters"] for row in stored}
    assert {(model, keys): count for model, keys, count in made} == known
