"""Laws of the shares of a ratio, on random games."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Mapping
from itertools import permutations

import pytest

from accelsim.errors import ConfigError
from accelsim.study.explain.shares import Game, Lattice, Outcome, Shares, Subset, logarithmic_mean

NOTHING: Subset = frozenset()


class Table:
    """A game of random figures of some parts; the subsets in ``missing`` are not feasible."""

    def __init__(self, changes: str, seed: int, missing: float = 0.0) -> None:
        draw = random.Random(seed)
        self.asked: list[Subset] = []
        self.values: dict[Subset, Outcome | None] = {}
        for number in range(2 ** len(changes)):
            subset = frozenset(c for bit, c in enumerate(changes) if number >> bit & 1)
            # Parts may be zero, their sum is not.
            parts = {"a": draw.choice((0.0, draw.random())), "b": draw.random() + 0.1}
            inner = subset and len(subset) < len(changes)
            lost = inner and draw.random() < missing
            self.values[subset] = None if lost else Outcome(math.fsum(parts.values()), parts)

    def __call__(self, subset: Subset) -> Outcome | None:
        self.asked.append(subset)
        return self.values[subset]

    def total(self, subset: Subset) -> float:
        outcome = self.values[subset]
        assert outcome
        return outcome.total


def by_orders(changes: str, game: Table, needs: Mapping[str, Subset] = {}) -> dict[str, float]:
    """Return the mean logs over all feasible orders, one after the other."""
    logs: dict[str, list[float]] = {change: [] for change in changes}
    for order in permutations(changes):
        ways = [frozenset(order[:n]) for n in range(len(order) + 1)]
        early = any(not needs.get(c, NOTHING) <= ways[n] for n, c in enumerate(order))
        if early or any(game.values[way] is None for way in ways):
            continue
        for n, change in enumerate(order):
            logs[change].append(math.log(game.total(ways[n + 1]) / game.total(ways[n])))
    return {change: statistics.fmean(found) for change, found in logs.items() if found}


@pytest.mark.parametrize("seed", range(40))
def test_shares_are_the_mean_over_all_feasible_orders(seed: int) -> None:
    changes = "abcde"[: 1 + seed % 5]
    game = Table(changes, seed, missing=0.3 * (seed % 3 > 0))
    wanted = by_orders(changes, game)
    lattice = Lattice(changes, game)
    if not wanted:
        with pytest.raises(ConfigError, match="no order of the changes is feasible"):
            lattice.shares()
        assert lattice.mergers()
        return
    found = lattice.shares()
    assert found.logs == pytest.approx(wanted, abs=1e-12)
    ratio = math.log(game.total(frozenset(changes)) / game.total(NOTHING))
    assert math.fsum(found.logs.values()) == pytest.approx(ratio, abs=1e-12)
    assert sorted(map(sorted, game.asked)) == sorted(map(sorted, game.values))
    check_parts(found, game)


def check_parts(found: Shares, game: Table) -> None:
    for change, parts in found.parts.items():
        assert math.fsum(parts.values()) == pytest.approx(found.logs[change], abs=1e-12)
    for change, log in found.logs.items():
        least, most = found.range_of(change)
        assert least - 1e-12 <= log <= most + 1e-12


def test_needs_are_kept_without_asking() -> None:
    game, needs = Table("abcd", 3), {"b": frozenset("a"), "d": frozenset("bc")}
    found = Lattice("abcd", game, needs).shares()
    assert found.logs == pytest.approx(by_orders("abcd", game, needs), abs=1e-12)
    assert not [s for s in game.asked if "b" in s and "a" not in s]
    assert (found.feasible, found.orders) == (3, 24)


def mirrored(game: Game, changes: str) -> Game:
    return lambda subset: game(frozenset(changes) - subset)


def test_the_way_back_is_the_inverse() -> None:
    game = Table("abcd", 7, missing=0.1)
    there, back = Lattice("abcd", game), Lattice("abcd", mirrored(game, "abcd"))
    logs = back.shares().logs
    assert there.shares().logs == pytest.approx({c: -log for c, log in logs.items()}, abs=1e-12)


def test_order_and_names_do_not_matter() -> None:
    game = Table("abcd", 11)
    found, again = Lattice("abcd", game).shares(), Lattice("dbca", game).shares()
    assert again.logs == found.logs
    names = dict(zip("abcd", ("zeta", "1", "b", "w x"), strict=True))
    back = {name: change for change, name in names.items()}
    renamed = Lattice([*names.values()], lambda s: game(frozenset(back[n] for n in s))).shares()
    assert {back[name]: log for name, log in renamed.logs.items()} == found.logs


def test_units_do_not_matter_and_what_does_nothing_is_one() -> None:
    game = Table("abc", 5)
    logs = Lattice("abc", game).shares().logs
    scaled = Lattice("abc", lambda s: Outcome(1e9 * game.total(s))).shares().logs
    assert scaled == pytest.approx(logs, abs=1e-12)
    idle = Lattice("abcz", lambda s: game(s - {"z"})).shares().logs
    assert idle["z"] == 0
    assert {c: idle[c] for c in "abc"} == pytest.approx(logs, abs=1e-12)


def test_interchangeable_changes_are_equal_and_products_are_themselves() -> None:
    counted = Lattice("abc", lambda s: Outcome(1.0 + len(s) ** 2)).shares().logs
    assert counted["a"] == pytest.approx(counted["b"], abs=1e-15)
    factors = {"a": 0.25, "b": 3.0, "c": 1.5}
    product = Lattice("abc", lambda s: Outcome(math.prod(factors[c] for c in s)))
    found = product.shares()
    for change, factor in factors.items():
        assert math.exp(found.logs[change]) == pytest.approx(factor, rel=1e-12)
        assert found.range_of(change) == pytest.approx((math.log(factor),) * 2, abs=1e-12)
    assert [*product.interactions().values()] == pytest.approx([0.0] * 3, abs=1e-12)


def test_nothing_to_change() -> None:
    found = Lattice("", lambda _: Outcome(2.0)).shares()
    assert (found.logs, found.feasible, found.steps) == ({}, 1, ())


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_figures_that_have_no_ratio_are_refused(value: float) -> None:
    with pytest.raises(ConfigError, match=r"figures above zero, got .* with a"):
        Lattice("ab", lambda s: Outcome(value if s == {"a"} else 1.0)).shares()


def test_what_blocks_each_other_is_to_be_made_at_once() -> None:
    # a and b only together, c whenever.
    together = Lattice(
        "abc", lambda s: Outcome(2.0) if {"a", "b"} & s in ({"a", "b"}, set()) else None
    )
    assert together.mergers() == ("a", "b")
    assert Lattice("abc", lambda _: Outcome(1.0)).mergers() == ()


def pairwise(subset: Subset, weights: Mapping[tuple[str, str], float]) -> Outcome:
    return Outcome(math.exp(math.fsum(w for pair, w in weights.items() if set(pair) <= subset)))


def test_drawn_pairs_are_exact_where_changes_interact_in_twos() -> None:
    changes, draw = "abcdefghijkl", random.Random(2)
    weights = {(a, b): draw.gauss(0, 1) for a in changes for b in changes if a <= b}
    found = Lattice(changes, lambda s: pairwise(s, weights)).shares(orders=6, seed=1)
    for change in changes:
        own = weights[change, change]
        shared = math.fsum(w for pair, w in weights.items() if change in pair) - own
        assert found.logs[change] == pytest.approx(own + shared / 2, abs=1e-9)
        assert found.error[change] == pytest.approx(0, abs=1e-9)
    assert (found.feasible, found.orders) == (6, 6)


def test_the_standard_error_covers_what_drawing_misses() -> None:
    changes = "abcdefghijk"
    # Three at once: pairs of orders are not exact here.
    game = lambda s: Outcome(4.0 if {"a", "b", "c"} <= s else 1.0)  # noqa: E731
    found = Lattice(changes, game).shares(orders=200, seed=3)
    for change in "abc":
        exact = math.log(4) / 3
        assert 0 < found.error[change] < 0.1
        assert abs(found.logs[change] - exact) < 4 * found.error[change]
    assert math.fsum(found.logs.values()) == pytest.approx(math.log(4), abs=1e-12)
    again = Lattice(changes, game).shares(orders=200, seed=3)
    assert again.logs == found.logs
    assert Lattice(changes, game).shares(orders=200, seed=4).logs != found.logs


def test_many_changes_without_a_feasible_order_are_told_what_to_do() -> None:
    changes = "abcdefghijk"
    lattice = Lattice(changes, lambda s: None if len(s) == 1 else Outcome(1.0))
    with pytest.raises(ConfigError, match="put changes that need each other into one with --group"):
        lattice.shares(orders=10)


def test_the_logarithmic_mean_lies_between() -> None:
    assert logarithmic_mean(2.0, 2.0) == 2.0
    assert logarithmic_mean(1.0, math.e) == pytest.approx(math.e - 1)
    assert 2.0 < logarithmic_mean(2.0, 3.0) < 2.5
    assert logarithmic_mean(2.0, 3.0) == pytest.approx(logarithmic_mean(3.0, 2.0), rel=1e-15)
