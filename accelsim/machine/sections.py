"""The sections of a machine, and what follows from them."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import ConfigDict, Field, field_validator, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.choices import Choice
from accelsim.inputs.document import describe
from accelsim.inputs.paths import suggest
from accelsim.inputs.plugin_key import Plugins
from accelsim.inputs.plugins import Registry
from accelsim.inputs.validation import ConfigModel, RuleError, checked
from accelsim.machine import components as _components
from accelsim.machine.components.base import (
    Block,
    Component,
    Datapath,
    Datasheet,
    Facts,
    Interconnect,
)
from accelsim.machine.components.buffers import BufferConfig
from accelsim.machine.components.memory import MemoryConfig
from accelsim.machine.components.supply import PowerConfig
from accelsim.machine.off_chip import OffChip
from accelsim.machine.operating_points import (
    ClockConfig,
    OperatingPoint,
    ProcessConfig,
    ScalingConfig,
)
from accelsim.machine.regions import Region, search_ahead
from accelsim.machine.site import Site
from accelsim.memory.nvsim_search import NvsimTechnology

BLOCK_NAME = "'{}' is the name of a block; rename this memory"


class HomeConfig(ConfigModel):
    """Where the tensors of one role lie: non-zeros and masks in named memories, or ``dram``.

    ``high`` is the memory of the values' leading bits, where storage gives them cells apart.
    """

    values: str
    masks: str
    high: str | None = None


class PlacementConfig(ConfigModel):
    """The home of each role, of activations, and of what does not fit beside them.

    ``cache`` is that of keys and values that a decoder keeps: a memory other than that of
    activations, or ``dram``.
    ``activation_spill`` is None in a machine without DRAM, whatever its file says.
    """

    embedding: HomeConfig
    backbone: HomeConfig
    task: HomeConfig
    activations: str
    activation_spill: Literal["dram"] | None = None
    cache: str | None = None


class OverlapConfig(ConfigModel):
    """What may run at the same time; each is off in EdgeBERT's published code."""

    double_buffering: bool
    special_functions: bool


class MappingConfig(ConfigModel):
    """What plans are chosen by; a block of rows of causal scores ends at its last token, as in
    FlashAttention, or is as wide as all, as compilers make it to whom a mask is data.

    ``tiles`` of a systolic machine are the largest that fit, as Gemmini's rule has it, with the
    largest blocks of rows; or those of many sizes are compared, and so are blocks.
    """

    objective: Literal["time", "energy", "energy_delay"] = "time"
    tiles: Literal["largest", "compared"] = "largest"
    causal: Literal["staircase", "square"] = "staircase"


COMPONENTS = Registry(_components.__name__, Block, "accelsim.components", "component", "kind")
"""The components that a machine file may name, by kind."""

T = TypeVar("T", bound=Component)


class MachineSections(ConfigModel):
    """What stands in a machine's file, each section right by itself, and what follows from it."""

    model_config = ConfigDict(extra="allow")
    if not TYPE_CHECKING:
        __pydantic_extra__: dict[str, Annotated[Block, Choice(COMPONENTS)]]

    name: str
    description: str = ""
    accelerator: str
    process: ProcessConfig
    clock: ClockConfig
    memories: dict[str, MemoryConfig]
    dram: OffChip | None
    placement: PlacementConfig
    power: PowerConfig
    scaling: ScalingConfig | None = None
    overlap: OverlapConfig
    mapping: MappingConfig = MappingConfig()
    plugins: Plugins = Field(default_factory=dict)

    @field_validator("memories")
    @classmethod
    def _plain_names(cls, memories: dict[str, MemoryConfig]) -> dict[str, MemoryConfig]:
        wrong = [((n,), BLOCK_NAME.format(n)) for n in memories if n in cls.model_fields]
        if wrong:
            raise RuleError(*wrong)
        return memories

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, data: Any) -> Any:
        """Leave null components and memories out, and spills to a DRAM that is null."""
        if not isinstance(data, dict):
            return data
        found = {k: v for k, v in data.items() if v is not None or k in cls.model_fields}
        wrong = [
            ((key,), _no_component(key, value, cls.model_fields))
            for key, value in found.items()
            if not (key in cls.model_fields or isinstance(value, Block) or _has_kind(value))
        ]
        if wrong:
            raise RuleError(*wrong)
        memories, placement = found.get("memories"), found.get("placement")
        if isinstance(memories, dict):
            found["memories"] = {n: memory for n, memory in memories.items() if memory is not None}
        if found.get("dram", "missing") is None and isinstance(placement, dict):
            spill = placement.get("activation_spill")
            found["placement"] = placement | {
                "activation_spill": None if spill == "dram" else spill
            }
        return found

    def component(self, name: str, kind: type[T]) -> T:
        """Return a component that the accelerator needs. Raises ConfigError for none or another."""
        found = self.further.get(name)
        if isinstance(found, kind):
            return found
        raise ConfigError(f"machine '{self.name}': {self.lacks(name, kind)}")

    def name_of(self, kind: type) -> str:
        """Return what the component of a class is called. Raises ConfigError for none."""
        if kind not in self.named:
            raise ConfigError(f"machine '{self.name}' has no component of kind {_names_of(kind)}")
        return self.named[kind]

    @cached_property
    def named(self) -> dict[type, str]:
        """The first component of each class."""
        return {k: n for n, each in reversed(self.further.items()) for k in type(each).__mro__}

    def lacks(self, name: str, kind: type[Component]) -> str:
        """Return why the accelerator cannot use a component of a name; nothing if it can."""
        found = self.further.get(name)
        if isinstance(found, kind):
            return ""
        wanted = _names_of(kind)
        has = "has none" if found is None else f"has one of kind {found.model_dump()['kind']}"
        wrong = f"{self.accelerator} needs a component '{name}' of kind {wanted}, the machine {has}"
        return f"{wrong}; write '{name}: {{kind: {wanted}, ...}}'"

    def changed(self, **parts: Any) -> Self:
        """Return the machine with other sections or components; None removes one.

        A component is a value or the mapping that a file would hold. Raises ValidationError.
        """
        own = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate({**own, **self.further, **checked(parts)})

    @cached_property
    def further(self) -> dict[str, Component]:
        """The components that stand under names of their own."""
        return dict(self.__pydantic_extra__ or {})

    @cached_property
    def components(self) -> dict[str, Component]:
        """All components by name: logic, supply, memories, buffers, DRAM."""
        further = self.further
        buffers = {n: each for n, each in further.items() if isinstance(each, BufferConfig)}
        logic = {n: each for n, each in further.items() if n not in buffers}
        dram = {"dram": self.dram} if self.dram else {}
        return {**logic, "power": self.power, **self.memories, **buffers, **dram}

    @property
    def has_cold_home(self) -> bool:
        """Whether something off the chip keeps what is loaded from there."""
        return self.dram is not None and self.dram.keeps

    @cached_property
    def site(self) -> Site:
        """What surrounds each component; what NVSim is to compute of them is known from now on."""
        site = Site(
            machine=self.name,
            process=self.process,
            clock=self.clock,
            scaling=self.scaling,
            lanes=self.datapath.lanes,
            wires=self.interconnect.length,
            activations=self.placement.activations,
        )
        kinds = (MemoryConfig, BufferConfig)
        arrays = [each for each in self.components.values() if isinstance(each, kinds)]
        computed = [each for each in arrays if isinstance(each.technology, NvsimTechnology)]
        search_ahead(self.name, self.process, [each.query(site) for each in computed])
        return site

    @cached_property
    def facts(self) -> dict[str, Facts]:
        """What every component says of itself, by name."""
        site = self.site
        return {name: each.facts(name, site) for name, each in self.components.items()}

    @property
    def datapath(self) -> Datapath:
        """The component that multiplies. Raises ConfigError when there is not exactly one."""
        return self._only([c for c in self.further.values() if isinstance(c, Datapath)], Datapath)

    @property
    def interconnect(self) -> Interconnect:
        """The wires across the chip. Raises ConfigError when there is not exactly one."""
        wires = [c for c in self.further.values() if isinstance(c, Interconnect)]
        return self._only(wires, Interconnect)

    def _only(self, found: list[T], kind: Any) -> T:
        if len(found) != 1:
            raise ConfigError(
                f"machine '{self.name}': expected one component of kind {_names_of(kind)}, got "
                f"{len(found)}"
            )
        return found[0]

    @cached_property
    def regions(self) -> dict[str, Region]:
        """All arrays on the chip by name. Raises ConfigError for a bad query."""
        site, facts = self.site, self.facts
        return {
            name: facts[name].told("region", site)
            for name, each in self.components.items()
            if isinstance(each, (MemoryConfig, BufferConfig))
        }

    @cached_property
    def capacities(self) -> dict[str, int]:
        """Bytes of every buffer whose filling is planned, the memory of activations included."""
        buffers = ((n, c) for n, c in self.further.items() if isinstance(c, BufferConfig))
        found = {half: size for n, each in buffers for half, size in each.capacities(n).items()}
        activations = self.placement.activations
        return {**found, activations: self.memories[activations].capacity}

    @cached_property
    def datasheets(self) -> dict[str, Datasheet]:
        """What every component costs, by name; losses of the regulator included."""
        site, sheets, off_chip = self.site, {}, self.process.factors_of("dram")
        drawn = self.power.regulator.drawn(self.clock.voltage)
        for name, each in self.facts.items():
            try:
                sheets[name] = each.told("datasheet", site).times(off_chip).drawn(drawn)
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}") from None
        return sheets

    @cached_property
    def layout(self) -> Hashable:
        """All that mapping may read: machines of one layout have the same programs."""
        site, facts = self.site, self.facts
        return (self.mapped, tuple((n, facts[n].told("layout", site)) for n in self.memories))

    @cached_property
    def mapped(self) -> Hashable:
        """What of the layout inferences are made from: not how much a parameter memory holds."""
        rules = (self.accelerator, self.placement.digest, self.overlap.digest, self.mapping.digest)
        points, site = tuple(point.name for point in self.lower_points), self.site
        whole = {name: "emission" if name in self.memories else "layout" for name in self.facts}
        read = tuple((name, each.told(whole[name], site)) for name, each in self.facts.items())
        priced = (
            ()
            if self.mapping.objective == "time"
            else (repr(self.datasheets), self.clock, self.dram, self.power.clock_gating)
        )
        return (rules, points, tuple(self.capacities.items()), read, priced)

    @cached_property
    def emission(self) -> Hashable:
        """All that emitters may read but sizes of buffers: equal ones emit the same, if it fits."""
        rules = (self.accelerator, self.placement.digest, self.overlap.digest, self.mapping.causal)
        site, facts = self.site, self.facts.items()
        return (rules, tuple((name, each.told("emission", site)) for name, each in facts))

    @cached_property
    def timing(self) -> Hashable:
        """All that can move a tick: machines of one timing run a program alike."""
        points = tuple((point.name, point.frequency) for point in self.lower_points)
        return (
            points,
            self._timing(self.site, self.facts) if self.scaling else self.nominal_timing,
        )

    @cached_property
    def nominal_timing(self) -> Hashable:
        """All that can move a tick of a chip that stays at its nominal operating point."""
        if not self.scaling:
            return self._timing(self.site, self.facts)
        site = replace(self.site, scaling=None)
        facts = {name: each.facts(name, site) for name, each in self.components.items()}
        return self._timing(site, facts)

    def _timing(self, site: Site, facts: Mapping[str, Facts]) -> Hashable:
        own = tuple((name, each.told("timing", site)) for name, each in facts.items())
        return (self.clock.frequency, own)

    @cached_property
    def lower_points(self) -> tuple[OperatingPoint, ...]:
        """Operating points below the nominal one in voltage and frequency, lowest first."""
        nominal, points = self.clock, self.scaling.points if self.scaling else ()
        return tuple(
            point
            for point in points
            if point.voltage < nominal.voltage and point.frequency < nominal.frequency
        )


def _has_kind(value: Any) -> bool:
    return isinstance(value, dict) and "kind" in value


def _names_of(kind: type) -> str:
    """Return the names of all kinds of component that are of a class."""
    names = (n for n, known in COMPONENTS.all().items() if issubclass(known, kind))
    return " or ".join(sorted(names))


def _no_component(key: str, value: Any, sections: Iterable[str]) -> str:
    # Every key is meant as a component unless its name is nearly that of a section.
    if difflib.get_close_matches(key, sections, n=1, cutoff=0.8):
        return f"unknown key; {suggest(key, sections, 'known keys')}"
    first, *_ = known = list(COMPONENTS.all())
    wanted = f"a component needs a kind, such as {{kind: {first}}}"
    if not isinstance(value, dict):
        wanted = f"expected a component, such as {{kind: {first}}}, got {describe(value)}"
    return f"{wanted}; kinds: {', '.join(known)}; other keys: {', '.join(sections)}"
