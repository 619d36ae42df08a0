"""accelsim: where should the parameters of a multi-task network live on an edge chip?

    import accelsim
    point = accelsim.Point("workloads/mti_mnli_mrpc_qnli.yaml", ("requests.rounds=4",))
    print(accelsim.evaluate(point)["adapter_mixed.gain.energy.system"])

The names below are imported when they are first used, so that ``import accelsim`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from accelsim.version import __version__ as __version__

if TYPE_CHECKING:
    from accelsim.evaluation.comparison import find_gains
    from accelsim.evaluation.examine import evaluate, examine
    from accelsim.evaluation.point import Point
    from accelsim.machine.schema import load_hardware
    from accelsim.memory.arrays import find_array
    from accelsim.memory.technology import load_technology
    from accelsim.model.adaptations import find_adaptation
    from accelsim.model.families import find_model
    from accelsim.study.compare import compare
    from accelsim.study.saved_run import load_run
    from accelsim.study.search import optimize
    from accelsim.study.sweep.run import sweep
    from accelsim.study.uncertainty.bands import uncertainty
    from accelsim.study.uncertainty.sensitivity import sensitivity
    from accelsim.workload.schema import load_workload

_HOMES = {
    "Point": "accelsim.evaluation.point",
    "compare": "accelsim.study.compare",
    "evaluate": "accelsim.evaluation.examine",
    "examine": "accelsim.evaluation.examine",
    "find_adaptation": "accelsim.model.adaptations",
    "find_array": "accelsim.memory.arrays",
    "find_gains": "accelsim.evaluation.comparison",
    "find_model": "accelsim.model.families",
    "load_hardware": "accelsim.machine.schema",
    "load_run": "accelsim.study.saved_run",
    "load_technology": "accelsim.memory.technology",
    "load_workload": "accelsim.workload.schema",
    "sensitivity": "accelsim.study.uncertainty.sensitivity",
    "optimize": "accelsim.study.search",
    "sweep": "accelsim.study.sweep.run",
    "uncertainty": "accelsim.study.uncertainty.bands",
}

__all__ = [
    "Point",
    "compare",
    "evaluate",
    "examine",
    "find_adaptation",
    "find_array",
    "find_gains",
    "find_model",
    "load_hardware",
    "load_run",
    "load_technology",
    "load_workload",
    "optimize",
    "sensitivity",
    "sweep",
    "uncertainty",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'accelsim' has no attribute '{name}'")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*globals(), *_HOMES])
