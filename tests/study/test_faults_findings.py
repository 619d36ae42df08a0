"""What schemes save against each other, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from accelsim.study.faults.findings import savings


def study(**areas: float) -> Any:
    schemes = [
        SimpleNamespace(scheme=SimpleNamespace(name=name), costs=SimpleNamespace(area=area))
        for name, area in areas.items()
    ]
    return SimpleNamespace(schemes=schemes)


def test_a_saving_is_a_share_of_what_dense_cells_save() -> None:
    # Of 4 mm2 that all-dense cells save of 10, the mixed scheme saves 1.
    [saving] = savings(study(slc=10.0, mlc2=6.0, mixed2=9.0))
    assert (saving.mixed, saving.share) == ("mixed2", pytest.approx(0.25))
    assert savings(study(slc=10.0, mlc2=11.0, mixed2=9.0)) == []
    assert savings(study(slc=10.0, mixed2=9.0)) == []
