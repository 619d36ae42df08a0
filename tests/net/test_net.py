"""Every figure of the frozen cases is what it was, to the last digit, or nearly so: see store.py.

An intended change is frozen anew with make_net.py, in a commit that names the cases.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
import store
from cases import CASES
from freeze import freeze

SHOWN = 20

frozen = lru_cache(store.load)


@pytest.mark.parametrize("name", CASES)
def test_a_case_computes_what_is_frozen(name: str) -> None:
    found = store.differences(frozen()[name], store.condensed(freeze(CASES[name])))
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    assert not found, "\n".join([f"{len(found)} sections differ:", *found[:SHOWN], *more])


def test_the_frozen_cases_are_these() -> None:
    assert set(frozen()) == set(CASES)
