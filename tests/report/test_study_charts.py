"""Trade-offs of many points, and what their pictures show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from accelsim.report.console import scatter
from accelsim.report.study_charts import FRONT, study_charts
from accelsim.report.table import Chart, Column, Table
from accelsim.study.front import front

points = st.lists(st.tuples(*[st.integers(0, 4) | st.none()] * 3), max_size=12)


@given(points)
def test_the_front_is_what_nothing_beats(found: list[tuple[int | None, ...]]) -> None:
    def beaten(one: tuple[int | None, ...]) -> bool:
        whole = [other for other in found if None not in other]
        return any(
            other != one and all(a <= b for a, b in zip(other, one, strict=True))  # type: ignore[operator]
            for other in whole
        )

    assert front(found) == [None not in one and not beaten(one) for one in found]


def data(*rows: tuple[object, ...]) -> Table:
    columns = (
        Column("size", "size", "B"), Column("kind", "kind"), Column("energy", "energy", "J"),
        Column("speed", "speed", "1"),
    )  # fmt: skip
    return Table("", columns, rows)  # type: ignore[arg-type]


ROWS = ((1, "a", 1.0, 1.0), (2, "a", 2.0, 3.0), (3, "b", 3.0, 2.0), (4, "b", None, None))


def test_more_may_be_better() -> None:
    scatter, parallel = study_charts(data(*ROWS), ("size", "kind"), {"energy": 1, "speed": -1})
    place = [column.key for column in scatter.table.columns].index(FRONT)
    assert [row[place] for row in scatter.table.rows] == [
        "best trade-off", "best trade-off", "others", "others",
    ]  # fmt: skip
    assert scatter.title.startswith("2 of 4 points ")
    assert (scatter.x, scatter.y) == (("energy",), ("speed",))
    assert parallel.x == ("size", "kind", "energy", "speed")
    # One table: what is chosen in one chart filters the other.
    assert parallel.table is scatter.table


def test_where_nobody_says_what_is_better_nothing_is_best() -> None:
    scatter, parallel = study_charts(data(*ROWS), ("size",), {"energy": 0, "speed": 0})
    assert (scatter.title, scatter.series) == ("4 points", "")
    assert FRONT not in {column.key for column in scatter.table.columns}
    assert parallel.table is scatter.table


def test_a_terminal_shows_the_scatter_with_the_best_on_top() -> None:
    table = data(*((n, "a", float(n), float(-n)) for n in range(5)), (9, "b", 2.0, 7.0))
    chart, _ = study_charts(table, ("size",), {"energy": 1, "speed": -1})
    head, *grid, axis, ends = scatter(chart).splitlines()
    assert head == "speed over energy: . others, o best trade-off"
    assert len(grid) == 14
    assert "".join(grid).count(".") == 4
    assert [line.index("o") for line in grid if "o" in line] == [grid[0].index("o"), 4]
    assert grid[0].startswith(" 7 |")
    assert grid[-1].startswith("-4 |")
    assert set(axis.strip()) == {"+", "-"}
    assert ends.split() == ["0", "J", "4.00", "J"]
    alone = Chart("", "points", data(ROWS[0], ROWS[3]), ("energy",), ("speed",), brief=True)
    assert scatter(alone) == ""


def test_one_figure_has_no_trade_off() -> None:
    (only,) = study_charts(data(*ROWS), ("size",), {"energy": 1})
    assert only.kind == "parallel"
    assert not list(study_charts(data(), ("size",), {}))
