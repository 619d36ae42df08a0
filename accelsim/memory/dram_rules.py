"""What no DRAM of the JEDEC standards is: ranges, and what its figures are held against."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, get_args

from accelsim.memory.no_such_part import MIB, ROUNDING, Figures, Limit, Rule, Shape, density, one_of

ArrayShare = Literal["all", "1/2", "1/4", "1/8", "1/16"]
# What self-refresh can be limited to (JESD209-4, PASR masks of banks and segments).
ARRAY_SHARES: dict[ArrayShare, Fraction] = {
    share: Fraction(1 if share == "all" else share) for share in get_args(ArrayShare)
}
# The least of each time that any part has [s]; a hundredth is left for rounded clocks.
_LEAST_TIMES = {
    "tCK": (0.208e-9, "the clock of LPDDR5X-9600 (JESD209-5C)"),
    "tRCD": (10e-9, "that of DDR3-1600G (JESD79-3)"),
    "tRP": (10e-9, "that of DDR3-1600G (JESD79-3)"),
    "tRAS": (25e-9, "that of DRAMSys' STT-MRAM; DDR4-3200 (JESD79-4) has 32 ns"),
    "tRL": (10e-9, "that of DDR3-1600G (JESD79-3)"),
    "tWL": (5e-9, "a clock of DDR-400 (JESD79)"),
    "tWR": (12e-9, "that of LPDDR-400 (JESD209)"),
    "tRTP": (5e-9, "a clock of DDR-400 (JESD79)"),
    "tWTR": (2.5e-9, "between bank groups of DDR4 (JESD79-4)"),
    "tRRD": (1.8e-9, "8 clocks of DDR5-8800 (JESD79-5)"),
    "tFAW": (7.2e-9, "32 clocks of DDR5-8800 (JESD79-5)"),
    "tXP": (5e-9, "a clock of DDR-400 (JESD79)"),
    "tCKE": (5e-9, "a clock of DDR-400 (JESD79)"),
    "tSR": (5e-9, "a clock of DDR-400 (JESD79)"),
}
_CLOCKED = (*list(_LEAST_TIMES)[1:], "tRPab", "tCCD", "tXSR", "tRFCab", "tREFI")
# Refreshes of the least density [b] up to each, in the finest granularity [s]: JESD79 (256 Mb),
# JESD79-4 (tRFC4: 2, 4 Gb), JESD79-5 (tRFC2: 8, 16, 32 Gb).
_REFRESH_CYCLES = {29: 70e-9, 31: 90e-9, 32: 110e-9, 33: 130e-9, 34: 160e-9, 99: 220e-9}
# Volts of what the files call VDD1, VDD2 and VDDQ.
_SUPPLIES = {
    "VDD1": (1.7, 2.75, "VDD1 of JESD209-4 to VPP of JESD79-4"),
    "VDD2": (0.87, 2.7, "VDD2L of JESD209-5 to VDD of JESD79"),
    "VDDQ": (0.27, 2.7, "VDDQ of JESD209-5 to that of JESD79"),
}
LEAST_REFRESH = 0.25e-6 / MIB  # W/B
LEAST_REFRESH_SAID = "half of the thriftiest refresh known (0.54 uW/MiB, VDD2 of lpddr4_3200.yaml)"


def _bytes(figures: Figures) -> float:
    names = ("banks", "rows", "page_size")
    banks, rows, page = (figures[f"organisation.{name}"] for name in names)
    return banks * rows * page


def _refresh_cycle(figures: Figures) -> float:
    bits = 8 * _bytes(figures)
    return next(time for power, time in _REFRESH_CYCLES.items() if bits <= 2**power)


def _refreshed(figures: Figures) -> bool:
    return bool(figures["timing.refreshed"])


def _activate(figures: Figures) -> float:
    """Return the mean of IDD3N for tRAS and of IDD2N for tRP: an activation of no energy [A]."""
    open_, closed = figures["timing.tRAS"], figures["timing.tRP"]
    return (figures["IDD3N"] * open_ + figures["IDD2N"] * closed) / (open_ + closed)


def _self_refresh(figures: Figures) -> float:
    """Return IDD2P and refreshes twice as often as tREFI, as above 85 C (JESD209-4) [A]."""
    share = figures["timing.tRFCab"] / figures["timing.tREFI"]
    return figures["IDD2P"] + 2 * share * max(0.0, figures["IDD5"] - figures["IDD3N"])


def _deeper(name: str, deeper: str) -> Limit:
    # 0 where the source has no such current of a rail; of VDD2 it is refused.
    return Limit(
        f"power.*.{name}", "A", f"{deeper} of a deeper state",
        least=lambda f: f[deeper], applies=lambda f: f[name] > 0,
    )  # fmt: skip


def _command(name: str, *, rail: str = "*", above: bool = False) -> Limit:
    """Return the rule that a command gives no energy, or costs some where ``above``."""
    said = "IDD3N; a command would " + ("be free" if above else "give energy")
    return Limit(f"power.{rail}.{name}", "A", said, lambda f: f["IDD3N"], above=above)


_IDD0 = "the mean of IDD3N (tRAS) and IDD2N (tRP); a command would"

RULES: tuple[Rule, ...] = (
    # Data pins [b], transfers of a burst, bytes of a page of JESD209 and JESD79.
    one_of("organisation.device_width", 4, 8, 16, 32),
    one_of("organisation.burst_length", 2, 4, 8, 16, 32),
    one_of("organisation.banks", 2, 4, 8, 16, 32, 64),
    one_of("organisation.page_size", 512, 1024, 2048, 4096),
    Shape("organisation.rows", density, "2^n or 3 x 2^n, densities of JESD209 and JESD79"),
    Limit("organisation.rows", "", "rows of JESD79-5 (R0 to R17)", least=1024, most=2**18),
    Limit(
        "organisation.rows", "", "rows of 64 Gb, the largest device of JESD79-5",
        most=lambda f: 8 * 2**30 / (f["banks"] * f["page_size"]),
    ),
    *(
        Limit(f"timing.{name}", "s", said, least, rounding=ROUNDING)
        for name, (least, said) in _LEAST_TIMES.items()
    ),
    *(
        Limit(f"timing.{name}", "s", "a clock (tCK)", lambda f: f["tCK"], rounding=ROUNDING)
        for name in _CLOCKED
    ),
    Limit("timing.tRPab", "s", "tRP of one bank", lambda f: f["tRP"]),
    Limit("timing.tRAS", "s", "tRCD within it", lambda f: f["tRCD"]),
    Limit("timing.tFAW", "s", "tRRD within it", lambda f: f["tRRD"]),
    Limit(
        "timing.tCCD", "s", "a burst of BL/2 clocks",
        lambda f: f["organisation.burst_length"] / 2 * f["tCK"], rounding=ROUNDING,
    ),
    Limit(
        "timing.tRFCab", "s", "that of the fastest part of its density (JESD79, 79-4, 79-5)",
        _refresh_cycle, applies=_refreshed, rounding=ROUNDING,
    ),
    Limit("timing.tXSR", "s", "tRFCab within it", lambda f: f["tRFCab"]),
    Limit(
        "timing.tREFI", "s", "the interval of the least demanding part (128 Mb, JESD209)",
        most=15.625e-6, applies=_refreshed,
    ),
    *(
        Limit(f"power.{rail}.voltage", "V", said, least, most)
        for rail, (least, most, said) in _SUPPLIES.items()
    ),
    # Of other rails a source may have none.
    *(
        Limit(f"power.VDD2.{name}", "A", "nothing rests for free", least=0.0, above=True)
        for name in ("IDD2P", "IDD2N", "IDD3N", "IDD6")
    ),
    Limit("power.*.IDD0", "A", f"{_IDD0} give energy", _activate, rounding=1 + 1e-9),
    Limit("power.VDD2.IDD0", "A", f"{_IDD0} be free", _activate, above=True),
    _deeper("IDD2N", "IDD2P"),
    _deeper("IDD3N", "IDD2N"),
    *(_command(name) for name in ("IDD4R", "IDD4W", "IDD5")),
    *(_command(name, rail="VDD2", above=True) for name in ("IDD4R", "IDD4W", "IDD5")),
    # Pins with a price that is nothing would hide that they have none.
    *(_command(name, rail="VDDQ", above=True) for name in ("IDD4R", "IDD4W")),
    Limit(
        "power.*.IDD6", "A", "IDD2P and refreshes twice as often as outside",
        most=_self_refresh, applies=lambda f: f["IDD2P"] > 0,
    ),
    # What of it all of the array's cells take at least.
    Limit(
        "power.VDD2.IDD6", "A", LEAST_REFRESH_SAID,
        lambda f: LEAST_REFRESH * _bytes(f) / f["voltage"], applies=_refreshed,
    ),
    *(
        Limit(f"self_refresh.partial.{share}", "", "the share itself", least=float(part))
        for share, part in ARRAY_SHARES.items()
    ),
)  # fmt: skip
