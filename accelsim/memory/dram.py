"""DRAM parts: organisation, timing and currents from a file, energies derived from them.

The names of timings and currents in the files are those of the JEDEC standards (JESD209-3 for
LPDDR3, JESD209-4 for LPDDR4). Energies follow the usual IDD method (DRAMPower, DRAMsim3): a
command costs what its current adds to the background of the state it runs in, so that the energy
of a run is *counts x energy per command + residency x standby power*.
"""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.document import read_document
from accelsim.inputs.files import is_file, read_bytes
from accelsim.inputs.quantities import Amperes, Bits, Bytes, Seconds, Volts
from accelsim.inputs.shipped import find_input, shipped_folder
from accelsim.inputs.validation import ConfigModel, validate

DramState = Literal["active_standby", "precharge_standby", "power_down", "self_refresh"]
DRAM_STATES: tuple[DramState, ...] = (
    "active_standby",
    "precharge_standby",
    "power_down",
    "self_refresh",
)

_TRANSFERS_PER_CLOCK = 2  # Double data rate, by definition of the LPDDR families.
_BITS_PER_BYTE = 8

PositiveSeconds = Annotated[Seconds, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
Source = Annotated[str, Field(min_length=1)]


class Organisation(ConfigModel):
    """Shape of one device: ``banks`` of ``rows`` of ``page_size``, ``device_width`` data pins."""

    source: Source
    device_width: Bits
    burst_length: PositiveInt
    banks: PositiveInt
    page_size: Bytes
    rows: PositiveInt

    @model_validator(mode="after")
    def _whole_bursts(self) -> Organisation:
        if self.device_width * self.burst_length % _BITS_PER_BYTE:
            raise ValueError("device_width x burst_length must be whole bytes")
        if self.page_size % self.burst_size:
            raise ValueError(
                f"page_size of {self.page_size} B is no multiple of a burst of "
                f"{self.burst_size} B (device_width x burst_length)"
            )
        return self

    @property
    def burst_size(self) -> int:
        """Bytes that one burst of one device moves."""
        return self.device_width * self.burst_length // _BITS_PER_BYTE

    @property
    def capacity(self) -> int:
        """Bytes of one device."""
        return self.banks * self.rows * self.page_size


class Timing(ConfigModel):
    """Times between commands, in seconds; the JEDEC name of each is its key in the file."""

    source: Source
    clock_period: PositiveSeconds = Field(alias="tCK")
    activate_to_column: Seconds = Field(alias="tRCD")
    precharge: Seconds = Field(alias="tRP", description="precharge of one bank")
    precharge_all: Seconds | None = Field(
        None, alias="tRPab", description="precharge of all banks; that of one bank if not given"
    )
    activate_to_precharge: Seconds = Field(alias="tRAS")
    read_latency: Seconds = Field(alias="tRL")
    write_latency: Seconds = Field(alias="tWL")
    write_recovery: Seconds = Field(alias="tWR", description="end of write data to precharge")
    read_to_precharge: Seconds = Field(alias="tRTP")
    write_to_read: Seconds = Field(alias="tWTR", description="end of write data to read command")
    column_to_column: Seconds = Field(alias="tCCD")
    activate_to_activate: Seconds = Field(alias="tRRD", description="between two banks")
    four_activates: Seconds = Field(alias="tFAW", description="holds at most four activates")
    refresh_cycle: PositiveSeconds = Field(alias="tRFCab", description="all banks")
    refresh_interval: PositiveSeconds = Field(alias="tREFI")
    power_down_exit: Seconds = Field(alias="tXP")
    power_down_minimum: Seconds = Field(alias="tCKE", description="shortest stay in power-down")
    self_refresh_exit: Seconds = Field(alias="tXSR")
    self_refresh_minimum: Seconds = Field(alias="tSR", description="shortest self refresh")

    @property
    def row_cycle(self) -> float:
        """The time tRC from activate to activate of one bank: tRAS + tRP [s]."""
        return self.activate_to_precharge + self.precharge

    @property
    def precharge_all_time(self) -> float:
        """The time tRPab [s]; tRP where the source does not tell them apart."""
        return self.precharge if self.precharge_all is None else self.precharge_all


class Rail(ConfigModel):
    """Voltage and mean currents of one supply; the JEDEC name of each is its key in the file."""

    voltage: Volts
    activate_precharge: Amperes = Field(alias="IDD0")
    power_down: Amperes = Field(alias="IDD2P")
    precharge_standby: Amperes = Field(alias="IDD2N")
    active_standby: Amperes = Field(alias="IDD3N")
    read: Amperes = Field(alias="IDD4R")
    write: Amperes = Field(alias="IDD4W")
    refresh: Amperes = Field(alias="IDD5", description="during tRFCab, all banks")
    self_refresh: Amperes = Field(alias="IDD6")

    def standby_power(self, state: DramState) -> float:
        """Return V x the current of a state [W]."""
        current: float = getattr(self, state)
        return self.voltage * current

    def power_above_active(self, current: float) -> float:
        """Return V x (current - IDD3N): what a command adds to the open-row background [W]."""
        return self.voltage * (current - self.active_standby)

    def activate_energy(self, timing: Timing) -> float:
        """Return V [IDD0 tRC - (IDD3N tRAS + IDD2N tRP)], an activate with its precharge [J]."""
        total = self.activate_precharge * timing.row_cycle
        background = self.active_standby * timing.activate_to_precharge
        background += self.precharge_standby * timing.precharge
        return self.voltage * (total - background)


class Power(ConfigModel):
    """Supplies of one device: core VDD1 and VDD2; data pins VDDQ, where its currents are known."""

    source: Source
    vdd1: Rail = Field(alias="VDD1")
    vdd2: Rail = Field(alias="VDD2")
    vddq: Rail | None = Field(None, alias="VDDQ")

    @property
    def core(self) -> tuple[Rail, ...]:
        """The supplies of the core."""
        return self.vdd1, self.vdd2

    @property
    def interface(self) -> tuple[Rail, ...]:
        """The supply of the data pins; empty where the source has none."""
        return () if self.vddq is None else (self.vddq,)


class DramTechnology(ConfigModel):
    """One DRAM device; all energies and powers are of one device and derived, never stored.

    Interface energies are zero where the source knows no VDDQ current. The controller and the
    PHY on the chip are in none of them.
    """

    kind: Literal["dram"]
    name: str
    description: str = ""
    organisation: Organisation
    timing: Timing
    power: Power

    @model_validator(mode="after")
    def _refresh_leaves_time(self) -> DramTechnology:
        timing = self.timing
        write = timing.write_latency + self.burst_time + timing.write_recovery
        busy = max(timing.activate_to_precharge, timing.read_to_precharge, write)
        busy += timing.precharge_all_time + timing.refresh_cycle + timing.activate_to_column
        busy += timing.power_down_minimum + timing.power_down_exit
        if busy >= timing.refresh_interval:
            raise ValueError(
                f"timing.tREFI of {timing.refresh_interval * 1e9:g} ns leaves no time between "
                f"refreshes; expected more than {busy * 1e9:g} ns (write, tRPab, tRFCab, tRCD, "
                "tCKE and tXP together)"
            )
        return self

    @property
    def burst_time(self) -> float:
        """Time of one burst on the data pins: BL / 2 x tCK [s]."""
        clocks = self.organisation.burst_length / _TRANSFERS_PER_CLOCK
        return clocks * self.timing.clock_period

    @property
    def data_rate(self) -> float:
        """Transfers per second of one data pin: 2 / tCK [1/s]."""
        return _TRANSFERS_PER_CLOCK / self.timing.clock_period

    @property
    def peak_bandwidth(self) -> float:
        """Bytes per second on the data pins: device_width / 8 x 2 / tCK [B/s]."""
        return self.organisation.device_width / _BITS_PER_BYTE * self.data_rate

    @property
    def activate_energy(self) -> float:
        """One activate with its precharge: V [IDD0 tRC - (IDD3N tRAS + IDD2N tRP)] [J]."""
        return sum(rail.activate_energy(self.timing) for rail in self._rails())

    @property
    def read_burst_energy(self) -> float:
        """Core energy of a read burst: V (IDD4R - IDD3N) BL/2 tCK over VDD1, VDD2 [J]."""
        return self._burst_energy(self.power.core, "read")

    @property
    def write_burst_energy(self) -> float:
        """Core energy of a write burst: V (IDD4W - IDD3N) BL/2 tCK over VDD1, VDD2 [J]."""
        return self._burst_energy(self.power.core, "write")

    @property
    def read_burst_interface_energy(self) -> float:
        """Data-pin energy of a read burst: V (IDD4R - IDD3N) BL/2 tCK of VDDQ [J]."""
        return self._burst_energy(self.power.interface, "read")

    @property
    def write_burst_interface_energy(self) -> float:
        """Data-pin energy of a write burst: V (IDD4W - IDD3N) BL/2 tCK of VDDQ [J]."""
        return self._burst_energy(self.power.interface, "write")

    @property
    def refresh_energy(self) -> float:
        """One all-bank refresh above active standby: V (IDD5 - IDD3N) tRFCab [J]."""
        power = sum(rail.power_above_active(rail.refresh) for rail in self._rails())
        return power * self.timing.refresh_cycle

    def standby_power(self, state: DramState) -> float:
        """Return the core's background power V x (IDD3N, IDD2N, IDD2P or IDD6) [W]."""
        return sum(rail.standby_power(state) for rail in self.power.core)

    def interface_standby_power(self, state: DramState) -> float:
        """Return the background power of VDDQ in a state [W]."""
        return sum(rail.standby_power(state) for rail in self.power.interface)

    @property
    def read_stream_energy(self) -> float:
        """Energy per byte of an endless sequential read at peak bandwidth [J/B].

        (core + interface of a burst) / burst size + activate / page size + (active standby of
        the core + refresh energy / tREFI) / peak bandwidth.
        """
        burst = self.read_burst_energy + self.read_burst_interface_energy
        return self._stream_energy(burst)

    @property
    def write_stream_energy(self) -> float:
        """Energy per byte of an endless sequential write at peak bandwidth, likewise [J/B]."""
        burst = self.write_burst_energy + self.write_burst_interface_energy
        return self._stream_energy(burst)

    def _stream_energy(self, burst: float) -> float:
        refresh_power = self.refresh_energy / self.timing.refresh_interval
        background = self.standby_power("active_standby") + refresh_power
        row = self.activate_energy / self.organisation.page_size
        return burst / self.organisation.burst_size + row + background / self.peak_bandwidth

    def _burst_energy(self, rails: tuple[Rail, ...], kind: Literal["read", "write"]) -> float:
        power = sum(rail.power_above_active(getattr(rail, kind)) for rail in rails)
        return power * self.burst_time

    def _rails(self) -> tuple[Rail, ...]:
        return self.power.core + self.power.interface


def prices(technology: DramTechnology, devices: int = 1) -> dict[str, dict[str, float]]:
    """Return what one channel pays: ``joules`` of each count and ``watts`` of each state.

    Core and data pins together, all ``devices`` of the channel; the sum of counts x joules and
    residency x watts is the energy of a run. ``joules["refresh"]`` is for counted refreshes;
    those inside self refresh are part of its power.
    """
    joules = {
        "activate": technology.activate_energy,
        "read_burst": technology.read_burst_energy + technology.read_burst_interface_energy,
        "write_burst": technology.write_burst_energy + technology.write_burst_interface_energy,
        "refresh": technology.refresh_energy,
    }
    watts = {
        state: technology.standby_power(state) + technology.interface_standby_power(state)
        for state in DRAM_STATES
    }
    return {
        "joules": {name: devices * price for name, price in joules.items()},
        "watts": {name: devices * price for name, price in watts.items()},
    }


def load_dram(name_or_path: str | Path) -> DramTechnology:
    """Return a shipped part such as ``lpddr4_3200``, or the part in a YAML file.

    Raises ConfigError when there is no such part or the file is wrong.
    """
    path = find_input(Path(name_or_path))
    if path.suffix not in (".yaml", ".yml"):
        path = _technology_folder() / f"{name_or_path}.yaml"
        if not (is_file(path) and _is_dram(path)):
            raise _unknown_part(str(name_or_path))
    return _load(path, read_bytes(path) if is_file(path) else b"")


def list_drams() -> tuple[str, ...]:
    """Return the names of the shipped DRAM parts, sorted."""
    return tuple(
        sorted(path.stem for path in _technology_folder().glob("*.yaml") if _is_dram(path))
    )


@lru_cache(maxsize=64)
def _load(path: Path, content: bytes) -> DramTechnology:
    """Read a file; ``content`` is there to tell what it holds from what it held."""
    return validate(read_document(path), DramTechnology)


def _unknown_part(name: str) -> ConfigError:
    close = difflib.get_close_matches(name, list_drams(), n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    shipped = ", ".join(list_drams())
    return ConfigError(
        f"unknown DRAM part '{name}'; {hint}expected one of {shipped}, or the path of a .yaml file"
    )


def _technology_folder() -> Path:
    return shipped_folder("hwconfigs") / "technologies"


def _is_dram(path: Path) -> bool:
    # A look at the kind keeps a mistake in another technology's file from hiding the DRAMs.
    return bool(re.search(rb"^kind:\s*dram\s*$", read_bytes(path), re.MULTILINE))
