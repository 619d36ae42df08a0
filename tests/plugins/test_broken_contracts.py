"""What a method of a plug-in returns against its contract is one message, and no figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from readme_examples import example
from toy_files import Captured, failure, write

from accelsim.errors import AccelsimError
from accelsim.inputs.plugins import load_plugins

POLICY = "A scheduling policy"
STREAM = "requests={pattern: poisson, mean_interval: 20 us, duration: 1 ms}"
# Heading -> the method, what the workload asks for.
ASKED = {
    "A request pattern": (
        "Together.make_requests",
        ("requests={pattern: together, interval: 1 s, times: 2}",),
    ),
    "A scheduling policy": ("Shortest.choose", (STREAM, "policy={name: shortest}")),
    "An idle policy": ("Nap.plan", (STREAM, "idle={policy: nap, after: 1 us}")),
    "A figure": ("per_sentence", ()),
}
MADE = "Request(number, task, at, tokens)"
REQUESTS = (
    "Request(number, task, at - 1, tokens)",  # before the first tick
    "Request(number, task, 9 - number, tokens)",  # not in order
    "Request(number, task, at / 2, tokens)",
    "Request(number, task, at, tokens + 1)",
    "Request(number, task, at, 0)",
    "Request(number, task, at, float(tokens))",
    "Request(0, task, at, tokens)",
    "Request(True * number, 'RTE', at, tokens)",
    "Request(number, task, at, tokens, exit_layer=0)",
    "Request(number, task, at, tokens, exit_layer=9)",
    "Request(number, task, at, tokens, deadline=1.5)",
    "(number, task, at, tokens)",
)
STEPS = (
    "()",
    "None",
    "((0, 'idle'),)",
    "((1, PowerState.IDLE),)",
    "((0, PowerState.IDLE), (9, PowerState.IDLE), (8, PowerState.IDLE))",
    "((0, PowerState.IDLE), (0.5, PowerState.IDLE))",
    "((0, PowerState.ACTIVE),)",
    "(PowerState.IDLE,)",
)
FIGURES = (
    *("[1.0]", "float('nan')", "{'a': [1]}", "{'a b': 1, 'a_b': 2}", "{1: 1.0}", "b'1'"),
    *("10**309", "-(10**5000)", "__import__('decimal').Decimal(1)", "1j"),
)
BROKEN = (
    *(("A request pattern", MADE, made) for made in REQUESTS),
    ("A request pattern", "return [", "return; ["),
    *(("A scheduling policy", "return ", f"return {at}; ") for at in ("99", "None", "0.0", "-1")),
    ("A scheduling policy", "return ", "return len(waiting) > 9; "),
    *(("An idle policy", "IdlePlan(steps,", f"IdlePlan({steps},") for steps in STEPS),
    ("An idle policy", "return ", "return; "),
    *(("A figure", "return ", f"return {value}; ") for value in FIGURES),
    *(
        ("A figure", "return ", f"import numpy; return numpy.{value}; ")
        for value in ("float32(1)", "int64(1)", "bool_(1)", "float64('nan')", "array([1.0])")
    ),
)


def refused(folder: Path, capsys: Captured, source: str, *assignments: str) -> str:
    """Return what a run with a broken plug-in says."""
    file = write(folder, workload="plugins: [mine.py]", mine=source)
    settings = [part for each in assignments for part in ("--set", each)]
    options = [*settings, "--no-trace", "--quiet", "--out", str(folder / "out")]
    return failure(capsys, "run", str(file), *options, code=7)


@pytest.mark.parametrize(("heading", "good", "bad"), BROKEN)
def test_what_is_returned_is_checked(
    heading: str, good: str, bad: str, tmp_path: Path, capsys: Captured
) -> None:
    source, (method, assignments) = example(heading), ASKED[heading]
    at = source.rindex(good)
    told = refused(tmp_path, capsys, source[:at] + bad + source[at + len(good) :], *assignments)
    place = f"plug-in '{tmp_path / 'mine.py'}': {method}: "
    assert re.fullmatch(rf"{re.escape(place)}.*expected .*got .*; correct the plug-in", told)


@pytest.mark.parametrize("rank", ["(1, 0.5)", "'a'"])
def test_ranks_are_checked(rank: str, tmp_path: Path, capsys: Captured) -> None:
    source = (
        f"{example('A scheduling policy')}\n    def rank(self, request):\n        return {rank}"
    )
    told = refused(tmp_path, capsys, source, *ASKED["A scheduling policy"][1])
    assert f"Shortest.rank: expected tuple[int, ...] | None, got {rank}; correct" in told


def test_all_requests_have_a_rank_or_none(tmp_path: Path, capsys: Captured) -> None:
    source = example("A scheduling policy") + (
        "\n    def rank(self, request):\n        return None if request.number % 2 else (1,)"
    )
    told = refused(tmp_path, capsys, source, *ASKED["A scheduling policy"][1])
    assert "Shortest.rank: expected a tuple of int for every request, or None for every" in told


@pytest.mark.parametrize("value", ["'text'", "True"])
def test_a_figure_with_a_unit_is_a_number(value: str, tmp_path: Path, capsys: Captured) -> None:
    source = example("A figure").replace("return ", f"return {value}; ")
    told = refused(tmp_path, capsys, source)
    assert f"per_sentence: metric 'energy.sentence': expected a number in J, got {value}" in told


@pytest.mark.parametrize("returned", ["yield 5", "return None", "return [b'1']"])
def test_a_medium_renders_text(returned: str, tmp_path: Path, capsys: Captured) -> None:
    medium = (
        "from accelsim.report.media import Medium\n\nclass Other(Medium):\n    name = 'other'\n\n"
        f"    def render(self, report):\n        {returned}\n"
    )
    file = write(tmp_path, workload="plugins: [mine.py]", mine=medium)
    options = ["--write", "other", "--no-trace", "--quiet", "--out", str(tmp_path / "out")]
    told = failure(capsys, "run", str(file), *options, code=7)
    assert re.search(r"Other\.render: expected Iterable\[str\], got .*; correct the plug-in", told)
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("sweeps", ["-1", "1.5", "1e9", "True"])
def test_a_recipe_is_of_whole_numbers(sweeps: str, tmp_path: Path) -> None:
    source = example("An operator kind")
    changed = re.sub(r"sweeps=\d+", f"sweeps={sweeps}", source)
    assert changed != source
    (tmp_path / "kind.py").write_text(changed)
    with pytest.raises(
        AccelsimError, match=r"Recipe: sweeps: expected a whole number of 0 or more"
    ):
        load_plugins([str(tmp_path / "kind.py")])


def test_two_figures_of_one_name(tmp_path: Path, capsys: Captured) -> None:
    other = 'metrics = (Metric("energy", "", "J", lambda case: {"sentence": 1.0}), '
    source = example("A figure").replace("metrics = (", other)
    told = refused(tmp_path, capsys, source)
    assert "per_sentence: there are two figures 'energy.sentence'; rename one" in told
