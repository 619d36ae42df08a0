"""Every command that a README shows runs; what takes longer runs shortened, on a small model."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from small_workload import SMALL

from accelsim.cli.main import run_command_line

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "workloads/README.md", "workloads/findings.md", "traces/README.md")
# These take a workload, so that a smaller model may take the place of its own.
SMALLER = ("run", "crossover", "scaling", "headline", "explain", "compare")
# What some need beyond it to be short: of a stream the sentences stay as long as they are.
SHORTER = {
    "poisson_day": (*SMALL[:2], "requests.duration=5 s"),
    "voice_assistant_day": SMALL[:1],
    "early_exit": (),
}
# Tested beside what they test, in tests/study and tests/cli.
ELSEWHERE = ("validate", "faults", "sweep", "study", "optimize", "uncertainty", "sensitivity")
BANDS = "--bands"


def commands(document: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    joined = lines.replace("\\\n", " ").splitlines()
    return [line for line in joined if line.startswith("accelsim ")]


ALL = [(document, line) for document in DOCUMENTS for line in commands(document)]


@pytest.mark.parametrize(("document", "line"), ALL, ids=[line for _, line in ALL])
def test_the_command_runs(
    document: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line, comments=True)[1:]
    if words[0] in ELSEWHERE or BANDS in words:
        pytest.skip("tested in tests/study or tests/cli")
    if words[0] in SMALLER:
        settings = next((found for name, found in SHORTER.items() if name in line), SMALL)
        words += [text for setting in settings for text in ("--set", setting)]
    if words[0] == "scaling":
        words += ["--tasks", "1,2"]
    assert run_command_line(words) == 0


def test_there_are_commands_and_the_door_is_short() -> None:
    assert len(ALL) > 20
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize(
    "path", [Path("README.md"), *sorted(p.relative_to(ROOT) for p in ROOT.glob("*/*.md"))], ids=str
)
def test_links_lead_somewhere(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+\.md)?(#[^)]*)?\)", text):
        file, anchor = target
        found = (ROOT / path).parent / file if file else ROOT / path
        assert found.is_file(), target
        if anchor:
            heads = re.findall(r"(?m)^#+ (.*)$", found.read_text(encoding="utf-8"))
            names = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in heads}
            assert anchor[1:] in names, target
