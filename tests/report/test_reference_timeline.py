"""The reference timeline of traces/ is what its command makes today."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from accelsim.cli.main import run_command_line

SHIPPED = Path(__file__).parents[2] / "traces" / "mti_32_tokens_timeline.pftrace.gz"
# Of inputs: a comment in one alters no timeline.
DIGEST = re.compile(rb"[0-9a-f]{64}")
COMMAND = ("run", "workloads/mti_mnli_mrpc_qnli.yaml", "--set", "sequence_length=32", "--quiet")


def test_the_shipped_timeline_is_what_the_command_in_its_readme_makes(tmp_path: Path) -> None:
    assert run_command_line([*COMMAND, "--out", str(tmp_path)]) == 0
    made = (tmp_path / "timeline.pftrace").read_bytes()
    shipped = gzip.decompress(SHIPPED.read_bytes())
    assert len(shipped) > 1_000_000
    # Megabytes that differ would take minutes to tell apart in words.
    same = DIGEST.sub(b"", made) == DIGEST.sub(b"", shipped)
    assert same, "make the file anew, as traces/README.md says"
