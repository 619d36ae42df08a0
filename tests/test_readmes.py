"""Every block that a README shows runs; what takes longer runs shortened, on a small model."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
from small_workload import MAIN, SMALL

from accelsim.cli.main import run_command_line
from accelsim.workload.schema import load_workload

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("*/*.md")))
# These take a workload or a study, so that a smaller model may take the place of its own.
SMALLER = (
    "run", "crossover", "scaling", "headline", "explain", "why", "uncertainty",
    "sensitivity", "sweep", "faults",
)  # fmt: skip
TABLE = "model.vocabulary_size=1000"
# What some need beyond it to be short: of a stream the sentences stay as long as they are.
SHORTER = {
    "poisson_day": (*SMALL[:2], "requests.duration=5 s"),
    "voice_assistant_day": (SMALL[0], "requests.duration=7 h"),
    "early_exit": (),
    "gap9": (),
    "corners": SMALL[:2],
    "voice_gate": ("requests.duration=2 min",),
    "memti": ("requests.rounds=1", "model.depths=[1, 1, 1]", "cases.series_sram=null"),
    "siracusa": ("model.image_height=32", "model.image_width=32", "cases.background=null"),
    "yoloc": ("model.image_height=32", "model.image_width=32"),
    "chime": ("generate.new_tokens=2", "sequence_length=16", "model.layers=1", TABLE),
    "lora_assistant": ("generate.new_tokens=2", "sequence_length=16", "cases.flash=null"),
}
BRIEF = {
    "scaling": ("--tasks", "1,2"),
    "uncertainty": ("--points", "20", "--jobs", "0"),
    "sensitivity": ("--jobs", "0"),
    "sweep": ("--jobs", "0"),
    "faults": ("--seeds", "2", "--sentences", "2", "--tokens", "8"),
}
# As long on a small model: tests/study/test_validation.py and test_uncertainty.py ask the same.
AS_LONG = ("accelsim validate", "--bands")
# Run by the tests that are named, beside what they are about.
ELSEWHERE = {
    "README.md": {"python": "evaluation/test_evaluate.py"},
    "accelsim/README.md": {
        "python": "plugins/test_examples.py",
        "yaml": "plugins/test_examples.py",
    },
    "workloads/README.md": {"python": "study/test_ready_studies.py"},
    "traces/README.md": {"sql": "reference/trace_processor.py"},
}
PICTURE = "workloads/mti_mnli_mrpc_qnli.svg"


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"(?m)^```{language}\n(.*?)^```", text, re.DOTALL)


ALL = [(document, text) for document in DOCUMENTS for text in blocks(document, "sh")]
# The two that set up an environment: `.ci/run` runs them.
COMMANDS = [(document, text) for document, text in ALL if not text.startswith("python3 -m venv")]


def shortened(line: str) -> list[str]:
    words = shlex.split(line, comments=True)[1:]
    if words[0] in SMALLER:
        settings = next((found for name, found in SHORTER.items() if name in line), SMALL)
        words += [text for setting in settings for text in ("--set", setting)]
    return [*words, *BRIEF.get(words[0], ())]


@pytest.mark.parametrize(("document", "text"), COMMANDS, ids=[text[:60] for _, text in COMMANDS])
def test_the_commands_run(
    document: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "example.yaml" in text:
        (study,) = blocks(document, "yaml")
        Path("example.yaml").write_text(study)
        assert run_command_line(["sweep", "example.yaml", "--jobs", "0", "--quiet"]) == 0
    for line in text.replace("\\\n", " ").splitlines():
        if not line.startswith("accelsim ") or any(part in line for part in AS_LONG):
            continue
        assert run_command_line(shortened(line)) == 0, line
    if "example.yaml" in text:
        assert Path("example.csv").read_text().count("\n") == 7


def test_requests_of_ones_own_are_read_as_shown(tmp_path: Path) -> None:
    shipped, own = blocks("traces/README.md", "yaml")
    folder = ROOT / "workloads"
    rows = "arrived_at,num_prefill_tokens\n2,500\n0.5,90\n"
    (tmp_path / "azure_llm_2023.csv").write_text(rows)
    whole = (ROOT / MAIN).read_text().replace("../hwconfigs", str(ROOT / "hwconfigs"))
    for name, text in (("shipped", shipped), ("own", own)):
        kept = re.sub(r"(?m)^(requests|tasks):.*\n", "", whole) if name == "shipped" else re.sub(
            r"(?m)^requests:.*\n", "", whole
        )  # fmt: skip
        path = tmp_path / f"{name}.yaml"
        path.write_text(kept + text.replace("../traces", str(folder.parent / "traces")))
        assert run_command_line(["run", str(path), "--set", SMALL[0], "--no-trace", "--quiet",
                                 "--out", str(tmp_path / name)]) == 0  # fmt: skip
    config = load_workload(str(tmp_path / "own.yaml")).config
    assert config.requests.pattern == "file"


def test_every_block_runs_somewhere() -> None:
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        found = Counter(re.findall(r"(?m)^```(\w+)$", text))
        del found["sh"]
        if document in ("traces/README.md", "workloads/README.md"):
            del found["yaml"]
        assert found.keys() == ELSEWHERE.get(document, {}).keys(), document
        for file in ELSEWHERE.get(document, {}).values():
            assert (ROOT / "tests" / file).is_file()


def test_the_picture_is_what_its_command_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"]({PICTURE})" in document
    (command,) = re.findall(r"<!-- picture: accelsim (.*) -->", document)
    monkeypatch.chdir(tmp_path)
    assert run_command_line([*shlex.split(command), "--quiet"]) == 0
    (made,) = tmp_path.glob("out/*/results.svg")
    assert made.read_text() == (ROOT / PICTURE).read_text(), command
    assert made.stat().st_size < 100_000


def test_there_are_commands_and_the_door_is_short() -> None:
    assert len(COMMANDS) > 10
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
