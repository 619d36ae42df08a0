# ruff: noqa: T201
"""Prints what NVSim prints, of made-up figures: so many a MiB of cells. For tests of running it.

The cell may order it to ``-Fail: MESSAGE``, ``-Sleep: SECONDS`` or ``-Babble``.
"""

import sys
import time
from pathlib import Path


def read(path):
    lines = (line.partition(":") for line in Path(path).read_text().splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


config = read(sys.argv[1])
cell = read(config["-MemoryCellInputFile"])
with Path(__file__).with_suffix(".log").open("a") as log:
    log.write(
        " ".join(
            (
                config["-Capacity (KB)"],
                config["-WordWidth (bit)"],
                config["-OptimizationTarget"],
                config["-Temperature (K)"],
            )
        )
        + "\n"
    )
print(f"User-defined configuration file ({sys.argv[1]}) is loaded", flush=True)
if "-Fail" in cell:
    print(f"[ERROR] {cell['-Fail']}", file=sys.stderr)
    sys.exit(-1)
time.sleep(float(cell.get("-Sleep", 0)))
while "-Babble" in cell:
    print("x" * 4096)
mebibytes = int(config["-Capacity (KB)"]) / 1024
print(f"""
Memory Cell: RRAM (Memristor)
Cell Area (F^2)    : {float(cell["-CellArea (F^2)"]):.3f} (5.000Fx5.000F)

====================
DESIGN SPECIFICATION
====================
Design Target: Random Access Memory
Capacity   : {int(config["-Capacity (KB)"])}KB
Data Width : {config["-WordWidth (bit)"]}Bits

Searching for the best solution that is optimized for read energy-delay-product ...

=============
   RESULT
=============
Area:
 - Total Area = 1.000mm x 1.000mm = {250000 * mebibytes:.3f}um^2
Timing:
 -  Read Latency = {900 + 100 * mebibytes:.3f}ps
 - RESET Latency = 10.500ns
 - SET Latency   = 10.250ns
Power:
 -  Read Dynamic Energy = {4 * mebibytes:.3f}pJ
 - RESET Dynamic Energy = 50.000pJ
 - SET Dynamic Energy = 55.000pJ
 - Leakage Power = {3000 * mebibytes:.3f}uW

Finished!
""")
