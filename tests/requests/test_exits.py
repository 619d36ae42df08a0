from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.inputs.document import parse_document
from accelsim.inputs.validation import ConfigModel, RuleError, validate
from accelsim.requests.exit_statistics import (
    maximum_entropy,
    mean_layer,
    measured_exits,
    measured_predictions,
)
from accelsim.requests.exits import EarlyExitConfig
from accelsim.requests.request import Request

REFERENCE = Path(__file__).parents[1] / "reference" / "edgebert_exit_averages.csv"
AVERAGES = [
    (row["statistic"], row["task"], float(row["threshold"]), float(row["mean"]))
    for row in csv.DictReader(
        line for line in REFERENCE.read_text().splitlines() if not line.startswith("#")
    )
]


def config(**keys: Any) -> EarlyExitConfig:
    return EarlyExitConfig.model_validate(keys)


def sentences(count: int, *tasks: str) -> list[Request]:
    return [Request(number, tasks[number % len(tasks)], number, 20) for number in range(count)]


def draw(early_exit: EarlyExitConfig, requests: Sequence[Request], layers: int) -> list[Request]:
    """Fill in what models of so many layers do."""
    return early_exit.draw(requests, {request.task: layers for request in requests})


def drawn(requests: Sequence[Request], task: str) -> list[tuple[int | None, int | None]]:
    return [(each.exit_layer, each.predicted_layer) for each in requests if each.task == task]


def chi_square(observed: Counter[Any], expected: dict[Any, float]) -> float:
    return sum((observed[key] - count) ** 2 / count for key, count in expected.items() if count)


# --- what was measured -------------------------------------------------------------------------


def measured_mean(statistic: str, task: str, threshold: float) -> float:
    if statistic == "exit":
        return mean_layer(measured_exits(task, threshold))
    layers = [
        (min(predicted, leaves) if statistic == "reached" else predicted, count)
        for leaves, counts in measured_predictions(task, threshold).items()
        for predicted, count in enumerate(counts, 1)
    ]
    return sum(layer * count for layer, count in layers) / sum(count for _, count in layers)


@pytest.mark.parametrize(("statistic", "task", "threshold", "mean"), AVERAGES)
def test_means_are_those_of_the_reference(
    statistic: str, task: str, threshold: float, mean: float
) -> None:
    assert measured_mean(statistic, task, threshold) == pytest.approx(mean, abs=0.005)


def test_the_histogram_of_sst2_at_the_loosest_setting() -> None:
    counts = (153, 177, 128, 136, 105, 58, 31, 18, 5, 3, 3, 55)
    assert measured_exits("SST-2", 0.28) == counts


def test_a_higher_threshold_lets_no_sentence_leave_later() -> None:
    before = [0.0] * 12
    for step in range(5, 66):
        counts = measured_exits("SST-2", step / 100)
        assert sum(counts) == 872
        left = [sum(counts[:layer]) for layer in range(1, 13)]
        assert all(now >= then for now, then in zip(left, before, strict=True))
        before = left


@pytest.mark.parametrize("threshold", [0.09, 0.16, 0.28])
def test_predictions_are_of_the_same_sentences(threshold: float) -> None:
    table = measured_predictions("SST-2", threshold)
    assert tuple(sum(counts) for counts in table.values()) == measured_exits("SST-2", threshold)
    # Whoever leaves after layer 1 needs no prediction; the table ends with layer 11.
    assert table[1][0] == sum(table[1])
    assert all(counts[0] == counts[11] == 0 for leaves, counts in table.items() if leaves > 1)


def test_means_between_two_thresholds_are_interpolated() -> None:
    halfway = mean_layer(measured_exits("QNLI", 0.275))
    assert halfway == pytest.approx((7.77 + 7.28) / 2, abs=1e-9)


@given(layers=st.integers(2, 24), share=st.floats(0, 1))
def test_maximum_entropy_has_the_mean_and_is_geometric(layers: int, share: float) -> None:
    mean = 1 + share * (layers - 1)
    weights = maximum_entropy(mean, layers)
    assert math.fsum(weights) == pytest.approx(1)
    assert mean_layer(weights) == pytest.approx(mean, abs=1e-9)
    for before, at, after in zip(weights, weights[1:], weights[2:], strict=False):
        assert before * after == pytest.approx(at * at, rel=1e-9, abs=1e-300)


@given(weights=st.lists(st.floats(0.01, 1), min_size=12, max_size=12))
def test_no_distribution_of_the_same_mean_has_more_entropy(weights: list[float]) -> None:
    def entropy(values: Sequence[float]) -> float:
        total = sum(values)
        return -sum(value / total * math.log(value / total) for value in values if value)

    assert entropy(weights) <= entropy(maximum_entropy(mean_layer(weights), 12)) + 1e-9


def test_the_shape_assumed_for_a_mean_is_as_close_to_sst2_as_its_docstring_says() -> None:
    def deviation(weights: Sequence[float]) -> float:
        squares = [at * at * weight for at, weight in enumerate(weights, 1)]
        return math.sqrt(sum(squares) / sum(weights) - mean_layer(weights) ** 2)

    for threshold, elsewhere in ((0.1, 0.30), (0.28, 0.16), (0.4, 0.09)):
        counts = measured_exits("SST-2", threshold)
        shape = maximum_entropy(mean_layer(counts), 12)
        assert deviation(shape) == pytest.approx(deviation(counts), rel=0.05)
        moved = sum(abs(a - b / 872) for a, b in zip(shape, counts, strict=True)) / 2
        assert moved == pytest.approx(elsewhere, abs=0.005)


# --- what is drawn -----------------------------------------------------------------------------

# 99.9 % point of chi-square with 11 degrees of freedom (Abramowitz and Stegun, table 26.8).
MOST_CHI_SQUARE = 31.26


@pytest.mark.parametrize(
    "source", ["measured", {"mean": 4.4}, {"histogram": [1, 2, 3, 0, 5, 6, 7, 8, 9, 10, 11, 12]}]
)
def test_draws_follow_the_distribution(source: Any) -> None:
    early_exit = config(exit_layer=source, threshold=0.28)
    weights = early_exit.exit_weights("SST-2", 12)
    assert weights is not None
    requests = draw(early_exit, sentences(20_000, "SST-2"), 12)
    observed = Counter(each.exit_layer for each in requests)
    expected = {at: 20_000 * each / sum(weights) for at, each in enumerate(weights, 1)}
    assert sum(observed[layer] for layer in expected) == 20_000
    assert not [layer for layer, count in expected.items() if not count and observed[layer]]
    assert chi_square(observed, expected) < MOST_CHI_SQUARE


def test_drawn_pairs_follow_the_measured_ones() -> None:
    early_exit = config(exit_layer="measured", threshold=0.28, prediction="measured")
    requests = draw(early_exit, sentences(87_200, "SST-2"), 12)
    expected = {
        (leaves, predicted): 100 * count
        for leaves, counts in measured_predictions("SST-2", 0.28).items()
        for predicted, count in enumerate(counts, 1)
        if count
    }
    observed = Counter(drawn(requests, "SST-2"))
    assert set(observed) == set(expected)
    # Mean of chi-square is its degrees of freedom, variance twice that.
    freedom = len(expected) - 1
    assert chi_square(observed, expected) < freedom + 4 * math.sqrt(2 * freedom)


def test_a_fixed_layer_and_an_exact_prediction() -> None:
    requests = draw(config(exit_layer=4, prediction="exact"), sentences(5, "RTE"), 6)
    assert drawn(requests, "RTE") == [(4, 4)] * 5
    assert drawn(draw(config(exit_layer=4), sentences(5, "RTE"), 6), "RTE") == [(4, None)] * 5


def test_prediction_errors_stay_within_the_model() -> None:
    errors = {"errors": {"-1": 1, "0": 7, "1": 2}}
    sources = {"SST-2": 1, "QNLI": 2, "MNLI": 5, "MRPC": 12}
    requests = draw(config(exit_layer=sources, prediction=errors), sentences(8_000, *sources), 12)
    shares = {
        task: {at: count / 2000 for (_, at), count in Counter(drawn(requests, task)).items()}
        for task in sources
    }
    # Whoever leaves after layer 1 is known; nobody else is predicted to.
    assert shares["SST-2"] == {1: 1.0}
    for task, expected in (
        ("QNLI", {2: 0.8, 3: 0.2}),
        ("MNLI", {4: 0.1, 5: 0.7, 6: 0.2}),
        ("MRPC", {11: 0.1, 12: 0.9}),
    ):
        assert shares[task] == pytest.approx(expected, abs=0.04)


def test_what_a_request_brings_wins_and_disturbs_no_other() -> None:
    early_exit = config(exit_layer={"mean": 6}, prediction={"errors": {"-1": 1, "1": 1}})
    plain = sentences(50, "SST-2")
    given_layer = Request(7, "SST-2", 7, 20, exit_layer=9)
    given_both = Request(8, "SST-2", 8, 20, exit_layer=3, predicted_layer=12)
    filled = draw(early_exit, [*plain[:7], given_layer, given_both, *plain[9:]], 12)
    without = draw(early_exit, plain, 12)
    assert filled[7].exit_layer == 9
    assert filled[7].predicted_layer in (8, 10)
    assert filled[8] == given_both
    assert (filled[:7], filled[9:]) == (without[:7], without[9:])


def test_streams_of_tasks_are_independent_and_seeded() -> None:
    early_exit = config(exit_layer={"mean": 6}, prediction={"errors": {"-1": 1, "1": 1}})
    alone = drawn(draw(early_exit, sentences(100, "SST-2"), 12), "SST-2")
    mixed = draw(early_exit, sentences(200, "SST-2", "QNLI"), 12)
    assert drawn(mixed, "SST-2") == alone
    assert drawn(mixed, "QNLI") != alone
    other = early_exit.model_copy(update={"seed": 2})
    assert drawn(draw(other, sentences(100, "SST-2"), 12), "SST-2") != alone
    # These numbers are part of the results of a workload: they must not change.
    assert [leaves for leaves, _ in alone[:12]] == [8, 2, 8, 8, 7, 1, 4, 2, 6, 11, 2, 1]


def test_requests_keep_their_order_and_the_rest_of_their_fields() -> None:
    requests = [Request(3, "SST-2", 5, 20, 2, deadline=9), Request(1, "RTE", 7, 30)]
    filled = draw(config(exit_layer=2), requests, 12)
    assert filled == [
        Request(3, "SST-2", 5, 20, 2, exit_layer=2, deadline=9),
        Request(1, "RTE", 7, 30, exit_layer=2),
    ]


# --- what is refused ---------------------------------------------------------------------------


class Workload(ConfigModel):
    early_exit: EarlyExitConfig


FORMS = "measured, a layer, {mean: 5.2} or {histogram: [3, 2, ...]}"
WRONG = [
    ("exit_layer: mesured", "exit_layer: expected 'measured', got the text 'mesured'; did you mean "
     "'measured'?"),
    ("exit_layer: 0", "exit_layer: input should be greater than or equal to 1, got 0"),
    ("exit_layer: 4.5", "exit_layer: expected a whole number, got 4.5"),
    ("exit_layer: true", f"exit_layer: expected {FORMS}, got true"),
    ("exit_layer: [4]", f"exit_layer: expected {FORMS}, got a list"),
    ("exit_layer: {mean: 0.5}", "exit_layer.mean: input should be greater than or equal to 1, got "
     "0.5"),
    ("exit_layer: {SST-2: 4, sst-2: 5}", "exit_layer.sst-2: task SST-2 stands twice; "
     "name every task once"),
    ("exit_layer: {SST-2: {men: 5}}", "exit_layer.SST-2.men: unknown key; did you mean 'mean'?"),
    ("exit_layer: {SST-2: [4]}", f"exit_layer.SST-2: expected {FORMS}, got a list"),
    ("exit_layer: {SST-2: {histogram: [1, -2]}}", "exit_layer.SST-2.histogram[1]: input should be "
     "greater than or equal to 0, got -2"),
    ("exit_layer: {SST-2: {histogram: [0, 0]}}", "exit_layer.SST-2.histogram: all weights are 0; "
     "expected one weight a layer, such as [3, 2, 1]"),
    ("threshold: 0", "threshold: input should be greater than 0, got 0"),
    ("threshold: {SST-2: 3}", "threshold.SST-2: input should be less than or equal to 1.1, got 3"),
    ("prediction: exat", "prediction: expected 'none', 'exact' or 'measured', got the text 'exat'; "
     "did you mean 'exact'?"),
    ("prediction: 3", "prediction: expected none, exact, measured or {errors: {-1: 1, 0: 7, 1: 2}}"
     ", got 3"),
    ("prediction: {errors: {x: 0.1}}", "prediction.errors.x: expected a whole number of layers as "
     "key, such as -1, 0 or 1"),
    ("prediction: {errors: {0: 0}}", "prediction.errors: all weights are 0; expected weights such "
     "as {-1: 1, 0: 7, 1: 2}"),
    ("prediction: {RTE: {errors: {0: -1}}}", "prediction.RTE.errors.0: input should be greater "
     "than or equal to 0, got -1"),
    ("at_prediction: stop", "at_prediction: expected 'exit' or 'continue', got the text 'stop'"),
    ("latency_target: 0 s", "latency_target: input should be greater than 0, got the text '0 s'"),
    ("tresh: 0.2", "tresh: unknown key; did you mean 'threshold'?"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_value_is_one_line(text: str, message: str) -> None:
    document = parse_document(f"early_exit: {{{text}}}", Path("w.yaml"))
    with pytest.raises(ConfigError, match=f"^{re.escape(f'w.yaml:1: early_exit.{message}')}$"):
        validate(document, Workload)


NOT_FOR_THIS_MODEL: list[tuple[dict[str, Any], str, int, str]] = [
    ({"exit_layer": "measured", "threshold": 0.28}, "SST-2", 24, "exit_layer: measured on 12 "
     "layers, and this model has 24; give a mean or a histogram, and prediction errors, of your "
     "own"),
    ({"exit_layer": "measured"}, "SST-2", 12, "threshold: task 'SST-2' needs a threshold for what "
     "is measured, such as 0.28"),
    ({"exit_layer": {"SST-2": "measured"}, "threshold": {"RTE": 0.2}}, "SST-2", 12, "threshold: "
     "task 'SST-2' needs a threshold for what is measured, such as 0.28"),
    ({"exit_layer": {"MRPC": "measured"}, "threshold": 0.28}, "MRPC", 12, "exit_layer.MRPC: no "
     "exit layers of task 'MRPC' were measured, only of SST-2, QNLI, MNLI; give its mean, such as "
     "{mean: 6}"),
    ({"exit_layer": "measured", "threshold": 0.285}, "SST-2", 12, "exit_layer: exit layers of SST-2"
     " were measured at thresholds from 0.05 to 0.65 in steps of 0.01, not at 0.285"),
    ({"exit_layer": "measured", "threshold": 0.61}, "QNLI", 12, "exit_layer: exit layers of QNLI "
     "were measured at thresholds from 0.05 to 0.60, not at 0.61"),
    ({"exit_layer": 4, "prediction": "measured", "threshold": 0.2}, "SST-2", 12, "prediction: no "
     "predictions of task 'SST-2' at threshold 0.2 were measured, only of SST-2 at 0.09, SST-2 at "
     "0.16, SST-2 at 0.28; write exact, none or {errors: {-1: 0.2, 0: 0.6, 1: 0.2}}"),
    ({"exit_layer": 7}, "RTE", 6, "exit_layer: layer 7 does not fit this model, which has 6 "
     "layers"),
    ({"exit_layer": {"RTE": {"mean": 6.5}}}, "RTE", 6, "exit_layer.RTE: a mean of 6.5 does not fit "
     "this model, which has 6 layers"),
    ({"exit_layer": {"histogram": [1, 2]}}, "RTE", 6, "exit_layer: a histogram of 2 layers does "
     "not fit this model, which has 6 layers"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "task", "layers", "message"), NOT_FOR_THIS_MODEL)
def test_what_does_not_fit_the_model_is_told_with_its_key(
    keys: dict[str, Any], task: str, layers: int, message: str
) -> None:
    early_exit = config(**keys)
    with pytest.raises(ConfigError, match=f"^{re.escape(f'early_exit.{message}')}$"):
        draw(early_exit, sentences(1, task), layers)
    found = early_exit.problems([task], {task: layers})
    assert message in [str(RuleError(problem)) for problem in found]


def test_a_task_that_the_workload_lacks_is_a_problem() -> None:
    early_exit = config(exit_layer={"SST-2": 4, "RTE": 3}, prediction={"MRPC": "exact"})
    assert list(early_exit.problems(["SST-2", "QNLI"], {"SST-2": 12, "QNLI": 12})) == [
        (("exit_layer", "RTE"), "not among the workload's tasks, which are SST-2, QNLI"),
        (("prediction", "MRPC"), "not among the workload's tasks, which are SST-2, QNLI"),
    ]


def test_a_request_without_an_exit_layer_is_refused() -> None:
    message = (
        r"^request 1 of task 'QNLI' has no exit layer; give one with the request or in "
        r"early_exit\.exit_layer$"
    )
    with pytest.raises(ConfigError, match=message):
        draw(config(exit_layer={"SST-2": 4}), sentences(2, "SST-2", "QNLI"), 12)


def test_a_request_that_leaves_after_the_last_layer_is_refused() -> None:
    message = r"^request 0 of task 'RTE' leaves after layer 13, and the model has 12 layers$"
    with pytest.raises(ConfigError, match=message):
        draw(config(), [Request(0, "RTE", 0, 20, exit_layer=13)], 12)
