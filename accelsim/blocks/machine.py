"""All blocks of a machine, by name and port."""

from __future__ import annotations

from accelsim.blocks.block import Block
from accelsim.blocks.dram_block import Dram
from accelsim.blocks.interconnect import Bus, Codec, Host, Supply
from accelsim.blocks.memory import BufferPort, Memory
from accelsim.blocks.pe_array import PeArray
from accelsim.blocks.sfu import SpecialFunctionUnit
from accelsim.config.hardware import HardwareConfig
from accelsim.errors import ProgramError
from accelsim.memory.regions import regions
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
        self._add(Supply("power", to_ticks(hardware.power.wake_up_time)))

    def _add_memories(self) -> None:
        size = self.hardware.pe_array.vector_size
        for name, region in regions(self.hardware).items():
            if region.kind != "buffer":
                self._add(Memory(name, region, self.period))
                continue
            for port in _PORTS:
                block = BufferPort(f"{name}.{port}", size, self.period)
                self._add(block)
                self._ports[name, port] = block
