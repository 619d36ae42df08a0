"""accelsim: where should the parameters of a multi-task network live on an edge chip?

    import accelsim
    workload = accelsim.load_workload("workloads/mti_mnli_mrpc_qnli.yaml")
    results = accelsim.simulate(workload)
    for comparison in accelsim.compare(results):
        print(comparison.design, comparison.gains)

The names below are imported when they are first used, so that ``import accelsim`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from accelsim.version import __version__ as __version__

if TYPE_CHECKING:
    from accelsim.evaluate.cases import compare, simulate
    from accelsim.machine.schema import load_hardware
    from accelsim.memory.arrays import find_array
    from accelsim.memory.technology import load_technology
    from accelsim.model.adaptation import adapt
    from accelsim.model.encoder import build_encoder
    from accelsim.workload.schema import load_workload

_HOMES = {
    "adapt": "accelsim.model.adaptation",
    "build_encoder": "accelsim.model.encoder",
    "compare": "accelsim.evaluate.cases",
    "find_array": "accelsim.memory.arrays",
    "load_hardware": "accelsim.machine.schema",
    "load_technology": "accelsim.memory.technology",
    "load_workload": "accelsim.workload.schema",
    "simulate": "accelsim.evaluate.cases",
}

__all__ = [
    "adapt",
    "build_encoder",
    "compare",
    "find_array",
    "load_hardware",
    "load_technology",
    "load_workload",
    "simulate",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'accelsim' has no attribute '{name}'")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*globals(), *_HOMES])
