"""DRAM parts: organisation, timing and currents from a file, energies derived from them.

The names of timings and currents in the files are those of the JEDEC standards (JESD209-3 for
LPDDR3, JESD209-4 for LPDDR4). Energies follow the usual IDD method (DRAMPower, DRAMsim3): a
command costs what its current adds to the background of the state it runs in, so that the energy
of a run is *counts x energy per command + residency x standby power*.
"""

from __future__ import annotations

from itertools import pairwise
from math import fsum
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document
from accelsim.inputs.quantities import Amperes, Bits, Bytes, PartKelvin, Seconds, Volts
from accelsim.inputs.validation import ConfigModel, RuleError, validate
from accelsim.memory.dram_rules import ARRAY_SHARES, RULES, ArrayShare
from accelsim.memory.files import load_file, shipped_technologies
from accelsim.memory.no_such_part import problems, refuse
from accelsim.memory.temperature import Currents, at_temperature

Direction = Literal["read", "write"]
DramState = Literal["active_standby", "precharge_standby", "power_down", "self_refresh"]
DRAM_STATES: tuple[DramState, ...] = get_args(DramState)
_TRANSFERS_PER_CLOCK = 2  # Double data rate, by definition of the LPDDR families.
# An assumption for LPDDR2 and LPDDR3, so that it is told and not charged.
_PINS = "pins without termination take some 17 to 29 pJ a byte"

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

    @property
    def burst_size(self) -> int:
        """Bytes that one burst of one device moves."""
        return self.device_width * self.burst_length // 8

    @property
    def capacity(self) -> int:
        """Bytes of one device."""
        return self.banks * self.rows * self.page_size


class Timing(ConfigModel):
    """Times between commands, in seconds; the JEDEC name of each is its key in the file.

    What is not ``refreshed`` never forgets (MRAM): its tREFI is longer than any run.
    """

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
    refreshed: bool = True
    refresh_cycle: PositiveSeconds = Field(alias="tRFCab", description="all banks")
    refresh_interval: PositiveSeconds = Field(alias="tREFI")
    power_down_exit: Seconds = Field(alias="tXP")
    power_down_minimum: Seconds = Field(alias="tCKE", description="shortest stay in power-down")
    self_refresh_exit: Seconds = Field(alias="tXSR")
    self_refresh_minimum: Seconds = Field(alias="tSR", description="shortest self refresh")

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

    def power_above_active(self, current: float) -> float:
        """Return V x (current - IDD3N): what a command adds to the open-row background [W]."""
        return self.voltage * (current - self.active_standby)

    def activate_energy(self, timing: Timing) -> float:
        """Return V [IDD0 tRC - (IDD3N tRAS + IDD2N tRP)], an activate with its precharge [J]."""
        opened, closing = timing.activate_to_precharge, timing.precharge
        background = self.active_standby * opened + self.precharge_standby * closing
        return self.voltage * (self.activate_precharge * (opened + closing) - background)


class Power(ConfigModel):
    """Supplies of one device: core VDD1 and VDD2; data pins VDDQ, where its currents are known.

    DDR has a core of VPP, here VDD1, and VDD, here VDD2; DDR3 the latter alone.
    """

    source: Source
    vdd1: Rail | None = Field(None, alias="VDD1")
    vdd2: Rail = Field(alias="VDD2")
    vddq: Rail | None = Field(None, alias="VDDQ")

    @property
    def core(self) -> tuple[Rail, ...]:
        """The supplies of the core."""
        return (self.vdd2,) if self.vdd1 is None else (self.vdd1, self.vdd2)

    @property
    def interface(self) -> tuple[Rail, ...]:
        """The supply of the data pins; empty where the source has none."""
        return () if self.vddq is None else (self.vddq,)


class SelfRefresh(ConfigModel):
    """What IDD6 stands for: ``stated_at`` a temperature, for the whole array.

    ``relative`` are self-refresh currents at other temperatures, all in one measure, ``partial``
    what is left of the current when a share of the array is refreshed.
    """

    source: Source
    stated_at: PartKelvin
    relative: Currents
    partial: dict[ArrayShare, Annotated[float, Field(gt=0, le=1)]]

    @model_validator(mode="after")
    def _less_of_less(self) -> SelfRefresh:
        known = sorted(self.partial.items(), key=lambda each: ARRAY_SHARES[each[0]])
        wrong = [
            (("partial", small), f"{less:g} is more than {more:g} of {large} of the array")
            for (small, less), (large, more) in pairwise(known)
            if less > more
        ]
        if wrong:
            raise RuleError(*wrong)
        return self


class DramTechnology(ConfigModel):
    """One DRAM device; all energies and powers are of one device and derived, never stored.

    Interface energies are zero where the source knows no VDDQ current. The controller and the
    PHY on the chip are in none of them. ``estimated`` names figures that no public table states.
    """

    kind: Literal["dram"]
    name: str
    description: str = ""
    estimated: str = ""
    organisation: Organisation
    timing: Timing
    power: Power
    self_refresh: SelfRefresh

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
    def unpriced(self) -> str:
        """What its energies leave out although it costs, or rest on; empty where nothing is."""
        told = []
        if self.estimated:
            told.append(f"{self.name}: {self.estimated} are recollected or estimated, +-50 %")
        if self.power.vddq is None:
            told.append(
                f"{self.name}: no price of data pins, its source has no current of VDDQ; {_PINS}"
            )
        return "; ".join(told)

    @property
    def burst_time(self) -> float:
        """Time of one burst on the data pins: BL / 2 x tCK [s]."""
        clocks = self.organisation.burst_length / _TRANSFERS_PER_CLOCK
        return clocks * self.timing.clock_period

    @property
    def peak_bandwidth(self) -> float:
        """Bytes per second on the data pins: device_width / 8 x 2 / tCK [B/s]."""
        data_rate = _TRANSFERS_PER_CLOCK / self.timing.clock_period
        return self.organisation.device_width / 8 * data_rate

    @property
    def activate_energy(self) -> float:
        """One activate with its precharge [J]; see ``Rail``."""
        return fsum(rail.activate_energy(self.timing) for rail in self._rails)

    @property
    def refresh_energy(self) -> float:
        """One all-bank refresh above active standby: V (IDD5 - IDD3N) tRFCab [J]."""
        power = fsum(rail.power_above_active(rail.refresh) for rail in self._rails)
        return power * self.timing.refresh_cycle

    def burst_energy(self, kind: Direction, *supplies: tuple[Rail, ...]) -> float:
        """Return V (IDD4R or IDD4W - IDD3N) BL/2 tCK, of core and data pins unless told [J]."""
        return fsum(
            fsum(rail.power_above_active(getattr(rail, kind)) for rail in rails) * self.burst_time
            for rails in supplies or (self.power.core, self.power.interface)
        )

    def standby_power(self, state: DramState, *supplies: tuple[Rail, ...]) -> float:
        """Return V x (IDD3N, IDD2N, IDD2P or IDD6), of core and data pins unless told [W]."""
        return fsum(
            fsum(rail.voltage * getattr(rail, state) for rail in rails)
            for rails in supplies or (self.power.core, self.power.interface)
        )

    def self_refresh_factor(self, temperature: float, share: ArrayShare = "all") -> float:
        """Return self-refresh over V x IDD6, at a temperature [K], of a share of the array."""
        known = self.self_refresh
        if share != "all" and share not in known.partial:
            shares = ", ".join(known.partial) or "no share"
            raise ConfigError(f"refreshed: {self.name} states {shares}, not '{share}'")
        part = known.partial[share] if share != "all" else 1.0
        stated = at_temperature(known.relative, known.stated_at)
        return part * at_temperature(known.relative, temperature) / stated

    def stream_energy(self, kind: Direction) -> float:
        """Return the energy per byte of endless sequential access at peak bandwidth [J/B].

        (core + interface of a burst) / burst size + activate / page size + (active standby of
        the core + refresh energy / tREFI) / peak bandwidth.
        """
        background = self.standby_power("active_standby", self.power.core) + self.refresh_power
        return self.moved_energy(kind) + background / self.peak_bandwidth

    def moved_energy(self, kind: Direction) -> float:
        """Return the energy of a byte of such an access above the background [J/B]."""
        row = self.activate_energy / self.organisation.page_size
        return self.burst_energy(kind) / self.organisation.burst_size + row

    @property
    def refresh_power(self) -> float:
        """Mean of the refreshes outside self-refresh, above the standby they interrupt [W]."""
        return self.refresh_energy / self.timing.refresh_interval

    @property
    def _rails(self) -> tuple[Rail, ...]:
        return self.power.core + self.power.interface


def prices(
    technology: DramTechnology, devices: int = 1, self_refresh: float = 1.0
) -> dict[str, dict[str, float]]:
    """Return what one channel pays: ``joules`` of each count and ``watts`` of each state.

    Core and data pins together, all ``devices`` of the channel; the sum of counts x joules and
    residency x watts is the energy of a run. ``joules["refresh"]`` is for counted refreshes;
    those inside self refresh are part of its power, V x IDD6 times a factor.
    """
    joules = {
        "activate": technology.activate_energy,
        "read_burst": technology.burst_energy("read"),
        "write_burst": technology.burst_energy("write"),
        "refresh": technology.refresh_energy,
    }
    watts = {state: technology.standby_power(state) for state in DRAM_STATES}
    watts["self_refresh"] *= self_refresh
    return {
        "joules": {name: devices * price for name, price in joules.items()},
        "watts": {state: devices * power for state, power in watts.items()},
    }


def load_dram(name_or_path: str | Path) -> DramTechnology:
    """Return a shipped part such as ``lpddr4_3200``, or the part in a YAML file.

    Raises ConfigError when there is no such part or the file is wrong. Equal contents of a file are
    one part.
    """
    return load_file(name_or_path, read_dram, "DRAM part", "dram", siblings=("burst_memory",))


def read_dram(document: Document) -> DramTechnology:
    """Return the part of a document, refused where no part is so. Raises ConfigError."""
    part = validate(document, DramTechnology)
    refuse(document, problems(part, RULES))
    return part


def list_drams() -> list[str]:
    """Return the names of the shipped DRAM parts, sorted."""
    return sorted(shipped_technologies("dram"))
