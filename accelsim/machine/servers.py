"""The servers of a machine, by name and port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from accelsim.errors import ConfigError
from accelsim.machine.components.base import ANY
from accelsim.machine.components.bus import BusConfig
from accelsim.machine.components.clocked import ClockedServer
from accelsim.machine.components.off_chip import OffChipServer
from accelsim.machine.components.server import Server
from accelsim.machine.components.supply import Supply
from accelsim.machine.operating_points import OperatingPoint
from accelsim.machine.schema import HardwareConfig
from accelsim.program import Demand, Transfer, Use, Words
from accelsim.units import Tick, period_of


class Machine:
    """The servers of one machine, freshly built: every run has its own.

    ``blocks`` are all of them by the name of their port, such as ``weight_buffer.read``.
    """

    def __init__(self, hardware: HardwareConfig) -> None:
        self.hardware = hardware
        self.period: Tick = period_of(hardware.clock.frequency)
        self._ports: dict[tuple[str, str], Server] = {}
        site = hardware.site
        for name, component in hardware.components.items():
            for port, server in component.servers(name, site).items():
                self._ports[name, port] = server
        self.blocks: dict[str, Server] = {}
        for (name, _), server in self._ports.items():
            if server.name in self.blocks:
                wrong = f"component '{name}' calls a server '{server.name}', as another is called"
                raise ConfigError(f"{wrong}; begin its name with '{name}'")
            self.blocks[server.name] = server
        for server in self.blocks.values():
            server.connect(self.port)
        dram = self.blocks.get("dram")
        self.dram = dram if isinstance(dram, OffChipServer) else None

    @property
    def ports(self) -> Iterable[tuple[tuple[str, str], Server]]:
        """Every server with its block and action; one for all actions is of ``ANY``."""
        return self._ports.items()

    @property
    def clocks(self) -> Iterator[tuple[str, str, bool]]:
        """Yield (block, port, whether it may stop) of every clock: of a port, of the supply."""
        stops = self.hardware.power.clock_gating == "blocks"
        for (block, _), server in self._ports.items():
            if isinstance(server, (ClockedServer, Supply)):
                yield block, server.name, stops and isinstance(server, ClockedServer)

    @property
    def bursts(self) -> dict[str, Tick]:
        """Ticks of a turn at each port that serves several masters in turn, if any does.

        A burst of the bus with its gap, and as many bytes of the activation memory.
        """
        if not (size := self.dram_turn):
            return {}
        name, memory = self.hardware.name_of(BusConfig), self.hardware.placement.activations
        word = self.hardware.memories[memory].word
        one, two = (self._ticks(name, "transfer", Transfer(n * size)) for n in (1, 2))
        words = Words(max(1, 8 * size // word))
        return {name: two - one, memory: self._ticks(memory, "read", words)}

    @property
    def dram_turn(self) -> int:
        """Bytes of a turn at the DRAM, a burst of the bus before it; 0 where it serves whole uses.

        Without a bus, masters reach the DRAM as its machine says.
        """
        buses = [each for each in self.hardware.further.values() if isinstance(each, BusConfig)]
        if not buses or buses[0].arbitration == "use":
            return 0
        return buses[0].burst_bytes

    def _ticks(self, block: str, action: str, demand: Demand) -> Tick:
        return self.port(block, action).occupancy(Use(block, action, demand), 0)

    def port(self, block: str, action: str) -> Server:
        """Return the server of an action that a block has: buffers have one for each direction."""
        return self._ports.get((block, action)) or self._ports[block, ANY]

    def move_to(self, point: OperatingPoint | None) -> None:
        """Run the clock at a point (None: nominal) from now on, when all booked has ended."""
        frequency = point.frequency if point else self.hardware.clock.frequency
        self.period = period_of(frequency)
        for server in self.blocks.values():
            if isinstance(server, ClockedServer):
                server.retime(self.period)
