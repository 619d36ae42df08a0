"""The questions that are put to SALib and Optuna, and to the copies of their answers."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import Any

import numpy as np
from small_workload import MAIN, SMALL

from accelsim.study.sweep.run import study_of
from accelsim.study.sweep.space import Study
from accelsim.study.uncertainty.sensitivity import _Design, whole_blocks

ISHIGAMI_SEED = 5
# Trajectories of Morris, blocks of Sobol.
PLACES = {"morris": 12, "sobol": 64}
SEARCH: Mapping[str, Any] = {"budget": 30, "batch": 6, "seed": 2}


def ishigami(places: np.ndarray) -> np.ndarray:
    """Return Ishigami's function of places in the unit cube."""
    x, y, z = (2 * pi * places - pi).T
    return np.sin(x) + 7 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x)


def dropped(design: _Design) -> np.ndarray:
    """Return which points of a design are kept where every 17th has no figure."""
    good = np.ones(len(design.places), dtype=bool)
    good[::17] = False
    return whole_blocks(good, design.size)


def searched_study() -> Study:
    """Return a space of 48 points, 12 of them infeasible; formulas over axes are best."""
    axes = {
        "hardware.bus.length": ["1 mm", "2 mm", "3 mm"],
        "cases.adapter_slc.adaptation.bottleneck": [4, 8, 16, 10**6],
        "requests.rounds": [1, 2],
        "kind": {"variants": {"cold": {"hardware.process.temperature": "300 K"},
                              "hot": {"hardware.process.temperature": "350 K"}}},
    }  # fmt: skip
    return study_of(
        MAIN,
        axes,
        SMALL,
        {
            "cases": ["adapter_slc"],
            "constraints": ["adaptation_bottleneck * requests_rounds < 32"],
            "objectives": {
                "short": {"minimize": "bus_length * requests_rounds"},
                "wide": {"maximize": "adaptation_bottleneck - (kind == 'hot')"},
            },
        },
    )
