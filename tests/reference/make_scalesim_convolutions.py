"""Makes scalesim_convolutions.csv: layers of published topologies as SCALE-Sim counts them.

Needs the package scalesim 3.0.0. Layers are those of scalesim-project/SCALE-Sim,
topologies/conv_nets/Resnet18.csv and mobilnet_paper.csv, each shape once: height, width, kernel
height and width, channels, filters, stride. Run

    python tests/reference/make_scalesim_convolutions.py
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from pathlib import Path

TARGET = Path(__file__).parent / "scalesim_convolutions.csv"
LAYERS = {
    "resnet18 Conv1": (224, 224, 7, 7, 3, 64, 2),
    "resnet18 Conv2_1a": (56, 56, 3, 3, 64, 64, 1),
    "resnet18 Conv3_1a": (56, 56, 3, 3, 64, 128, 2),
    "resnet18 Conv3_1b": (28, 28, 3, 3, 128, 128, 1),
    "resnet18 Conv3_s": (56, 56, 1, 1, 64, 128, 2),
    "resnet18 Conv4_1a": (28, 28, 3, 3, 128, 256, 2),
    "resnet18 Conv4_1b": (14, 14, 3, 3, 256, 256, 1),
    "resnet18 Conv4_s": (28, 28, 1, 1, 128, 256, 2),
    "resnet18 Conv5_1a": (14, 14, 3, 3, 256, 512, 2),
    "resnet18 Conv5_1b": (7, 7, 3, 3, 512, 512, 1),
    "resnet18 Conv5_s": (14, 14, 1, 1, 256, 512, 2),
    "mobilenet Conv1": (224, 224, 3, 3, 3, 32, 2),
    "mobilenet Conv2_dw": (112, 112, 3, 3, 1, 1, 1),
    "mobilenet Conv4_dw": (112, 112, 3, 3, 1, 1, 2),
    "mobilenet Conv5": (56, 56, 1, 1, 64, 128, 1),
    "mobilenet Conv6_dw": (56, 56, 3, 3, 1, 1, 1),
    "mobilenet Conv9": (28, 28, 1, 1, 128, 256, 1),
    "mobilenet Conv12_dw": (28, 28, 3, 3, 1, 1, 2),
    "mobilenet Conv15": (14, 14, 1, 1, 512, 512, 1),
    "mobilenet Conv17": (7, 7, 1, 1, 512, 1024, 1),
}
ARRAYS = (("ws", 32, 32), ("os", 16, 16))
NAMES = {"ws": "weight_stationary", "os": "output_stationary"}
CONFIG = """[general]
run_name = run
[architecture_presets]
ArrayHeight: {rows}
ArrayWidth: {columns}
IfmapSramSzkB: 128
FilterSramSzkB: 128
OfmapSramSzkB: 128
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Bandwidth: 10
Dataflow: {dataflow}
MemoryBanks: 1
ReadRequestBuffer: 32
WriteRequestBuffer: 32
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
SparseRep: ellpack_block
OptimizedMapping: false
BlockSize: 8
RandomNumberGeneratorSeed: 40
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""


def run(folder: Path, dataflow: str, rows: int, columns: int) -> list[tuple[str, int]]:
    """Return the last cycle of every layer on an array.

    It is that of the demand matrices: without stalls, memories add nothing to it.
    """
    from scalesim.memory.double_buffered_scratchpad_mem import double_buffered_scratchpad
    from scalesim.scale_sim import scalesim
    from scalesim.single_layer_sim import single_layer_sim

    config, topology, layout = (folder / name for name in ("run.cfg", "layers.csv", "layout.csv"))
    config.write_text(CONFIG.format(dataflow=dataflow, rows=rows, columns=columns))
    lines = [f"{name.replace(' ', '_')}, {str(each)[1:-1]}," for name, each in LAYERS.items()]
    topology.write_text("\n".join(["Layer name, H, W, KH, KW, C, N, S,", *lines]) + "\n")
    # A layout, which is read and not used.
    ones = ", ".join(["1"] * 21)
    layout.write_text("\n".join(["Layer,", *(f"{n}, {ones}," for n in LAYERS)]) + "\n")
    files = {"config": str(config), "topology": str(topology), "layout": str(layout)}
    made, found = scalesim(save_disk_space=True, verbose=False, **files), []
    double_buffered_scratchpad.service_memory_requests = lambda self, inputs, filters, outputs: (
        found.append(len(outputs) - 1)
    )
    for number in range(len(LAYERS)):
        layer = single_layer_sim()
        layer.set_params(number, made.config, made.topo, made.layout, verbose=False)
        layer.run()
    return list(zip(LAYERS, found, strict=True))


def main() -> None:
    rows = []
    for dataflow, high, wide in ARRAYS:
        with tempfile.TemporaryDirectory() as folder:
            for name, cycles in run(Path(folder), dataflow, high, wide):
                rows.append((NAMES[dataflow], high, wide, name, *LAYERS[name], cycles))
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        file.write(
            "# Total cycles that SCALE-Sim reports without stalls, from zero, for layers of\n"
            "# Resnet18.csv and mobilnet_paper.csv of scalesim-project/SCALE-Sim (MIT).\n"
            "# Source: scalesim 3.0.0; made by tests/reference/make_scalesim_convolutions.py\n"
        )
        writer = csv.writer(file, lineterminator="\n")
        header = "dataflow,array_rows,array_columns,layer,height,width,kernel_height,kernel_width"
        writer.writerow([*header.split(","), "channels", "filters", "stride", "total_cycles"])
        writer.writerows(rows)


if __name__ == "__main__":
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    main()
