from __future__ import annotations

import math
import re
from dataclasses import replace
from fractions import Fraction
from itertools import groupby, pairwise
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from request_inputs import context, pattern_of

from accelsim.errors import ConfigError
from accelsim.requests import REQUEST_PATTERNS, Request
from accelsim.requests.base import MAXIMUM_REQUESTS, ClosedLoop
from accelsim.requests.patterns.poisson import Poisson
from accelsim.units import TICKS_PER_SECOND as SECOND

POISSON = "pattern: poisson, mean_interval: 2 s, duration: 5000 s"
PERIODIC = "pattern: periodic, period: 3 s, duration: 100 s"
BURSTS = "pattern: bursts, mean_interval: 30 s, requests_per_burst: 5, gap: 1 s, duration: 20000 s"
OPEN_LOOP = [POISSON, PERIODIC, BURSTS]


def test_every_file_is_a_pattern() -> None:
    assert list(REQUEST_PATTERNS.all()) == [
        "at_rate", "bursts", "file", "periodic", "poisson", "round_robin",
    ]  # fmt: skip
    patterns = REQUEST_PATTERNS.all().items()
    closed = [name for name, pattern in patterns if issubclass(pattern, ClosedLoop)]
    assert closed == ["round_robin"]


def test_at_a_rate_are_the_first_requests_stretched() -> None:
    own = pattern_of(POISSON).generate(context())
    found = pattern_of(f"pattern: at_rate, rate: 4 Hz, first: 50, of: {{{POISSON}}}")
    requests = found.generate(context())
    # They come until the next one would.
    factor = Fraction(found.horizon(), own[50].arrival)
    assert found.horizon() == 50 * SECOND // 4
    for one, other in zip(requests, own[:50], strict=True):
        assert one.arrival == math.floor(other.arrival * factor)
        assert replace(one, arrival=other.arrival) == other


AT_RATE = "pattern: at_rate, rate: 4 Hz"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{AT_RATE}, first: 103, of: {{{PERIODIC}}}",
            r"requests\.first: periodic has 102 requests, fewer than 103; lower it",
        ),
        (
            f"{AT_RATE}, first: 1, of: {{{PERIODIC}, offset: {{MNLI: 1 s}}}}",
            r"requests\.of\.offset: there is no entry for MRPC, QNLI; .*",
        ),
        (
            f"{AT_RATE}, first: 1, of: {{pattern: poisson, mean_interval: 1 s}}",
            r"w\.yaml:1: requests\.of\.duration: this key is missing; .*",
        ),
    ],
)
def test_what_is_wrong_at_a_rate_is_told(text: str, message: str) -> None:
    def asked() -> None:
        pattern_of(text).generate(context())

    with pytest.raises(ConfigError, match=f"^{message}$"):
        asked()


def test_round_robin_asks_for_every_task_in_turn() -> None:
    pattern = pattern_of("pattern: round_robin, rounds: 2, sentences_per_task: 2")
    requests = pattern.generate(context("QNLI", "MNLI"))
    assert [(each.round, each.task) for each in requests] == [
        *[(0, "QNLI"), (0, "QNLI"), (0, "MNLI"), (0, "MNLI")],
        *[(1, "QNLI"), (1, "QNLI"), (1, "MNLI"), (1, "MNLI")],
    ]
    assert [each.number for each in requests] == list(range(8))
    assert {(each.arrival, each.tokens, each.deadline) for each in requests} == {(0, 128, None)}
    assert pattern.horizon() is None


@pytest.mark.parametrize("text", OPEN_LOOP)
def test_requests_come_in_order_within_the_duration(text: str) -> None:
    pattern = pattern_of(f"{text}, deadline: {{MNLI: 50 ms}}")
    requests = pattern.generate(context())
    assert [each.number for each in requests] == list(range(len(requests)))
    assert all(one.arrival <= two.arrival for one, two in pairwise(requests))
    assert requests[0].arrival >= 0
    assert requests[-1].arrival < pattern.horizon()
    for each in requests:
        due = each.arrival + SECOND // 20 if each.task == "MNLI" else None
        assert each.deadline == due


@pytest.mark.parametrize("text", OPEN_LOOP)
def test_the_seed_decides(text: str) -> None:
    first, again, other = (
        pattern_of(f"{text}, seed: {seed}").generate(context()) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert first == pattern_of(text).generate(context())


@pytest.mark.parametrize("text", [POISSON, BURSTS])
def test_the_order_of_the_tasks_does_not_matter(text: str) -> None:
    pattern = pattern_of(text)
    assert pattern.generate(context("QNLI", "MNLI", "MRPC")) == pattern.generate(context())


def test_a_task_draws_the_same_whatever_the_others() -> None:
    pattern = pattern_of(POISSON)

    def of_mnli(*tasks: str) -> list[Request]:
        requests = pattern.generate(context(*tasks))
        return [replace(each, number=0) for each in requests if each.task == "MNLI"]

    assert of_mnli("MNLI") == of_mnli("MNLI", "QNLI", "RTE")


def test_periodic_is_a_closed_form() -> None:
    text = "pattern: periodic, period: {MNLI: 3 s, QNLI: 1.5 s}, offset: {MNLI: 1 s, QNLI: 0 s}"
    requests = pattern_of(f"{text}, duration: 7 s").generate(context("MNLI", "QNLI"))
    assert [(each.arrival * 2 // SECOND, each.task) for each in requests] == [
        *[(0, "QNLI"), (2, "MNLI"), (3, "QNLI"), (6, "QNLI"), (8, "MNLI"), (9, "QNLI")],
        (12, "QNLI"),
    ]


@given(
    period=st.integers(1, 50),
    offset=st.integers(0, 300),
    duration=st.integers(1, 500),
)
def test_periodic_counts_as_range_does(period: int, offset: int, duration: int) -> None:
    text = f"pattern: periodic, period: {period} s, offset: {offset} s, duration: {duration} s"
    requests = pattern_of(text).generate(context("MNLI"))
    expected = range(offset, duration, period)
    assert [each.arrival for each in requests] == [time * SECOND for time in expected]


def test_simultaneous_requests_come_in_the_order_of_the_tasks() -> None:
    requests = pattern_of(PERIODIC).generate(context("QNLI", "CoLA"))
    assert [each.task for each in requests[:4]] == ["QNLI", "CoLA", "QNLI", "CoLA"]


def z_score(count: int, expected: float) -> float:
    return (count - expected) / math.sqrt(expected)


@pytest.mark.parametrize("seed", range(1, 4))
def test_poisson_counts_scatter_about_the_rate(seed: int) -> None:
    intervals = {"MNLI": 2, "MRPC": 5, "QNLI": 20}
    given_text = ", ".join(f"{task}: {seconds} s" for task, seconds in intervals.items())
    text = f"pattern: poisson, mean_interval: {{{given_text}}}, duration: 20000 s, seed: {seed}"
    requests = pattern_of(text).generate(context())
    for task, seconds in intervals.items():
        count = sum(each.task == task for each in requests)
        assert abs(z_score(count, 20000 / seconds)) < 3


def test_poisson_streams_add_up_to_one_of_the_summed_rate() -> None:
    requests = pattern_of(POISSON).generate(context())
    intervals = [(two.arrival - one.arrival) / SECOND for one, two in pairwise(requests)]
    rate = 3 / 2
    assert abs(z_score(len(requests), 5000 * rate)) < 3
    # Kolmogorov's distance to the exponential distribution; 1.36 is its 5 % point.
    count = len(intervals)
    distance = max(
        max(abs((1 - math.exp(-rate * x)) - step / count) for step in (index, index + 1))
        for index, x in enumerate(sorted(intervals))
    )
    assert distance * math.sqrt(count) < 1.36
    # Memoryless: which task comes next does not depend on the one before.
    repeats = sum(one.task == two.task for one, two in pairwise(requests))
    assert abs(repeats - count / 3) < 3 * math.sqrt(count * 2 / 9)


def test_bursts_keep_to_their_means() -> None:
    text = "pattern: bursts, mean_interval: 1000 s, requests_per_burst: 5, gap: 1 s"
    weights = "weights: {MNLI: 3, MRPC: 1, QNLI: 0}"
    requests = pattern_of(f"{text}, {weights}, duration: 9e6 s").generate(context())
    # A pause of 20 s is within a burst with a chance of 2e-9, between bursts with one of 0.98.
    bursts = [[requests[0]]]
    for one, two in pairwise(requests):
        if two.arrival - one.arrival > 20 * SECOND:
            bursts.append([])
        bursts[-1].append(two)
    count = len(bursts)
    assert abs(z_score(count, 9e6 / 1004)) < 4
    assert mean(map(len, bursts)) == pytest.approx(5, rel=0.06)
    inside = [b.arrival - a.arrival for burst in bursts for a, b in pairwise(burst)]
    assert mean(inside) / SECOND == pytest.approx(1, rel=0.15)
    # A burst is of one task, unless two ran together (2 % of them).
    pure = [burst[0].task for burst in bursts if len({each.task for each in burst}) == 1]
    assert len(pure) > 0.98 * count
    assert abs(pure.count("MNLI") / len(pure) - 3 / 4) < 3 * math.sqrt(3 / 16 / len(pure))
    assert "QNLI" not in pure


def test_bursts_of_one_request_are_a_poisson_stream() -> None:
    text = "pattern: bursts, mean_interval: 2 s, requests_per_burst: 1, gap: 1 s, duration: 20000 s"
    requests = pattern_of(text).generate(context())
    assert abs(z_score(len(requests), 10000)) < 3
    for task in ("MNLI", "MRPC", "QNLI"):
        assert abs(z_score(sum(each.task == task for each in requests), 10000 / 3)) < 3


def test_a_burst_without_gap_comes_at_once() -> None:
    text = "pattern: bursts, mean_interval: 1 s, requests_per_burst: 50, gap: 0 s, duration: 20 s"
    requests = pattern_of(text).generate(context())
    sizes = [len(list(group)) for _, group in groupby(requests, key=lambda each: each.arrival)]
    assert max(sizes) > 50


def halves_up(exact: Fraction) -> int:
    return math.floor(exact + Fraction(1, 2))


@pytest.mark.parametrize("text", OPEN_LOOP)
@pytest.mark.parametrize("factor", ["0.1", "3", "0.7", "1e-3", "17.25"])
def test_the_rate_factor_divides_times_exactly(text: str, factor: str) -> None:
    text = re.sub("duration: .*", "duration: 900 s, deadline: 40 ms", text)
    plain, scaled = pattern_of(text), pattern_of(f"{text}, rate_factor: {factor}")
    one, other = plain.generate(context()), scaled.generate(context())
    assert len(one) == len(other) > 50
    for before, after in zip(one, other, strict=True):
        assert after.arrival == halves_up(Fraction(before.arrival) / Fraction(factor))
        assert after.deadline == after.arrival + SECOND // 25
        assert (after.task, after.tokens) == (before.task, before.tokens)
    assert scaled.horizon() == halves_up(900 * SECOND / Fraction(factor))
    copied = plain.model_copy(update={"rate_factor": float(factor)})
    assert copied.generate(context()) == other


@settings(max_examples=30)
@given(time=st.integers(0, 10**22), factor=st.floats(1e-6, 1e6))
def test_scaling_rounds_once(time: int, factor: float) -> None:
    pattern = Poisson.model_construct(rate_factor=factor)
    assert pattern.scaled(time) == halves_up(time / Fraction(repr(factor)))


BAD_TEXT = {
    "pattern: poison, duration: 1 s": (
        "requests.pattern: expected 'at_rate', 'bursts', 'file', 'periodic', 'poisson' or "
        "'round_robin', got the text 'poison'; did you mean 'poisson'?"
    ),
    "rounds: 3": (
        "requests.pattern: this key is missing; expected 'at_rate', 'bursts', 'file', 'periodic', "
        "'poisson' or 'round_robin'"
    ),
    "pattern: poisson, mean_interval: 0 s, duration: 1 s": (
        "requests.mean_interval: input should be greater than 0, got the text '0 s'"
    ),
    "pattern: poisson, mean_interval: {QNLI: 0 s}, duration: 1 s": (
        "requests.mean_interval.QNLI: input should be greater than 0, got the text '0 s'"
    ),
    "pattern: periodic, period: {RTE: 1 s, rte: 2 s}, duration: 1 s": (
        "requests.period.rte: task RTE stands twice; name every task once"
    ),
    "pattern: poisson, mean_interval: 1 s, duration: 2e7 s": (
        "requests.duration: 2e7 s is too large; expected at most 1e7 s"
    ),
    "pattern: poisson, mean_interval: 1 s, duration: 1 s, rate_factor: 0": (
        "requests.rate_factor: input should be greater than 0, got 0"
    ),
    "pattern: poisson, mean_interval: 1 s, duration: 1 s, seed: -1": (
        "requests.seed: input should be greater than or equal to 0, got -1"
    ),
    "pattern: bursts, mean_interval: 1 s, gap: 1 s, requests_per_burst: 0.5, duration: 1 s": (
        "requests.requests_per_burst: input should be greater than or equal to 1, got 0.5"
    ),
    f"{BURSTS}, weights: {{MNLI: 0}}": (
        "requests.weights: expected at least one weight above 0, got none"
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD_TEXT.items())
def test_a_wrong_pattern_has_one_message(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(f'w.yaml:1: {message}')}$"):
        pattern_of(text)


MANY = "requests are too many; expected at most 2,000,000: ask less often or for a shorter time"
BAD_FOR_THE_WORKLOAD = {
    "pattern: poisson, mean_interval: {MNLI: 1 s, RTE: 1 s}, duration: 1 s": (
        "requests.mean_interval.RTE: not among the workload's tasks; its tasks: MNLI, MRPC, QNLI"
    ),
    "pattern: poisson, mean_interval: {QNLY: 1 s}, duration: 1 s": (
        "requests.mean_interval.QNLY: not among the workload's tasks; did you mean 'QNLI'?"
    ),
    "pattern: poisson, mean_interval: 1 s, deadline: {QNLY: 1 s}, duration: 1 s": (
        "requests.deadline.QNLY: not among the workload's tasks; did you mean 'QNLI'?"
    ),
    f"{PERIODIC}, offset: {{MNLI: 1 s, MRPC: 0 s}}": (
        "requests.offset: there is no entry for QNLI; name every task of the workload"
    ),
    f"{BURSTS}, weights: {{MNLI: 1, MRPC: 0}}": (
        "requests.weights: there is no entry for QNLI; name every task of the workload"
    ),
    f"{POISSON}, rate_factor: 1e-4": (
        "requests.rate_factor: stretches the duration to 50,000,000 s; expected at most "
        "10,000,000 s: raise it or shorten the duration"
    ),
    "pattern: poisson, mean_interval: 1 us, duration: 1 s": f"requests.duration: 3,000,000 {MANY}",
    "pattern: periodic, period: 1 fs, duration: 1e7 s": (
        f"requests.duration: 30,000,000,000,000,000,000,000 {MANY}"
    ),
    "pattern: bursts, mean_interval: 1 s, gap: 0 s, requests_per_burst: 3, duration: 1e6 s": (
        f"requests.duration: 3,000,000 {MANY}"
    ),
    "pattern: round_robin, rounds: 1000000": f"requests.rounds: 3,000,000 {MANY}",
}


@pytest.mark.parametrize(("text", "message"), BAD_FOR_THE_WORKLOAD.items())
def test_a_pattern_that_does_not_fit_the_workload(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        pattern_of(text).generate(context())


def test_more_requests_than_the_mean_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Poisson, "expected_requests", lambda *_: 0.0)
    monkeypatch.setattr("accelsim.requests.base.MAXIMUM_REQUESTS", 10)
    pattern = pattern_of("pattern: poisson, mean_interval: 1 s, duration: 100 s")
    message = r"^requests: \d+ requests are too many; expected at most 10: ask less .* time$"
    with pytest.raises(ConfigError, match=message):
        pattern.generate(context())
    assert MAXIMUM_REQUESTS == 2_000_000
