from __future__ import annotations

import re
from statistics import mean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from request_inputs import context, pattern_of

from accelsim.errors import ConfigError
from accelsim.model.tasks import GLUE_TASKS
from accelsim.requests.draws import geometric, lognormal, stream
from accelsim.requests.lengths import (
    GLUE_MEAN_TOKENS,
    LengthDistribution,
    Lengths,
    glue_lengths,
)
from accelsim.requests.request import RequestContext

# Bytes and examples of GLUE's configurations: dataset card of huggingface.co/datasets/nyu-mll/glue.
# MNLI's development and test sets stand in two configurations of their own.
CARD = {
    "train": {
        "cola": (489149, 8551),
        "sst2": (4715283, 67349),
        "mrpc": (946146, 3668),
        "qqp": (50901116, 363846),
        "stsb": (758394, 5749),
        "mnli": (74865118, 392702),
        "qnli": (25677924, 104743),
        "rte": (848888, 2490),
        "wnli": (107517, 635),
    },
    "development": {
        "cola": (60850, 1043),
        "sst2": (106692, 872),
        "mrpc": (106142, 408),
        "qqp": (5653794, 40430),
        "stsb": (217012, 1500),
        "mnli_matched": (1839926, 9815),
        "mnli_mismatched": (1955384, 9832),
        "qnli": (1371727, 5463),
        "rte": (90911, 277),
        "wnli": (12215, 71),
    },
    "test": {
        "cola": (61049, 1063),
        "sst2": (217556, 1821),
        "mrpc": (443498, 1725),
        "qqp": (55171431, 390965),
        "stsb": (170847, 1379),
        "mnli_matched": (1854787, 9796),
        "mnli_mismatched": (1956866, 9847),
        "qnli": (1376516, 5463),
        "rte": (975936, 3000),
        "wnli": (37992, 146),
    },
}
# Bytes and examples of the same splits, tokenised: card of huggingface.co/datasets/
# gmongaras/BERT_Base_Cased_512_GLUE_Mapped. A row has a label of 8 bytes, the name of its
# configuration, and three lists (input_ids of 4 bytes a token, token_type_ids and attention_mask of
# 1); the name and each list have an offset of 4 bytes. The column's names are assumed: they explain
# the number of rows, and fit best.
TOKENISED = {
    "train": (232895922, 949728),
    "development": (17255970, 69711),
    "test": (96102951, 425205),
}
SINGLE = ("cola", "sst2")


def text_bytes(name: str, size: int, examples: int) -> int:
    row = 4 * (1 if name in SINGLE else 2) + (4 if name == "stsb" else 8) + 4
    return size - row * examples


def special_tokens(name: str) -> int:
    return 2 if name in SINGLE else 3


def bytes_a_token() -> tuple[float, float, float]:
    """Fit the ratios of QQP and of the other tasks; the third is the worst relative misfit."""
    rows, tokens = [], []
    for split, parts in CARD.items():
        size, examples = TOKENISED[split]
        # Five sentences of the training set are longer than 512 tokens and were left out.
        assert 0 <= sum(count for _, count in parts.values()) - examples <= 5
        names = sum(len(name) * count for name, (_, count) in parts.items())
        special = sum(special_tokens(name) * count for name, (_, count) in parts.items())
        tokens.append((size - examples * (8 + 4 * 4) - names) / 6 - special)
        texts = {name: text_bytes(name, *part) for name, part in parts.items()}
        rows.append([texts["qqp"], sum(texts.values()) - texts["qqp"]])
    matrix, target = np.array(rows, float), np.array(tokens)
    # Relative errors count, or the training set alone would decide.
    solution, *_ = np.linalg.lstsq(matrix / target[:, None], np.ones(3), rcond=None)
    worst = float(np.max(np.abs(matrix @ solution / target - 1)))
    return 1 / solution[0], 1 / solution[1], worst


def test_two_ratios_meet_all_three_splits() -> None:
    qqp, others, worst = bytes_a_token()
    assert (round(float(qqp), 2), round(float(others), 2)) == (4.15, 4.56)
    assert worst < 0.0065


@pytest.mark.parametrize("task", GLUE_MEAN_TOKENS)
def test_mean_lengths_follow_from_the_cards(task: str) -> None:
    qqp, others, _ = bytes_a_token()
    name = task.lower().replace("-", "")
    parts = {each: part for each, part in CARD["development"].items() if each.startswith(name)}
    text = sum(text_bytes(each, *part) for each, part in parts.items())
    mean_text = text / sum(count for _, count in parts.values())
    tokens = mean_text / (qqp if task == "QQP" else others) + special_tokens(name)
    assert round(float(tokens), 1) == GLUE_MEAN_TOKENS[task]


def test_deviations_follow_from_the_word_counts_of_rte() -> None:
    # examples/GLUE/README.md of microsoft/PyMarlin: words of both sentences, training set.
    (first, first_deviation), (second, second_deviation) = (
        (43.565462, 32.389776),
        (8.790361, 4.396781),
    )
    assert second_deviation / second == pytest.approx(0.50, abs=0.005)
    pair = (first_deviation**2 + second_deviation**2) ** 0.5 / (first + second)
    assert pair == pytest.approx(0.62, abs=0.005)
    found = glue_lengths()
    assert found["RTE"].deviation == pytest.approx(0.62 * (70.6 - 3))
    assert found["CoLA"].deviation == pytest.approx(0.50 * (11.3 - 2))
    assert list(found) == [task.name for task in GLUE_TASKS]


def test_a_lognormal_has_its_mean_and_deviation() -> None:
    source = stream(1, "test")
    drawn = [lognormal(source, 40, 18) for _ in range(20_000)]
    assert mean(drawn) == pytest.approx(40, abs=4 * 18 / 20_000**0.5)
    assert stdev(drawn) == pytest.approx(18, rel=0.04)
    ordered = sorted(drawn)
    # Its median is mean / sqrt(1 + (deviation / mean)^2).
    assert ordered[10_000] == pytest.approx(40 / (1 + (18 / 40) ** 2) ** 0.5, rel=0.02)


def test_a_geometric_has_its_mean_and_no_memory() -> None:
    source = stream(1, "test")
    drawn = [geometric(source, 4) for _ in range(20_000)]
    assert min(drawn) == 1
    assert mean(drawn) == pytest.approx(4, abs=4 * 12**0.5 / 20_000**0.5)
    longer = [number for number in drawn if number > 3]
    assert mean(longer) == pytest.approx(7, abs=0.2)
    assert {geometric(source, 1) for _ in range(10)} == {1}


def draw_all(lengths: object, count: int, sequence_length: int = 128, task: str = "QNLI") -> list:
    where = RequestContext((task,), sequence_length, 12, context().folder)
    drawn = Lengths(lengths, 1, where)
    return [drawn.draw(task) for _ in range(count)]


def test_sentences_are_truncated_and_never_empty() -> None:
    long = draw_all("glue", 2000, 4096)
    short = draw_all("glue", 2000, 32)
    # A tokenizer cuts what is too long and leaves the rest as it is.
    assert short == [min(tokens, 32) for tokens in long]
    assert short.count(32) > 1000
    assert min(draw_all(LengthDistribution(mean=3, deviation=30), 2000)) == 3
    assert draw_all("glue", 5, 2) == [2] * 5


def test_full_and_fixed_lengths() -> None:
    assert draw_all("full", 5, 77) == [77] * 5
    assert draw_all(LengthDistribution(mean=20), 5) == [20] * 5


@given(seed=st.integers(0, 10**6))
def test_tasks_draw_from_streams_of_their_own(seed: int) -> None:
    alone = Lengths("glue", seed, context("MNLI"))
    among = Lengths("glue", seed, context("QNLI", "MNLI"))
    among.draw("QNLI")
    assert [alone.draw("MNLI") for _ in range(5)] == [among.draw("MNLI") for _ in range(5)]


def test_lengths_are_those_of_the_tasks_unless_told_otherwise() -> None:
    text = "pattern: periodic, period: 1 s, duration: 5000 s"
    for task in ("CoLA", "SST-2", "QQP"):
        requests = pattern_of(text).generate(context(task))
        expected = GLUE_MEAN_TOKENS[task]
        assert mean(each.tokens for each in requests) == pytest.approx(expected, rel=0.03)
    full = pattern_of(f"{text}, lengths: full").generate(context())
    assert {each.tokens for each in full} == {128}
    text = f"{text}, lengths: {{MNLI: {{mean: 9}}, QNLI: {{mean: 200}}}}"
    mixed = pattern_of(text).generate(context("MNLI", "QNLI"))
    assert {(each.task, each.tokens) for each in mixed} == {("MNLI", 9), ("QNLI", 128)}


BAD_LENGTHS = {
    "glu": "requests.lengths: expected 'full' or 'glue', got the text 'glu'; did you mean 'glue'?",
    "4": "requests.lengths: expected 'full' or 'glue', got 4",
    "{mean: 2}": "requests.lengths.mean: input should be greater than or equal to 3, got 2",
    "{deviation: 2}": (
        "requests.lengths.mean: this key is missing; expected a number or a mapping with mean"
    ),
    "{MNLI: {mean: 9, deviation: -1}}": (
        "requests.lengths.MNLI.deviation: input should be greater than or equal to 0, got -1"
    ),
    "{MNLI: {mean: 9}, mnli: {mean: 8}}": (
        "requests.lengths.mnli: task MNLI stands twice; name every task once"
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD_LENGTHS.items())
def test_wrong_lengths_have_one_message(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(f'w.yaml:1: {message}')}$"):
        pattern_of(f"pattern: round_robin, rounds: 1, lengths: {text}")


def test_lengths_by_task_name_all_tasks() -> None:
    pattern = pattern_of("pattern: round_robin, rounds: 1, lengths: {MNLI: {mean: 9}}")
    message = "requests.lengths: there is no entry for QNLI; name every task of the workload"
    with pytest.raises(ConfigError, match=f"^{message}$"):
        pattern.generate(context("MNLI", "QNLI"))
