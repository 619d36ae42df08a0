"""Asks LLMCompass how long a block takes: `python make_llmcompass.py FOLDER > out.csv`.

FOLDER is a checkout of PrincetonUniversity/LLMCompass (commit b95c6c9, BSD-3-Clause). The machine
is that of hwconfigs/systolic_npu_llmcompass.yaml. Of its compile modes only `heuristic-TPU-new`
maps products onto one array; its layer norm does not know that mode and is asked for
`heuristic-TPU`'s. Shapes that its table of SCALE-Sim's cycles lacks get what all rows of the table
are: folds x (depth + 126) - 1, so that SCALE-Sim need not be installed.
"""

import csv
import os
import sys
import types
from math import ceil
from pathlib import Path

EDGE = 64
# Lengths of prompts, then (requests, keys) of steps, by width and heads.
CASES = {
    (768, 12): ([64, 256, 1024], [(1, 128), (1, 1024), (4, 128), (4, 1024), (16, 1024)]),
    (2048, 32): ([64, 256], [(1, 128), (1, 1024), (4, 128)]),
}


def cycles(rows: int, columns: int, depth: int) -> int:
    """Return the cycles of SCALE-Sim's output-stationary array."""
    return ceil(rows / EDGE) * ceil(columns / EDGE) * (depth + 2 * EDGE - 2) - 1


class Scalesim:
    """Stands in for SCALE-Sim."""

    def __init__(self, *, topology: str, **_: object) -> None:
        shape = Path(topology).read_text().splitlines()[1].split(",")[1:4]
        result = types.SimpleNamespace(total_cycles=cycles(*map(int, shape)), overall_util=0.0)
        self.runner = types.SimpleNamespace(single_layer_sim_object_list=[result])

    def run_scale(self, top_path: str) -> None:
        """Has nothing to do."""


os.chdir(sys.argv[1])
sys.path.insert(0, ".")
sys.modules["scalesim"] = types.ModuleType("scalesim")
sys.modules["scalesim.scale_sim"] = types.ModuleType("scale_sim")
sys.modules["scalesim.scale_sim"].scalesim = Scalesim
Path("systolic_array_model/temp").mkdir(exist_ok=True)
with open(f"systolic_array_model/look_up_table_{EDGE}_{EDGE}.csv") as table:
    for row in csv.reader(table):
        assert int(row[6]) == cycles(*map(int, row[:3])), row

from hardware_model.compute_module import (  # noqa: E402
    ComputeModule,
    Core,
    Overhead,
    SystolicArray,
    VectorUnit,
)
from hardware_model.device import Device  # noqa: E402
from hardware_model.io_module import IOModule  # noqa: E402
from hardware_model.memory_module import MemoryModule  # noqa: E402
from hardware_model.system import System  # noqa: E402
from software_model.transformer import (  # noqa: E402
    TransformerBlockAutoRegressionTP,
    TransformerBlockInitComputationTP,
)
from software_model.utils import Tensor, data_type_dict  # noqa: E402

INT8 = data_type_dict["int8"]
# 64 lanes, each a multiplication and an addition a cycle, or a look-up of exp.
LANES = VectorUnit(2 * EDGE, 1, 2, EDGE, 1, INT8)
CORE = Core(LANES, SystolicArray(EDGE, EDGE, 1, 1, 1), 1, 512 * 1024)
# As its TPU: what it calls the second level is the DRAM, here an LPDDR5 channel of 12.8 GB/s.
COMPUTE = ComputeModule(CORE, 1, 1e9, 2 * 1024**3, 12.8, Overhead(0, 0, 0, 0))
SYSTEM = System(Device(COMPUTE, IOModule(float("inf"), 0), MemoryModule(2 * 1024**3)), None)


def asked(block: object) -> tuple[float, float]:
    """Return the seconds of a block, and those of its functions (softmax, norms, GELU)."""
    for norm in (block.layer_norm0, block.layer_norm1):
        known = norm.compile_and_simulate
        norm.compile_and_simulate = lambda device, _, known=known: known(device, "heuristic-TPU")
    total = block.compile_and_simulate(SYSTEM, "heuristic-TPU-new")
    return total, sum(map(float, block.simluate_log.split(",")[6:]))


def write(*row: object) -> None:
    """Write a row."""
    csv.writer(sys.stdout, lineterminator="\n").writerow(row)
    sys.stdout.flush()


write("hidden_size", "heads", "phase", "batch", "tokens", "seconds", "functions_seconds")
for (size, heads), (prompts, steps) in CASES.items():
    for tokens in prompts:
        block = TransformerBlockInitComputationTP(size, heads, 1, INT8)
        sys.stdout, out = sys.stderr, sys.stdout
        block(Tensor([1, tokens, size], INT8))
        found = asked(block)
        sys.stdout = out
        write(size, heads, "prompt", 1, tokens, *found)
    for batch, tokens in steps:
        block = TransformerBlockAutoRegressionTP(size, heads, 1, INT8)
        block(Tensor([batch, 1, size], INT8), tokens - 1)
        write(size, heads, "step", batch, tokens, *asked(block))
