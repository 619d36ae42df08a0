"""All blocks of a machine, by name and port."""

from __future__ import annotations

from accelsim.errors import ProgramError
from accelsim.machine.components.clocked import ClockedBlock
from accelsim.machine.components.dram_block import Dram
from accelsim.machine.components.interconnect import Bus, Codec, Host, Supply
from accelsim.machine.components.memory import BufferPort, Memory
from accelsim.machine.components.pe_array import PeArray
from accelsim.machine.components.server import Block
from accelsim.machine.components.sfu import SpecialFunctionUnit
from accelsim.machine.power import OperatingPoint
from accelsim.machine.regions import regions
from accelsim.machine.schema import HardwareConfig
from accelsim.units import Tick, period_of, to_ticks

_PORTS = ("read", "write")


class Machine:
    """The blocks of one machine, freshly built: every run has its own."""

    def __init__(self, hardware: HardwareConfig) -> None:
        self.hardware = hardware
        self.period: Tick = period_of(hardware.clock.frequency)
        self.blocks: dict[str, Block] = {}
        self._ports: dict[tuple[str, str], Block] = {}
        self._add_compute()
        self._add_memories()
        self.dram = Dram("dram", hardware.dram) if hardware.dram else None
        if self.dram:
            self._add(self.dram)

    def port(self, block: str, action: str) -> Block:
        """Return the server of an action: buffers have one for each direction.

        Raises ProgramError when the machine has no such block.
        """
        port = self._ports.get((block, action)) or self.blocks.get(block)
        if port is None:
            known = ", ".join(self.blocks)
            raise ProgramError(f"no block serves '{action}' of '{block}'; known blocks: {known}")
        return port

    def move_to(self, point: OperatingPoint | None) -> None:
        """Run the clock at an operating point (None: the nominal one) from now on.

        Nothing may be booked beyond this tick.
        """
        frequency = point.frequency if point else self.hardware.clock.frequency
        self.period = period_of(frequency)
        for block in self.blocks.values():
            if isinstance(block, ClockedBlock):
                block.retime(self.period)

    def _add(self, block: Block) -> None:
        self.blocks[block.name] = block

    def _add_compute(self) -> None:
        hardware, period = self.hardware, self.period
        size = hardware.pe_array.vector_size
        self._add(PeArray("pe_array", hardware.pe_array, period))
        self._add(SpecialFunctionUnit("sfu", hardware.sfu, size, period))
        self._add(Codec("codec", period))
        self._add(Bus("bus", hardware.bus, size, period))
        self._add(Host("host", hardware.host, period))
        self._add(Supply("power", _supply_times(hardware)))

    def _add_memories(self) -> None:
        scaling = self.hardware.scaling
        for name, region in regions(self.hardware).items():
            if region.kind != "buffer":
                scales = bool(scaling and scaling.memories and region.array.volatile)
                self._add(Memory(name, region, self.period, scales=scales))
                continue
            for port in _PORTS:
                block = BufferPort(f"{name}.{port}", self.period)
                self._add(block)
                self._ports[name, port] = block


def _supply_times(hardware: HardwareConfig) -> dict[str, Tick]:
    """Return how long each change of supply or clock takes, by action."""
    power = hardware.power
    seconds = {"wake_up": power.wake_up_time}
    if power.clock_gated:
        seconds["wake_up_clock"] = power.clock_gated.wake_up_time
    if power.retention:
        seconds["wake_up_retention"] = power.retention.wake_up_time
    if hardware.scaling:
        seconds["settle"] = hardware.scaling.settle_time
    return {action: to_ticks(time) for action, time in seconds.items()}
