"""Traces of other people: their columns, their clocks, their order, their lengths.

The rows of Azure and Mooncake are the first of Azure's LLM inference trace 2023 (CC-BY-4.0) as
converted by microsoft/vidur 7d47513 (MIT), and of kvcache-ai/Mooncake 3b5a594 (Apache-2.0).
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from request_inputs import context, pattern_of
from small_workload import small_workload

from accelsim.errors import ConfigError
from accelsim.evaluation.examine import examine_workload
from accelsim.report.run import run_report
from accelsim.requests import Requests
from accelsim.requests.times import parse_time
from accelsim.units import TICKS_PER_SECOND as SECOND

AZURE = """\
arrived_at,num_prefill_tokens,num_decode_tokens
0.0,374,44
4.314579,396,109
4.541877,79,55
"""
AZURE_COLUMNS = "columns: {arrival: 'arrived_at [s]', tokens: num_prefill_tokens}, task: MNLI"
MOONCAKE = """\
{"timestamp": 0, "input_length": 40160, "output_length": 6, "hash_ids": [0, 1, 2]}

{"timestamp": 277, "input_length": 32, "output_length": 92, "hash_ids": [198, 199]}
"""
MOONCAKE_COLUMNS = "columns: {arrival: 'timestamp [ms]', tokens: input_length}, task: QNLI"


def read(folder: Path, text: str, options: str) -> Requests:
    (folder / "t.csv").write_text(text)
    return pattern_of(f"pattern: file, path: t.csv, {options}").generate(context(folder=folder))


def refused(folder: Path, text: str, options: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, options)
    return str(caught.value).removeprefix(f"{folder / 't.csv'}:")


def test_azures_trace(tmp_path: Path) -> None:
    found = read(tmp_path, AZURE, f"{AZURE_COLUMNS}, too_long: truncate")
    assert [(r.arrival, r.task, r.tokens) for r in found] == [
        (0, "MNLI", 128),
        (4_314_579 * SECOND // 10**6, "MNLI", 128),
        (4_541_877 * SECOND // 10**6, "MNLI", 79),
    ]
    assert found.notes == (
        "columns not read: num_decode_tokens",
        "2 of 3 sentences are longer than 128 tokens (sequence_length): truncated",
        "all for task MNLI",
    )


def test_mooncakes_json_lines(tmp_path: Path) -> None:
    found = read(tmp_path, MOONCAKE, f"{MOONCAKE_COLUMNS}, too_long: drop")
    assert [(r.number, r.arrival, r.tokens) for r in found] == [(0, 277 * SECOND // 1000, 32)]
    assert found.notes[1].startswith("1 of 2 sentences")


def test_keys_within_others_and_numbers_of_pandas(tmp_path: Path) -> None:
    text = '{"at": {"ms": 5}, "size": {"in": 9.0, "out": {"n": 1}}}\n'
    columns = "columns: {arrival: 'at.ms [ms]', tokens: size.in}, task: MNLI"
    [one] = read(tmp_path, text, columns)
    assert (one.arrival, one.tokens) == (5 * SECOND // 1000, 9)


def test_a_row_longer_than_the_sequence_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, AZURE, AZURE_COLUMNS).startswith(
        "2: tokens: 374 tokens are more than the sequence_length of 128; raise it, or set "
        "requests.too_long to truncate, split or drop"
    )


@pytest.mark.parametrize("zone", ["", "Z", "+00:00"])
def test_dates_count_from_the_first(tmp_path: Path, zone: str) -> None:
    text = (
        f"TIMESTAMP;ContextTokens\n2023-11-16 18:15:46.6805900{zone};9\n"
        f"2023-11-17T18:15:47{zone};8\n"
    )
    options = "columns: {arrival: timestamp, tokens: contexttokens}, task: MNLI"
    found = read(tmp_path, text, f"{options}, origin: first")
    assert [r.arrival for r in found] == [0, 86400 * SECOND + 31941 * SECOND // 100000]
    assert "requests.origin: first counts dates" in refused(tmp_path, text, options)


@pytest.mark.parametrize("order", ["sort: true", "sort: false"])
def test_before_1970_and_below_zero(tmp_path: Path, order: str) -> None:
    text = "arrival,task,tokens\n{},MNLI,9\n{},MNLI,8\n"
    for first, second in (("1969-12-31 23:59:58", "1969-12-31 23:59:59"), ("-5 s", "-4 s")):
        found = read(tmp_path, text.format(first, second), f"origin: first, {order}")
        assert [r.arrival for r in found] == [0, SECOND]


def test_a_date_is_exact_and_has_a_zone() -> None:
    assert parse_time("1970-01-01 00:00:01.000000000000001") == SECOND + 1
    assert parse_time("1970-01-01T01:00:00+01:00") == 0


@pytest.mark.parametrize("text", ["2023-02-30 00:00:00", "2023-01-01 25:00:00"])
def test_a_date_that_is_none(tmp_path: Path, text: str) -> None:
    rows = f"arrival,task,tokens\n{text},MNLI,9\n"
    assert "is no date: " in refused(tmp_path, rows, "origin: first")


def test_unix_times_in_any_order(tmp_path: Path) -> None:
    text = "arrival [ms]\ttask\ttokens\n1700158547680\tMNLI\t9\n1700158546680\tqnli\t8\n"
    found = read(tmp_path, text, "origin: first, sort: true")
    assert [(r.number, r.task, r.arrival) for r in found] == [(0, "QNLI", 0), (1, "MNLI", SECOND)]
    assert found.notes == ("1 rows stood after a later one: sorted",)
    assert "sort the rows by arrival or set requests.sort" in refused(
        tmp_path, text, "origin: first"
    )


def test_times_that_span_too_long(tmp_path: Path) -> None:
    text = "arrival [s],task,tokens\n5,MNLI,9\n10000006,MNLI,9\n"
    assert refused(tmp_path, text, "origin: first").startswith(
        "3: arrival: 10000001 s after the first arrival; expected at most 1e7 s"
    )


PLAIN = "arrival [s],tokens\n" + "".join(f"{n},9\n" for n in range(400))


def test_tasks_in_turn_and_by_weight(tmp_path: Path) -> None:
    turn = read(tmp_path, PLAIN, "task: [mnli, QNLI, MRPC]")
    assert [r.task for r in turn[:4]] == ["MNLI", "QNLI", "MRPC", "MNLI"]
    drawn = read(tmp_path, PLAIN, "task: {MNLI: 3, QNLI: 1}, seed: 2")
    assert drawn == read(tmp_path, PLAIN, "task: {MNLI: 3, QNLI: 1}, seed: 2")
    assert drawn != read(tmp_path, PLAIN, "task: {MNLI: 3, QNLI: 1}, seed: 3")
    # Six standard deviations of 400 draws.
    assert abs(Counter(r.task for r in drawn)["MNLI"] - 300) < 52


@given(tokens=st.integers(1, 5000))
def test_parts_of_a_sentence_hold_its_text(
    tmp_path_factory: pytest.TempPathFactory, tokens: int
) -> None:
    text = f"arrival,task,tokens,deadline\n1 s,MNLI,{tokens},2 s\n1 s,QNLI,9,\n"
    found = read(tmp_path_factory.getbasetemp(), text, "too_long: split")
    parts = found[:-1]
    assert max(part.tokens for part in parts) <= 128
    if tokens > 128:
        assert sum(part.tokens - 2 for part in parts) == tokens - 2
        assert len(parts) == -(-(tokens - 2) // 126)
    assert {(part.task, part.arrival, part.deadline) for part in parts} == {
        ("MNLI", SECOND, 2 * SECOND)
    }
    assert [request.number for request in found] == list(range(len(found)))


def test_too_many_parts(tmp_path: Path) -> None:
    text = "arrival,task,tokens\n1 s,MNLI,999999999999999999\n"
    assert "requests are too many" in refused(tmp_path, text, "too_long: split")


def test_nothing_is_left(tmp_path: Path) -> None:
    text = "arrival,task,tokens\n1 s,MNLI,999\n"
    assert "dropped; none is left: raise sequence_length" in refused(
        tmp_path, text, "too_long: drop"
    )


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (AZURE, "task: MNLI", "say in requests.columns what your file calls them"),
        (AZURE, "columns: {arrival: arrived_at}, task: MNLI", "column 'tokens' is missing"),
        (
            AZURE,
            "columns: {tokens: num_prefil_tokens}, task: MNLI",
            "requests.columns.tokens: there is no column 'num_prefil_tokens'; did you mean "
            "'num_prefill_tokens'?",
        ),
        (
            AZURE,
            "columns: {arrival: arrived_at, tokens: num_decode_tokens}, task: MNLI",
            "2: arrival: expected a unit after 0.0",
        ),
        (PLAIN, "task: SST-2", "requests.task: the text 'SST-2' is not among the workload's"),
        (PLAIN, "task: 3", "requests.task"),
        (PLAIN, "sort: false", "column 'task' is missing"),
        (
            '{"arrival": 1',
            "sort: true",
            "1: not JSON, or a key stands twice; ",
        ),
        (
            "{" + '"a":[' * 100_000,
            "sort: true",
            "1: not JSON, or a key stands twice; ",
        ),
        ('{"arrival":1,"a":{"b":1},"a.b":2}', "sort: true", "1: not JSON, or a key stands twice"),
        ("[\n", "sort: true", "1: a JSON list; write one object a line"),
        ('[{"arrival": 1}]', "sort: true", "1: a JSON list; write one object a line"),
        (
            "ts,tokens\n1700000000000,9\n",
            "columns: {arrival: 'ts [s]', tokens: tokens}, task: MNLI, origin: first",
            "2: arrival: 1700000000000 s is later than the year 5000; is the unit right?",
        ),
        (
            '{"arrival":"1 s","task":"MNLI","tokens":9}\n'
            '{"arrival":"1 s","task":"MNLI","tokens":9,"deadline":"1 s"}',
            "sort: true",
            "2: the first line has no 'deadline'; write it there as null",
        ),
        (
            '{"arrival":"1 s","task":"MNLI","tokens":[9]}',
            "sort: true",
            "1: tokens: expected a whole number of at least 1, got the text 'a list'",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, options: str, message: str) -> None:
    assert re.escape(message) in re.escape(refused(tmp_path, text, options))


def test_a_report_says_how_a_trace_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.csv").write_text("arrival [s],tokens\n0,90\n1,9\n")
    requests = f"pattern: file, path: {tmp_path / 't.csv'}, task: MNLI, too_long: truncate"
    workload = small_workload(f"requests={{{requests}}}")
    result = examine_workload(workload)
    notes = result.request_notes
    monkeypatch.setattr("accelsim.evaluation.examine._LONG_STREAM", 1)
    assert examine_workload(workload, workers=2).request_notes == notes
    assert notes[0].startswith("1 of 2 sentences are longer than ")
    made = run_report(result, ["run"])
    assert f"Requests: {'; '.join(notes)}" in made.about
    assert tuple(made.document["requests"]["notes"]) == notes
