"""The components of a cluster with an NE16 engine, by the names that its programs use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_type_hints

from accelsim.machine.components.base import Component
from accelsim.machine.components.bus import BusConfig
from accelsim.machine.components.core_cluster import CoreClusterConfig
from accelsim.machine.components.host import HostConfig
from accelsim.machine.components.ne16 import Ne16Config
from accelsim.machine.components.scratchpad import ScratchpadConfig
from accelsim.machine.schema import HardwareConfig

ENGINE, CORES, L1, DMA = "engine", "cores", "l1", "dma"


@dataclass(frozen=True)
class Parts:
    """What the mapping asks of its machine."""

    engine: Ne16Config
    cores: CoreClusterConfig
    l1: ScratchpadConfig
    dma: BusConfig
    host: HostConfig


COMPONENTS: dict[str, type[Component]] = get_type_hints(Parts)


def parts_of(machine: HardwareConfig) -> Parts:
    """Return the components. Raises ConfigError for one that is missing or of another kind."""
    found: dict[str, Any] = {n: machine.component(n, kind) for n, kind in COMPONENTS.items()}
    return Parts(**found)
