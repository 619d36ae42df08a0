"""Shape and timing of a DRAM part, refused where no part of the JEDEC standards is so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from accelsim.inputs.quantities import Bits, Bytes, Seconds
from accelsim.inputs.validation import ConfigModel

_BITS_PER_BYTE = 8
# Data pins [b], transfers of a burst, and bytes of a page of the parts of JESD209 and JESD79.
_SHAPES = {
    "device_width": (4, 8, 16, 32),
    "burst_length": (2, 4, 8, 16, 32),
    "page_size": (512, 1024, 2048, 4096),
}
# The longest interval between refreshes of any of them (128 Mb LPDDR), at up to 85 C [s].
_LONGEST_REFRESH_INTERVAL = 15.625e-6
# The first holds the second.
_HOLDS = (("tRAS", "tRCD"), ("tFAW", "tRRD"), ("tXSR", "tRFCab"))
_AT_LEAST = {name: (other, other) for name, other in _HOLDS}

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

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Yield the keys of shapes that JESD209 and JESD79 have no part of, and what is wrong."""
        for name, known in _SHAPES.items():
            value = getattr(self, name)
            if value not in known:
                expected = ", ".join(map(str, known))
                yield name, f"{value} is that of no part; expected one of {expected}"

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

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Yield the keys of times that contradict others or any part, and what is wrong."""
        fields = type(self).model_fields.items()
        times = {field.alias or name: getattr(self, name) for name, field in fields}
        least = {name: ("tCK", "a clock") for name in times if name not in {"tCK", "source"}}
        for name, (other, said) in (least | _AT_LEAST).items():
            if times[name] is not None and times[name] < times[other] * (1 - 1e-9):
                yield name, f"{times[name]:g} s is shorter than {said} of {times[other]:g} s"
        if times["tREFI"] > _LONGEST_REFRESH_INTERVAL * (1 + 1e-9):
            most = f"{1e6 * _LONGEST_REFRESH_INTERVAL:g} us of the least demanding part"
            yield "tREFI", f"{times['tREFI']:g} s is longer than the {most}"

    @property
    def precharge_all_time(self) -> float:
        """The time tRPab [s]; tRP where the source does not tell them apart."""
        return self.precharge if self.precharge_all is None else self.precharge_all
