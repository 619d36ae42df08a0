"""Shape and timing of a DRAM part; ``dram_rules`` says what no part is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from accelsim.inputs.quantities import Bits, Bytes, Seconds
from accelsim.inputs.validation import ConfigModel

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

    @property
    def burst_size(self) -> int:
        """Bytes that one burst of one device moves."""
        return self.device_width * self.burst_length // _BITS_PER_BYTE

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
