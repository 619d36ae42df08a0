"""What a plug-in adds to a part of accelsim belongs to the keys of the memo, said or not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_workload import MAIN, SMALL

import accelsim
from accelsim.inputs.memo import Memo
from accelsim.inputs.plugins import load_plugins, plugins_put_back

# A buffer of which each use takes so many cycles longer.
BUFFER = """
from typing import Literal
from accelsim.machine.components.buffers import BufferPort, OperandBufferConfig

class Port(BufferPort):
    late = 0

    def occupancy(self, use, start):
        return super().occupancy(use, start) + self.late * self.period

class Late(OperandBufferConfig):
    kind: Literal["late_buffer"]
    late: int

    def servers(self, name, site):
        found = super().servers(name, site)
        for server in found.values():
            server.__class__, server.late = Port, self.late
        return found
"""
# A machine whose products wait longer on a narrow bus.
EMITTER = """
from accelsim.accelerators.edgebert import EdgeBert
from accelsim.accelerators.edgebert.emitter import EdgeBertEmitter
from accelsim.accelerators.edgebert.mapper import EdgeBertMapper
from accelsim.mapping.compiler import compile_inference
from accelsim.program import Elements, Use

class Emitter(EdgeBertEmitter):
    def _product_uses(self, shape, stored, masks):
        found = super()._product_uses(shape, stored, masks)
        wide = self.hardware.components["bus"].width >= 128
        return found if wide else [*found, Use("sfu", "gelu", Elements(16, 16))]

class Mapper(EdgeBertMapper):
    def emitter(self, context, hardware, plan):
        return Emitter(context, hardware, plan)

class Wary(EdgeBert):
    name = "wary"

    def compile(self, *given):
        return compile_inference(Mapper(), *given)
"""
# Blocks that leak what a file or a wire says, told of in several ways.
LEAKS = """
from abc import abstractmethod
from functools import cached_property
from typing import Literal
from pydantic import model_validator
from accelsim.evaluation.metrics import Metric
from accelsim.evaluation.metrics.time import Time
from accelsim.inputs.files import read_bytes
from accelsim.machine.components.base import Block, Datasheet, Part

class Leaky(Block):
    file: str

    def servers(self, name, site):
        return {}

    def datasheet(self, name, site):
        return Datasheet(Part.HOST, {}, leakage=self.watts(site), follows_supply=False)

    def timing(self, name, site):
        return ()

    @abstractmethod
    def watts(self, site):
        ...

class Kept(Leaky):
    kind: Literal["kept"]

    @cached_property
    def read(self):
        return float(read_bytes(self.file))

    def watts(self, site):
        return self.read

class Checked(Leaky):
    kind: Literal["checked"]
    found: float = 0.0

    @model_validator(mode="after")
    def look(self):
        object.__setattr__(self, "found", float(read_bytes(self.file)))
        return self

    def watts(self, site):
        return self.found

class Wired(Leaky):
    kind: Literal["wired"]

    def watts(self, site):
        return site.once("mine", lambda: site.wire_length)

class Mine(Time):
    name = "mine"
    metrics = (
        Metric("mine.spent", "", "J", lambda case: sum(case.figures.account.leakage.values())),
    )
"""
BASE = (*SMALL, "sequence_length=16")


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    with plugins_put_back():
        yield


@pytest.mark.parametrize(
    ("source", "fixed", "key", "values"),
    [
        (BUFFER, "hardware.activation_buffer.kind=late_buffer", "activation_buffer.late", (0, 50)),
        (EMITTER, "hardware.accelerator=wary", "bus.width", ("128 b", "64 b")),
    ],
    ids=["component", "accelerator"],
)
def test_a_key_of_a_plugin_is_seen(
    tmp_path: Path, source: str, fixed: str, key: str, values: tuple[object, ...]
) -> None:
    (tmp_path / "mine.py").write_text(source)
    load_plugins([tmp_path / "mine.py"])
    memo, found = Memo(), []
    for value in (*values, values[0]):
        point = accelsim.Point(MAIN, (*BASE, fixed, f"hardware.{key}={value}"), ("adapter_mixed",))
        row = accelsim.evaluate(point, memo)
        assert row.figures == accelsim.evaluate(point, Memo()).figures
        found.append(row["adapter_mixed.latency.system"])
    assert found[0] == found[2] != found[1]


@pytest.mark.parametrize("kind", ["kept", "checked", "wired"])
def test_what_a_component_of_a_plugin_reads_is_seen(tmp_path: Path, kind: str) -> None:
    (tmp_path / "mine.py").write_text(LEAKS)
    load_plugins([tmp_path / "mine.py"])
    file, memo, found = tmp_path / "watts", Memo(), []
    for number in (1, 2, 1):
        file.write_text(f"0.00{number}")
        os.utime(file, ns=(1, 1))
        leaky = [f"hardware.{name}={{kind: {kind}, file: {file}}}" for name in ("one", "two")]
        length = f"hardware.bus.length={number if kind == 'wired' else 1} mm"
        point = accelsim.Point(MAIN, (*BASE, *leaky, length), ("adapter_mixed",))
        row = accelsim.evaluate(point, memo)
        assert row.figures == accelsim.evaluate(point, Memo()).figures
        found.append(row["adapter_mixed.mine.spent"])
    assert found[0] == found[2] != found[1]
