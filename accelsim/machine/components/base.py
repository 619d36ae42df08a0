"""What a component is: its configuration, a server for the engine, a datasheet for the account.

One file, two values: the engine asks ``servers`` for how long a use takes, the account asks
``datasheet`` for what it costs. Neither knows the other.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

from pydantic import NonNegativeInt

from accelsim.errors import RefusedValueError
from accelsim.inputs.files import Seen, unchanged, watching
from accelsim.inputs.plugins import is_outside
from accelsim.inputs.quantities import Meters
from accelsim.inputs.validation import ConfigModel
from accelsim.machine.components.clocked import CycleServer
from accelsim.machine.components.server import Server
from accelsim.machine.site import Site
from accelsim.program import Product, Use

ANY = ""
"""The port that serves all actions of a component which has no port of their own for them."""


class Part(StrEnum):
    """What a component is for: energy, area and lanes of a timeline are grouped by it.

    The order is that of reports: arithmetic, transport, memories, what is outside.
    """

    COMPUTE = "compute"
    BUS = "bus"
    PARAMETERS = "parameter memories"
    ACTIVATIONS = "activation memory"
    BUFFERS = "buffers"
    HOST = "host"
    DRAM = "DRAM"
    SUPPLY = "supply"

    @property
    def is_memory(self) -> bool:
        """Whether such components are arrays on the chip."""
        return self in (Part.PARAMETERS, Part.ACTIVATIONS, Part.BUFFERS)


OFF_CHIP = ("access", "standby")
"""What ``process.factors`` may change of what is off the chip."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one counted unit of an action costs: joules at the nominal operating point.

    ``unit`` says what is counted (macs, words, bytes). An action that is ``paid_elsewhere`` has its
    cost in the actions that it causes, such as the bursts behind the bytes of a DRAM. ``logic`` are
    joules of it that follow the supply of the logic, whatever the component's own does. ``access``
    is how many units one access of a memory counts.
    """

    unit: str
    joules: float
    paid_elsewhere: bool = False
    logic: float = 0.0
    access: float = 1.0

    def drawn(self, factor: float, *, follows: bool) -> Price:
        """Return what is drawn before a regulator that takes so many joules for each."""
        joules = factor * self.joules if follows else self.joules + (factor - 1) * self.logic
        return replace(self, joules=joules, logic=factor * self.logic)


@dataclass(frozen=True)
class Datasheet:
    """What a component costs, at the nominal operating point.

    ``prices`` by action: an action that is not there is not one of the component. ``area`` [m2] and
    ``leakage`` [W] are None where they are not modelled. ``cycle`` [J] is spent in every cycle in
    which the clock of the component's one port runs, used or not. ``follows_supply`` says that
    energy and leakage scale with the supply of the logic, ``retained`` that contents outlive
    retention (``kept`` is what is left of the leakage there, where it was measured), ``always_on``
    that no state of the chip switches it off, as what wakes the chip. ``states`` are watts by
    state, for what has states of its own (DRAM). ``raised_by`` says what makes an access of a
    memory cost more than its arrays' own figure. ``unpriced`` tells the reader of a result what
    has no price here although it costs, or one of other conditions.
    """

    part: Part
    prices: Mapping[str, Price]
    area: float | None = None
    leakage: float | None = None
    cycle: float = 0.0
    follows_supply: bool = True
    retained: bool = False
    kept: float | None = None
    always_on: bool = False
    states: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    raised_by: str = ""
    unpriced: str = ""

    def charged(self, action: str) -> float | None:
        """Return what one access of a memory is charged [J]; None for what is not its action."""
        price = self.prices.get(action)
        return price.joules * price.access if price else None

    def times(self, off_chip: Mapping[str, float]) -> Datasheet:
        """Return it with factors on ``access`` and ``standby``, if it is off the chip."""
        if self.part is not Part.DRAM or not off_chip:
            return self
        access, standby = (off_chip.get(name, 1.0) for name in OFF_CHIP)
        prices = {a: replace(p, joules=access * p.joules) for a, p in self.prices.items()}
        states = {state: standby * watts for state, watts in self.states.items()}
        return replace(self, prices=prices, states=states)

    def drawn(self, factor: float) -> Datasheet:
        """Return what is drawn before a regulator that takes so many joules for each."""
        if factor == 1:
            return self
        follows = self.follows_supply
        prices = {a: p.drawn(factor, follows=follows) for a, p in self.prices.items()}
        raised_by = self.raised_by
        if self.part.is_memory and prices != self.prices:
            raised_by = "; ".join(filter(None, (raised_by, "losses of the regulator")))
        if not follows:
            return replace(self, prices=prices, raised_by=raised_by)
        leakage = None if self.leakage is None else factor * self.leakage
        cycle = factor * self.cycle
        return replace(self, prices=prices, leakage=leakage, cycle=cycle, raised_by=raised_by)

    def __post_init__(self) -> None:
        """Refuse what nothing can have: an energy, a power or an area below zero."""
        figures = {f"the price of '{action}'": p.joules for action, p in self.prices.items()}
        figures |= {f"the power in {state}": watts for state, watts in self.states.items()}
        figures |= {"the area": self.area or 0.0, "the leakage": self.leakage or 0.0}
        figures["the energy of a cycle"] = self.cycle
        if self.states and self.part is not Part.DRAM:
            raise RefusedValueError(f"only a DRAM has states of its own; {self.part} leaks, or not")
        for what, value in figures.items():
            if not value >= 0:
                raise RefusedValueError(
                    f"{what} is {value:g}, expected 0 or more; correct its source"
                )


class Component(ConfigModel):
    """A piece of hardware, as a machine file describes it."""

    def facts(self, name: str, site: Site) -> Facts:
        """Return what it says of itself on a site, asked for once: the last time if that holds."""
        which = "facts if scaled" if site.scaling else "facts if not"
        last: Facts | None = self.__dict__.get(which)
        if last is None or not last.holds(name, site):
            last = self.__dict__[which] = Facts(self, name, site)
        return last

    @abstractmethod
    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the servers by port: an action's name, or ``ANY``."""

    @abstractmethod
    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Return what the component's actions, area and leakage cost."""

    def layout(self, name: str, site: Site) -> Hashable:
        """Return all that mapping may read; what is left out may be other and a program the same.

        Everything but arrays and prices, unless a component knows better.
        """
        return self.digest

    def emission(self, name: str, site: Site) -> Hashable:
        """Return what of the layout emitters read, and not only whoever compares ways.

        All of it, unless a component knows better.
        """
        return self.layout(name, site)

    @abstractmethod
    def timing(self, name: str, site: Site) -> Hashable:
        """Return all of the configuration that can move a tick; what is left out cannot."""


class Facts:
    """What a component says of itself by its methods, on sites that differ in wires alone."""

    def __init__(self, component: Component, name: str, site: Site) -> None:
        self._component, self._on = component, (name, site)
        self._files: Seen = {}
        self._said: dict[str, tuple[Any, float | None]] = {}

    def holds(self, name: str, site: Site) -> bool:
        """Return whether it is of an equal site, and no file that was read has changed."""
        return self._on == (name, site) and unchanged(self._files)

    def told(self, what: str, site: Site) -> Any:
        """Return what one of the methods says, asked once for wires of a length if it reads that.

        What a part of accelsim says of itself leaves out the keys of a plug-in that builds on it.
        """
        said, wires = self._said.get(what, (None, math.nan))
        if wires not in (None, site.wires):
            said, wires = self._said[what] = self._ask(what, site)
        return said

    def _ask(self, what: str, site: Site) -> tuple[Any, float | None]:
        kind, before = type(self._component), site.asked["wires"]
        with watching() as files:
            said = getattr(self._component, what)(self._on[0], site)
        self._files |= files
        inherits = is_outside(kind) and not is_outside(getattr(kind, what))
        if inherits and what in ("layout", "emission", "timing"):
            said = (said, self._component.digest)
        return said, site.wires if site.asked["wires"] > before else None


class Block(Component):
    """A component that stands in a machine file under a name of its own.

    Each kind has a field ``kind``, the Literal of its name.
    """


class ClockedBlock(Block):
    """A block that serves one use at a time, in whole cycles of the chip's clock."""

    @abstractmethod
    def cycles(self, use: Use, site: Site) -> NonNegativeInt:
        """Return the cycles of a use. Raises ProgramError for a demand that is not of its kind."""

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the one server."""
        return {ANY: CycleServer(name, site.period, partial(self.cycles, site=site))}

    def timing(self, name: str, site: Site) -> Hashable:
        """All of it, and the lanes, unless a block knows better."""
        return (self.digest, site.lanes)


class Datapath(Block):
    """The component that multiplies; the width of its vectors is that of all around it."""

    @property
    @abstractmethod
    def lanes(self) -> int:
        """Elements of a vector."""

    @abstractmethod
    def padded_macs(self, asked: Product) -> int:
        """Return the multiplications by padding that a product pays for, beside its own."""


class Interconnect(Block):
    """The wires across the chip, ``length`` [m]."""

    length: Meters
