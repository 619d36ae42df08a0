"""What an accelerator is: who turns graphs and transfers into programs for a machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from accelsim.errors import MappingError
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.cache import InferenceProgram, SegmentCache
from accelsim.model.graph import LayerGraph
from accelsim.placement.placement import Placement
from accelsim.program import Program, Use


@dataclass(frozen=True)
class Gap:
    """Something that the accelerator cannot run: an operator of a graph, and why."""

    operator: str
    reason: str

    def __str__(self) -> str:
        return f"{self.operator}: {self.reason}"


class Accelerator(ABC):
    """One file or folder here: a subclass with the name that machine files call it by.

    It has no state: what it needs to know of a machine it reads from the machine's components.
    """

    name: ClassVar[str]

    @abstractmethod
    def gaps(self, graph: LayerGraph, machine: HardwareConfig) -> tuple[Gap, ...]:
        """Return what of a graph the machine cannot run; asked before anything is compiled."""

    @abstractmethod
    def compile(
        self,
        graph: LayerGraph,
        placement: Placement,
        machine: HardwareConfig,
        base_address: int,
        cache: SegmentCache,
    ) -> InferenceProgram:
        """Return the program of one inference.

        DRAM addresses of parameters and spilled activations start at ``base_address``; ``cache``
        belongs to the machine. Raises CapacityError when an activation or a panel cannot fit.
        """

    @abstractmethod
    def start(self, machine: HardwareConfig) -> tuple[Use, ...]:
        """Return what starting one command takes, beside the command itself."""

    @abstractmethod
    def settle(self, machine: HardwareConfig) -> Program:
        """Return the program of one change of the operating point."""

    def check(self, graph: LayerGraph, machine: HardwareConfig) -> None:
        """Raise MappingError that names all gaps of a graph at once."""
        if gaps := self.gaps(graph, machine):
            listed = "; ".join(map(str, gaps))
            raise MappingError(f"the machine '{machine.name}' ({self.name}) cannot run {listed}")
