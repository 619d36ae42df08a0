"""The reference timeline of traces/ is what its command makes today."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from accelsim.cli.main import run_command_line

SHIPPED = Path(__file__).parents[2] / "traces" / "mti_32_tokens_timeline.json.gz"
COMMAND = ("run", "workloads/mti_mnli_mrpc_qnli.yaml", "--set", "sequence_length=32", "--quiet")


def test_the_shipped_timeline_is_what_the_command_in_its_readme_makes(tmp_path: Path) -> None:
    assert run_command_line([*COMMAND, "--out", str(tmp_path)]) == 0
    made = json.loads((tmp_path / "timeline.json").read_text())
    shipped = json.loads(gzip.decompress(SHIPPED.read_bytes()))
    assert len(shipped["traceEvents"]) > 10_000
    # Tens of thousands of events that differ would take minutes to tell apart in words.
    same = made["traceEvents"] == shipped["traceEvents"]
    assert same, "make the file anew, as traces/README.md says"
