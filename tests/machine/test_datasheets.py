"""Laws of every component's datasheet."""

from __future__ import annotations

import pytest

from accelsim.errors import ConfigError
from accelsim.machine.components.base import Datasheet, Part, Price
from accelsim.machine.schema import load_hardware

MACHINE = load_hardware("hwconfigs/edgebert_overlapped.yaml")


def test_no_figure_of_a_shipped_component_is_negative() -> None:
    sheets = MACHINE.datasheets
    assert set(sheets) == set(MACHINE.components)
    assert all(price.joules >= 0 for sheet in sheets.values() for price in sheet.prices.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prices": {"read": Price("words", -1e-12)}}, "the price of 'read' is -1e-12"),
        ({"area": -1e-9}, "the area is -1e-09"),
        ({"leakage": -1e-3}, "the leakage is -0.001"),
        ({"states": {"asleep": -1e-3}}, "the power in asleep is -0.001"),
    ],
)
def test_a_negative_figure_is_refused(changes: dict[str, object], message: str) -> None:
    sheet = {"part": Part.BUS, "prices": {}, **changes}
    with pytest.raises(ConfigError, match=f"^{message}, expected 0 or more; correct its source$"):
        Datasheet(**sheet)  # type: ignore[arg-type]
