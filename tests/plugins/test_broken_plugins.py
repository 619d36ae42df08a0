"""What is wrong with a plug-in is one clear message before anything runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from readme_examples import example
from toy_files import Captured, failure, write

# What the README shows -> what a message calls it, the name that it gives, and what it must have.
EXAMPLES = {
    "An operator kind": ("operator kind", 'name, reach = "square",', "compute"),
    "A model family": ("model family", 'family: Literal["tiny"]', "add_layer"),
    "An adaptation": ("adaptation", 'method: Literal["vectors"]', "adapt"),
    "A component": ("component", 'kind: Literal["wake_word_detector"]', "timing"),
    "A request pattern": ("request pattern", 'pattern: Literal["together"]', "make_requests"),
    "A scheduling policy": ("scheduling policy", 'name: Literal["shortest"]', "choose"),
    "An idle policy": ("idle policy", 'policy: Literal["nap"]', "plan"),
    "A figure": ("family of metrics", 'name = "mine"', "metrics"),
    "An output medium": ("output medium", 'name = "md"', "render"),
}
EACH = pytest.mark.parametrize("heading", EXAMPLES)


def refused(folder: Path, capsys: Captured, **sources: str) -> str:
    """Return what a run with broken plug-ins says."""
    file = write(folder, workload="plugins: [plugins]")
    write(folder / "plugins", **sources)
    return failure(capsys, "run", str(file), "--out", str(folder / "out"))


@EACH
def test_two_of_one_name(heading: str, tmp_path: Path, capsys: Captured) -> None:
    noun, given, _ = EXAMPLES[heading]
    source, name = example(heading), re.findall(r'"(\w+)"', given)[0]
    told = refused(tmp_path, capsys, one=f"# once\n{source}", two=f"# again\n{source}")
    files = " and ".join(str(tmp_path / "plugins" / f"{file}.py") for file in ("one", "two"))
    assert told.endswith(f"there are two of the {noun} '{name}', in {files}; rename one")


@EACH
def test_one_without_a_name(heading: str, tmp_path: Path, capsys: Captured) -> None:
    noun, given, _ = EXAMPLES[heading]
    without = "reach =" if "reach" in given else "pass"
    told = refused(tmp_path, capsys, mine=example(heading).replace(given, without))
    key = re.split(r"\W", given)[0]
    assert str(tmp_path / "plugins" / "mine.py") in told
    assert f"the {noun} lacks {key}" in told or f"give the {noun} its {key}" in told


@EACH
def test_one_that_lacks_what_it_must_do(heading: str, tmp_path: Path, capsys: Captured) -> None:
    noun, _, must = EXAMPLES[heading]
    source = re.sub(rf"\b{must}( =|\()", r"other\1", example(heading))
    told = refused(tmp_path, capsys, mine=source)
    assert f"{tmp_path / 'plugins' / 'mine.py'}: " in told
    assert told.endswith(f"the {noun} lacks {must}")


def test_an_accelerator_without_a_name_of_its_own(tmp_path: Path, capsys: Captured) -> None:
    source = example("An accelerator").replace('name = "autonomous"', "pass")
    told = refused(tmp_path, capsys, mine=source)
    assert "there are two of the accelerator 'edgebert', in " in told


def test_a_kind_without_a_reach_or_a_recipe(tmp_path: Path, capsys: Captured) -> None:
    square = example("An operator kind")
    told = refused(tmp_path, capsys, mine=square.replace("name, reach", "name, other"))
    assert told.endswith("give the operator kind its reach")
    told = refused(tmp_path, capsys, mine=square.replace("recipe =", "other ="))
    assert told.endswith("a kind of reach element needs a recipe")
