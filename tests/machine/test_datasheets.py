"""Laws of every component's datasheet."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from accelsim.errors import ConfigError
from accelsim.machine.components.arithmetic import PADDED
from accelsim.machine.components.base import Datasheet, Part, Price
from accelsim.machine.components.bit_mask_codec import CodecConfig
from accelsim.machine.components.server import Server
from accelsim.machine.schema import load_hardware
from accelsim.machine.servers import Machine
from accelsim.machine.site import Site
from accelsim.model.operators import all_kinds

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
        ({"leakage": math.nan}, "the leakage is nan"),
        ({"states": {"asleep": -1e-3}}, "the power in asleep is -0.001"),
    ],
)
def test_a_negative_figure_is_refused(changes: dict[str, object], message: str) -> None:
    sheet = {"part": Part.DRAM, "prices": {}, **changes}
    with pytest.raises(ConfigError, match=f"^{message}, expected 0 or more; correct its source$"):
        Datasheet(**sheet)  # type: ignore[arg-type]


def test_states_of_their_own_belong_to_a_dram() -> None:
    with pytest.raises(ConfigError, match=r"^only a DRAM has states of its own; host leaks"):
        Datasheet(Part.HOST, {}, states={"transmitting": 1.0})


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "weight_buffer_masks={kind: bit_mask_codec}",
            "'weight_buffer_masks' is the name of a part",
        ),
        ('"weight_buffer.read"={kind: bit_mask_codec}', "expected a name of letters"),
        ("chip={kind: bit_mask_codec}", "'chip' is the name of a part of the chip"),
        ("sfu.initiation_intervals={softmaxx: 20}", "no such function; did you mean 'softmax'"),
        (
            "sfu.computes=[add, softmaxx]",
            r"computes\[1\]: no such function; did you mean",
        ),
        ("sfu.computes=all", "expected 'recipes' or a list of operator kinds, got the text 'all'"),
    ],
)
def test_names_that_mean_something_else_are_refused(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_hardware("hwconfigs/edgebert_overlapped.yaml", (setting,))


@pytest.mark.parametrize(
    ("file", "unit"), [("edgebert_overlapped", "sfu"), ("systolic_npu", "vector_unit")]
)
def test_a_unit_computes_what_it_is_built_for(file: str, unit: str) -> None:
    setting = f"{unit}.computes=[softmax, gelu]"
    built = load_hardware(f"hwconfigs/{file}.yaml", (setting,)).datasheets[unit].prices
    programmable = load_hardware(f"hwconfigs/{file}.yaml").datasheets[unit].prices
    computed = {name.removeprefix(PADDED) for name in built}
    assert {"softmax", "gelu"} == computed - {"dvfs_lookup"}
    assert {kind.name for kind in all_kinds() if kind.recipe.sweeps} <= programmable.keys()
    assert built == {name: programmable[name] for name in built}


def test_a_dot_is_no_part_of_a_name() -> None:
    with pytest.raises(ValidationError, match="expected a name of letters"):
        MACHINE.changed(**{"weight_buffer.read": {"kind": "bit_mask_codec"}})


def test_two_servers_of_one_name_are_refused() -> None:
    class Shadow(CodecConfig):
        def servers(self, name: str, site: Site) -> dict[str, Server]:
            return dict(super().servers("sfu", site))

    machine = MACHINE.changed(codec=Shadow(kind="bit_mask_codec"))
    with pytest.raises(ConfigError, match="'codec' calls a server 'sfu', as another is called"):
        Machine(machine)
