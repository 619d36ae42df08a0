"""No number of a part off the chip is free: ten times as much or a tenth is refused, or paid."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from tenfold_parts import PARTS, verdicts

# What moves no figure, and why.
REASONS = {
    "capacity=*": "a larger part draws what its file says; what it costs to buy is no figure here",
    "access.clock=*": "bandwidth is stated: pins that could carry more bring no more",
    "access.edges=1": "the same",
    "rests.*.maximum.378 K=*": "arrays have figures at 300 and 350 K: no machine is so hot",
}


@pytest.mark.parametrize("name", PARTS)
def test_what_moves_no_figure_has_a_reason(name: str, tmp_path: Path) -> None:
    found = verdicts(name, tmp_path)
    idle = {change for change, each in found.items() if each == "neither"}
    assert idle == {change for change in idle if any(fnmatchcase(change, p) for p in REASONS)}
    assert {"refused", "paid"} <= set(found.values())
