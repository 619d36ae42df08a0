"""The accelerators that a machine can be: how a model is compiled for each.

A new accelerator is one new file or folder here: a subclass of Accelerator with a name of its own.
"""

from __future__ import annotations

from accelsim.accelerators.base import Accelerator as Accelerator
from accelsim.accelerators.base import Gap as Gap
from accelsim.inputs.plugins import Registry

ACCELERATORS = Registry(__name__, Accelerator, "accelsim.accelerators", "accelerator")


def find_accelerator(name: str) -> Accelerator:
    """Return the accelerator of a name. Raises ConfigError for an unknown one."""
    return ACCELERATORS.find(name)()
