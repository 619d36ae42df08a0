from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from request_inputs import context, pattern_of, trace_maker

from accelsim.errors import ConfigError
from accelsim.requests import Request
from accelsim.requests.times import parse_time, seconds_text
from accelsim.requests.trace_file import read_requests
from accelsim.requests.trace_format import TraceFormat
from accelsim.units import TICKS_PER_SECOND as SECOND

MILLI = SECOND // 1000
LONGEST = 10**7 * SECOND


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace.csv"


def read(path: Path, text: str | bytes) -> list[Request]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_requests(path, context(), TraceFormat())


def test_a_file_with_everything(trace: Path) -> None:
    text = """\
# a comment with a lone quote: "
tokens, task, arrival, deadline [ms], exit_layer, predicted_layer

41, mnli, 12.5 s, 12700, 6, 7
# another
23, QNLI, 12500.25 ms,,,
128, "MRPC", 0.5 h, , 12, 1
,,,,,
"""
    assert read(trace, text) == [
        Request(0, "MNLI", 12_500 * MILLI, 41, 0, 6, 7, 12_700 * MILLI),
        Request(1, "QNLI", 12_500 * MILLI + MILLI // 4, 23),
        Request(2, "MRPC", 1800 * SECOND, 128, 0, 12, 1),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks_do_not_matter(trace: Path, end: str, mark: str) -> None:
    lines = ["arrival [us],task,tokens", "1,MNLI,3", "2.5,MNLI,4"]
    requests = read(trace, mark + end.join(lines))
    assert [(each.arrival, each.tokens) for each in requests] == [
        (SECOND // 10**6, 3),
        (SECOND // 10**6 * 5 // 2, 4),
    ]


def layers() -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(1, 12)


@st.composite
def request_lists(draw: st.DrawFn) -> list[Request]:
    arrivals = sorted(draw(st.lists(st.integers(0, LONGEST), min_size=1, max_size=8)))
    return [
        Request(
            number,
            draw(st.sampled_from(["MNLI", "MRPC", "QNLI"])),
            arrival,
            draw(st.integers(1, 128)),
            exit_layer=draw(layers()),
            predicted_layer=draw(layers()),
            deadline=draw(st.none() | st.integers(arrival, LONGEST)),
        )
        for number, arrival in enumerate(arrivals)
    ]


@settings(max_examples=50)
@given(requests=request_lists())
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, requests: list) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip.csv"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(trace_maker().requests_csv(requests))
    assert read_requests(path, context(), TraceFormat()) == requests


def test_only_used_columns_are_written() -> None:
    plain = Request(0, "MNLI", 5 * MILLI, 3)
    assert list(trace_maker().requests_csv([plain])) == [
        "arrival [s],task,tokens\n",
        "0.005,MNLI,3\n",
    ]
    due = Request(1, "QNLI", SECOND, 4, deadline=2 * SECOND + 1)
    assert list(trace_maker().requests_csv([plain, due])) == [
        "arrival [s],task,tokens,deadline [s]\n",
        "0.005,MNLI,3,\n",
        "1,QNLI,4,2.000000000000001\n",
    ]


@given(time=st.integers(0, LONGEST))
def test_times_are_exact(time: int) -> None:
    assert parse_time(seconds_text(time) + " s") == time
    assert Fraction(seconds_text(time)) * SECOND == time
    assert parse_time(f"{time}fs") == parse_time(str(time), "fs") == time


HEAD = "arrival,task,tokens,exit_layer,deadline\n"
GOOD = "1 s,MNLI,20,,\n"

TOO_LATE = "requests.origin: first counts dates and Unix times from the first arrival"
OTHER = "or say in requests.columns what your file calls them"

# The text of a file, and its problems below the file's name.
BAD = {
    HEAD + "-1 s,MNLI,20,,": "2: arrival: -1 s is negative; times count from the start, 0 s",
    HEAD + GOOD + "\n0.5 s,MNLI,20,,": (
        "4: arrival: 0.5 s is before 1 s, of a row above; sort the rows by arrival or set "
        "requests.sort to true"
    ),
    HEAD + "1,MNLI,20,,": ("2: arrival: expected a unit after 1, such as 1 s; got none"),
    HEAD + "soon,MNLI,20,,": ("2: arrival: expected a time such as 12.5 s, got the text 'soon'"),
    "arrival [s],task,tokens\nsoon,MNLI,20": (
        "2: arrival: expected a number of s, got the text 'soon'"
    ),
    "arrival [s],task,tokens\n1 s,MNLI,20": (
        "2: arrival: expected a bare number of s, the column's unit; got '1 s'"
    ),
    HEAD + "1 kg,MNLI,20,,": "2: arrival: unknown unit 'kg'",
    HEAD + "1 mW,MNLI,20,,": "2: arrival: expected a unit of s, got 'mW', a unit of W",
    HEAD + "1e8 s,MNLI,20,,": "2: arrival: 1e8 s is too large; expected at most 1e7 s; " + TOO_LATE,
    HEAD + "1e99 s,MNLI,20,,": (
        "2: arrival: 1e99 s is later than the year 5000; is the unit right?"
    ),
    HEAD + ",MNLI,20,,": "2: arrival: this cell is empty; expected a value",
    HEAD + "1 s,MNLY,20,,": (
        "2: task: the text 'MNLY' is not among the workload's tasks; did you mean 'MNLI'?; or "
        "add it to tasks"
    ),
    HEAD + "1 s,RTE,20,,": (
        "2: task: the text 'RTE' is not among the workload's tasks; its tasks: MNLI, MRPC, QNLI; "
        "or add it to tasks"
    ),
    HEAD + "1 s,MNLI,0,,": "2: tokens: expected a whole number of at least 1, got the text '0'",
    HEAD + "1 s,MNLI,2.5,,": "2: tokens: expected a whole number of at least 1, got the text '2.5'",
    HEAD + "1 s,MNLI,٣,,": "2: tokens: expected a whole number of at least 1, got the text '٣'",
    HEAD + "1 s,MNLI,129,,": (
        "2: tokens: 129 tokens are more than the sequence_length of 128; raise it, or set "
        "requests.too_long to truncate, split or drop"
    ),
    HEAD + "1 s,MNLI,20,13,": "2: exit_layer: expected a layer from 1 to 12, got 13",
    HEAD + "1 s,MNLI,20,0,": (
        "2: exit_layer: expected a whole number of at least 1, got the text '0'"
    ),
    HEAD + "1 s,MNLI,20,,999 ms": (
        "2: deadline: 0.999 s is before the arrival, 1 s; deadlines count from the start"
    ),
    HEAD + "1 s,MNLI,20": ("2: expected 5 cells, arrival,task,tokens,exit_layer,deadline; got 3"),
    HEAD + "1 s,MNLI,20,,,": (
        "2: expected 5 cells, arrival,task,tokens,exit_layer,deadline; got 6"
    ),
    HEAD + '1 s,"MNLI,20,,\n': "2: not CSV: unexpected end of data; write one request a line",
    "arrival,task,token\n" + GOOD: ("1: unknown column 'token'; did you mean 'tokens'?; " + OTHER),
    "arrival,task,tokens,mood\n1 s,MNLI,20,": (
        "1: unknown column 'mood'; known columns: arrival, task, tokens, new_tokens, exit_layer, "
        "predicted_layer, deadline; " + OTHER
    ),
    "arrival,task\n": (
        "1: column 'tokens' is missing; expected "
        "arrival,task,tokens[,new_tokens][,exit_layer][,predicted_layer][,deadline]"
    ),
    "arrival,task,tokens,task\n": "1: column 'task' stands twice; remove one",
    "arrival,task,tokens [s]\n": "1: column 'tokens' has no unit; write tokens without [s]",
    "arrival [V],task,tokens\n": (
        "1: column 'arrival': expected a unit of s, got 'V', a unit of V; write for instance "
        "arrival [s]"
    ),
    "0 s,MNLI,20\n": (
        "1: expected a header, "
        "arrival,task,tokens[,new_tokens][,exit_layer][,predicted_layer][,deadline]; got "
        "the text '0 s,MNLI,20'; write one, " + OTHER
    ),
    b"arrival,task,tokens\n1 s,MNLI,20\n2 s,MNL\xe9,20": (
        "3: not UTF-8 text (byte 0xe9); save it as UTF-8"
    ),
    "arrival,task,tokens\n1 s,MN\0LI,20": "2: a NUL byte, which no text has; save it as UTF-8",
}


@pytest.mark.parametrize(("text", "message"), BAD.items())
def test_a_wrong_file_has_one_message(trace: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(f'{trace}:{message}')}$"):
        read(trace, text)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_an_empty_file(trace: Path, text: str) -> None:
    message = f"{trace}: the trace is empty; expected the header arrival,task,tokens"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        read(trace, text)


def test_a_header_without_requests(trace: Path) -> None:
    message = f"{trace}: there is no request; add a row such as 12.5 s,MNLI,41"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        read(trace, HEAD)


def test_all_problems_come_at_once(trace: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(trace, HEAD + "2 s,MNLY,0,,1 s\n1 s,MNLI,9,,\n")
    assert [line.split(": ")[:2] for line in str(caught.value).splitlines()] == [
        [f"{trace}:2", "task"],
        [f"{trace}:2", "tokens"],
        [f"{trace}:2", "deadline"],
        [f"{trace}:3", "arrival"],
    ]


def test_after_twenty_problems_the_rest_is_counted(trace: Path) -> None:
    for count, tail in ((20, []), (23, [f"{trace}: and 3 more"])):
        with pytest.raises(ConfigError) as caught:
            read(trace, HEAD + "1 s,MNLI,0,,\n" * count)
        lines = str(caught.value).splitlines()
        assert lines[20:] == tail
        assert lines[19].startswith(f"{trace}:21: tokens: ")


def test_too_long_a_file(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.requests.trace_file.MAXIMUM_REQUESTS", 3)
    message = f"{trace}:5: 4 requests are too many; expected at most "
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        read(trace, HEAD + GOOD * 9)


def file_pattern(tmp_path: Path, extra: str = "") -> list[Request]:
    text = "arrival,task,tokens,deadline\n1 s,MNLI,9,\n3 s,QNLI,8,5 s\n4 s,MNLI,7,\n"
    (tmp_path / "day.csv").write_text(text)
    return pattern_of(f"pattern: file, path: day.csv{extra}").generate(context(folder=tmp_path))


def test_a_file_beside_the_workload(tmp_path: Path) -> None:
    assert file_pattern(tmp_path) == [
        Request(0, "MNLI", SECOND, 9),
        Request(1, "QNLI", 3 * SECOND, 8, deadline=5 * SECOND),
        Request(2, "MNLI", 4 * SECOND, 7),
    ]
    assert pattern_of("pattern: file, path: day.csv").horizon() is None


def test_a_file_at_another_rate(tmp_path: Path) -> None:
    extra = ", rate_factor: 0.5, deadline: {MNLI: 1 s, QNLI: 1 s}, duration: 4 s"
    assert file_pattern(tmp_path, extra) == [
        Request(0, "MNLI", 2 * SECOND, 9, deadline=3 * SECOND),
        Request(1, "QNLI", 6 * SECOND, 8, deadline=8 * SECOND),
    ]
    assert pattern_of(f"pattern: file, path: day.csv{extra}").horizon() == 8 * SECOND


def test_a_duration_before_all_requests(tmp_path: Path) -> None:
    reason = "no request arrives before requests.duration; lengthen or remove it"
    message = f"{tmp_path / 'day.csv'}: {reason}"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        file_pattern(tmp_path, ", duration: 1 s")


def test_a_file_stretched_too_far(tmp_path: Path) -> None:
    message = (
        "requests.rate_factor: stretches the duration to 100,000,000 s; expected at most "
        "10,000,000 s: raise it or shorten the duration"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        file_pattern(tmp_path, ", duration: 1e5 s, rate_factor: 1e-3")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing.csv", "no such file; requests.path counts from the folder of the workload file"),
        (".", "this is a folder; name a CSV file in it"),
    ],
)
def test_a_file_that_is_not_there(tmp_path: Path, path: str, message: str) -> None:
    pattern = pattern_of(f"pattern: file, path: '{path}'")
    with pytest.raises(ConfigError, match=f"{re.escape(message)}$"):
        pattern.generate(context(folder=tmp_path))
