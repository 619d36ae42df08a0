"""The schema of a machine: ``hwconfigs/*.yaml``.

A machine names its blocks, memories, DRAM and placement. ``base:`` takes over another machine
file and lays this one over it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import model_validator

from accelsim.errors import AccelsimError
from accelsim.inputs.plugins import is_outside
from accelsim.inputs.validation import RuleError, validate
from accelsim.machine.files import hardware_document
from accelsim.machine.off_chip import off_chip_kind
from accelsim.machine.rules import broken_rules
from accelsim.machine.sections import MachineSections


class HardwareConfig(MachineSections):
    """One machine: its components, and what they stand on.

    Every further key is a component: ``sfu: {kind: special_function_unit, ...}``. ``accelerator``
    names who compiles models for it. A component or memory that is ``null`` is left out.
    """

    @model_validator(mode="after")
    def _placement_names_memories(self) -> HardwareConfig:
        wrong = [*broken_rules(self)]
        if wrong:
            raise RuleError(*wrong)
        return self


def same_sections(
    data: dict[str, Any], was: dict[str, Any], machine: HardwareConfig
) -> dict[str, Any]:
    """Return the sections of a machine's data which are the very ones that another was made of.

    ``was`` is the data of that one. What they are validated to depends on nothing else, but for
    components of plug-ins, which may read files and wires.
    """
    alone = ("process", "clock", "scaling", "power", "overlap", "mapping")
    own = {name: getattr(machine, name) for name in alone}
    own |= {n: each for n, each in machine.further.items() if not is_outside(type(each))}
    if off_chip_kind(data.get("dram")) == off_chip_kind(machine.dram):
        own["dram"] = machine.dram
    found = {n: own[n] for n, each in data.items() if n in own and each is was.get(n, machine)}
    before, memories = was.get("memories"), machine.memories
    if isinstance(before, dict) and isinstance(data.get("memories"), dict):
        found["memories"] = {
            n: memories[n] if n in memories and each is before.get(n) else each
            for n, each in data["memories"].items()
        }
    return found


def resolved(machine: HardwareConfig) -> HardwareConfig:
    """Return a machine that reads no file any more: its arrays, prices and keys are worked out.

    What the technology tables do not have is told when it is asked for.
    """
    with suppress(AccelsimError):
        for name in ("regions", "datasheets", "layout", "timing", "nominal_timing"):
            getattr(machine, name)
        for each in machine.facts.values():
            each.told("servers", machine.site)
    return machine


def load_hardware(path: Path | str, overrides: tuple[str, ...] = ()) -> HardwareConfig:
    """Return a file's machine, overrides applied. Raises ConfigError, a line a problem."""
    return validate(hardware_document(Path(path), overrides), HardwareConfig)
