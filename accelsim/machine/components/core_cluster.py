"""Processor cores that share a memory: what no engine does, they do instruction by instruction."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from accelsim.inputs.quantities import Count, Joules, PositiveInt, Volts
from accelsim.inputs.validation import RuleError
from accelsim.machine.components.base import Datasheet, Price
from accelsim.machine.components.function_unit import FunctionUnit
from accelsim.machine.site import Site
from accelsim.model.operators import find_kind
from accelsim.program import Command, Elements, Use
from accelsim.units import ceil_div

INSTRUCTION = "instruction"
_CLIP, _STORE = 1, 1
# A product of two registers of 32 bits, four bytes each, the most that an instruction multiplies.
_MACS_OF_INSTRUCTION = 4


class CoreClusterConfig(FunctionUnit):
    """``cores`` that retire one instruction a cycle each [ours], all on one function at a time.

    An instruction costs ``energy_per_instruction`` at the supply ``at``, whatever it is, memories
    of instructions included. Scaling by a number of fixed point takes ``scale_instructions``;
    products reach ``macs_per_cycle``, of all cores, four each at most. A core takes the area of a
    lane and of the multipliers of such a product; the rest of it has no figure.
    """

    kind: Literal["core_cluster"]
    cores: PositiveInt
    energy_per_instruction: Joules
    at: Annotated[Volts, Field(ge=0.4, le=1.0)]  # supplies of a process of 22 nm
    scale_instructions: Count
    macs_per_cycle: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _no_more_than_instructions(self) -> Self:
        if self.macs_per_cycle > (most := self.cores * _MACS_OF_INSTRUCTION):
            given = f"{self.macs_per_cycle:g} of {self.cores} cores, whose instructions multiply"
            message = f"{given} four bytes at most; expected at most {most}"
            raise RuleError((("macs_per_cycle",), message))
        return self

    def instructions(self, asked: Elements, function: str) -> int:
        """Return the instructions of a function.

        Every input is loaded for each sweep; inputs of one element are brought to one scale, the
        result to its own, clipped and stored.
        """
        kind = find_kind(function)
        recipe = kind.recipe
        work = asked.turns * (recipe.multiplications + recipe.additions)
        scaled = asked.turns * (kind.operands - 1) + 1
        loads = recipe.sweeps * asked.operands
        each = loads + work + self.scale_instructions * scaled + _CLIP + _STORE
        return asked.rows * asked.columns * each

    def product_instructions(self, macs: int) -> int:
        """Return the instructions of so many multiply-accumulates, rounded up."""
        return -int(-macs * self.cores // self.macs_per_cycle)

    def function_cycles(self, use: Use, site: Site) -> int:
        """Instructions take cycles; what they are for does not take them again."""
        if use.action != INSTRUCTION:
            return 0
        return ceil_div(use.expect(Command).amount, self.cores)

    def lanes_of(self, site: Site) -> int:
        """Its cores."""
        return self.cores

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Instructions pay for functions, products, registers and clocks, by V^2."""
        arithmetic, logic = super().datasheet(name, site), site.logic
        area = (arithmetic.area or 0.0) + self.cores * _MACS_OF_INSTRUCTION * logic.mac.area
        joules = self.energy_per_instruction * (site.clock.voltage / self.at) ** 2
        prices = {name: Price("elements", 0.0, paid_elsewhere=True) for name in self.functions}
        prices["mac"] = Price("macs", 0.0, paid_elsewhere=True)
        prices[INSTRUCTION] = Price("instructions", joules)
        return replace(
            arithmetic,
            area=area,
            leakage=area * logic.leakage,
            cycle=0.0,
            prices=prices,
            source=f"{joules * 1e12:.3g} pJ an instruction, from the machine's file; "
            + logic.sources_of("arithmetic", "mac", "leakage"),
            unpriced="area and leakage of the cores but for their arithmetic",
        )
