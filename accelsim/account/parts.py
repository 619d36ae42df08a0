"""How energy is grouped for readers: what each part of a machine is called in every grouping."""

from __future__ import annotations

from typing import NamedTuple

from accelsim.machine.components.base import Part


class Groups(NamedTuple):
    """The group of a part in the energy of a round, by purpose, and in power over time."""

    round: str
    purpose: str
    power: str


GROUPS = {
    Part.COMPUTE: Groups("compute", "compute", "compute"),
    Part.BUS: Groups("bus and host", "bus and host", "bus and host"),
    Part.PARAMETERS: Groups("parameter memories", "memory accesses", "parameters"),
    Part.ACTIVATIONS: Groups("activation memory", "memory accesses", "buffers and activations"),
    Part.BUFFERS: Groups("buffers", "memory accesses", "buffers and activations"),
    Part.HOST: Groups("bus and host", "bus and host", "bus and host"),
    Part.DRAM: Groups("DRAM transfers", "DRAM transfers", "DRAM"),
    Part.SUPPLY: Groups("wake-up", "bus and host", "bus and host"),
}

# The command by which a DRAM keeps what it holds, whatever it is asked for.
REFRESH = "refresh"

# Each in the order of reports. What no part is called comes from leakage, clock, standby and, for
# the purposes, from the program that ran.
ROUND_PARTS = (
    "compute", "buffers", "activation memory", "parameter memories", "bus and host",
    "DRAM transfers", "DRAM refresh", "DRAM standby", "leakage of parameter memories",
    "leakage of the rest", "clock", "wake-up",
)  # fmt: skip
PURPOSES = (
    "compute", "memory accesses", "bus and host", "DRAM transfers", "switch", "wake-up",
    "voltage scaling", "memory leakage", "logic leakage", "clock", "DRAM refresh", "DRAM standby",
)  # fmt: skip
STATIC = "leakage and clock"
POWER_PARTS = ("compute", "parameters", "buffers and activations", "bus and host", "DRAM", STATIC)
