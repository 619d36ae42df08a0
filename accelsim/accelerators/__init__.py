"""The accelerators that a machine can be: how a model is compiled for each.

A new accelerator is one new file or folder here: a subclass of Accelerator with a name of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelsim.accelerators.base import Accelerator as Accelerator
from accelsim.accelerators.base import Gap as Gap
from accelsim.errors import ConfigError
from accelsim.inputs.document import Document
from accelsim.inputs.paths import format_path
from accelsim.inputs.plugins import Registry
from accelsim.inputs.validation import validate
from accelsim.machine.files import hardware_document
from accelsim.machine.schema import HardwareConfig, same_sections

ACCELERATORS = Registry(__name__, Accelerator, "accelsim.accelerators", "accelerator")


def load_machine(path: Path | str, overrides: tuple[str, ...] = ()) -> HardwareConfig:
    """Return the machine of a YAML file, as its accelerator needs it.

    Raises ConfigError with one line for each problem.
    """
    return machine_of(hardware_document(Path(path), overrides))


def machine_of(
    document: Document, last: tuple[dict[str, Any], HardwareConfig] | None = None
) -> HardwareConfig:
    """Return the machine of a document, as its accelerator needs it. Raises ConfigError.

    Sections that are the very ones of the ``last``, its data and machine, are not validated again.
    """
    known = same_sections(document.data, *last) if last else {}
    machine = validate(document, HardwareConfig, known)
    try:
        accelerator = find_accelerator(machine.accelerator)
    except ConfigError as error:
        raise document.error(("accelerator",), str(error)) from None
    if problems := [str(document.misfit(*each)) for each in accelerator.problems(machine)]:
        raise ConfigError("\n".join(problems))
    return machine


def accelerator_of(machine: HardwareConfig) -> Accelerator:
    """Return who compiles for a machine. Raises ConfigError for one that does not do."""
    accelerator = find_accelerator(machine.accelerator)
    for path, message in accelerator.problems(machine):
        raise ConfigError(f"machine '{machine.name}': {format_path(path)}: {message}")
    return accelerator


def find_accelerator(name: str) -> Accelerator:
    """Return the accelerator of a name. Raises ConfigError for an unknown one."""
    return ACCELERATORS.find(name)()
