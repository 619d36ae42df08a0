"""What is asked for and not paid is what the README of machines says, and nothing else."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase

import pytest
from tenfold import FROZEN, MACHINES, changes, figures, verdict

from accelsim.inputs.shipped import shipped_folder

SAID = json.loads(FROZEN.read_text())


def listed() -> set[str]:
    """Return the paths that the README names, with stars."""
    text = (shipped_folder("hwconfigs") / "README.md").read_text()
    [said] = re.findall(r"\*\*What is asked for.*?That list is the whole one", text, re.DOTALL)
    return set(re.findall(r"`([a-z_]+\.[a-z_.*0-9]+)`", said))


def test_every_number_of_both_machines_was_asked() -> None:
    for machine in MACHINES:
        assert list(SAID[machine]) == list(changes(machine))


def test_the_readme_lists_exactly_what_is_not_paid() -> None:
    unpaid = {
        change.partition("=")[0]
        for said in SAID.values()
        for change, each in said.items()
        if each in ("free", "idle")
    }
    asked = {change.partition("=")[0] for said in SAID.values() for change in said}
    patterns = listed()
    assert {path for path in asked if any(fnmatchcase(path, p) for p in patterns)} == unpaid
    assert all(any(fnmatchcase(path, p) for path in unpaid) for p in patterns)


@pytest.mark.parametrize("machine", MACHINES[1:])
def test_what_is_frozen_is_still_so(machine: str) -> None:
    usual = figures(machine)
    assert usual is not None
    said = SAID[machine]
    for change in [*said][::9]:
        assert verdict(machine, usual, change) == said[change], change
