"""A few seeded inputs of the fuzzer; ``python tests/fuzz/fuzz.py`` runs as many as wanted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FUZZER = Path(__file__).with_name("fuzz.py")


def test_a_few_inputs_of_every_door_break_no_rule() -> None:
    # A process of its own: it forks, and threads of other tests must not be forked with it.
    command = [sys.executable, str(FUZZER), "--count", "20", "--seed", "26"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert done.stdout.startswith("20 inputs: ")
