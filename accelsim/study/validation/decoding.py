"""A decoder's prompts and steps against LLMCompass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from accelsim.engine.pieces import run_program
from accelsim.evaluation.compilation import Compilation
from accelsim.inputs.memo import Memo
from accelsim.inputs.shipped import shipped_file
from accelsim.study.validation.check import Check, read_rows
from accelsim.units import to_seconds
from accelsim.workload.schema import load_workload

_SOURCE = "PrincetonUniversity/LLMCompass"
# A step is bound by the DRAM in both. A prompt is not: LLMCompass moves every activation to the
# DRAM and back and multiplies the whole causal square.
_ALLOWED = {"step": 0.1, "prompt": None}
_DENSE = "{format: dense, bits: 8}"


def llmcompass_checks(folder: Path) -> Iterator[Check]:
    """Compare one block of GPT's kind: what a second one adds to the first."""
    for row in read_rows(folder, "llmcompass_blocks.csv"):
        phase, known = row["phase"], float(row["seconds"])
        told = f"{phase}, {row['hidden_size']} wide, {row['tokens']} tokens"
        ours = _seconds(row, 2) - _seconds(row, 1)
        told += f", {row['batch']} requests"
        yield Check("LLMCompass", told, "s", known, ours, _ALLOWED[phase], _SOURCE)


def _seconds(row: Mapping[str, str], layers: int) -> float:
    """Return the time of a prompt, or of a step of so many requests, of a model alone."""
    sizes = f"hidden_size: {row['hidden_size']}, heads: {row['heads']}, layers: {layers}"
    storage = ", ".join(f"{role}: {_DENSE}" for role in ("embedding", "backbone", "task"))
    machine = shipped_file("hwconfigs/systolic_npu_llmcompass.yaml")
    tokens, requests = int(row["tokens"]), int(row["batch"])
    overrides = (
        f"model={{name: custom, family: gpt2, {sizes}, vocabulary_size: 256, "
        "maximum_positions: 2048, tied_embeddings: false}",
        f"sequence_length={tokens}",
        f"generate={{new_tokens: 2, cache_block: 1, batch: {requests}}}",
        f"cases={{one: {{hardware: {machine}, adaptation: {{method: head}}, "
        f"storage: {{{storage}}}}}}}",
        "published=null",
    )
    workload = load_workload(shipped_file("workloads/chime.yaml"), overrides)
    case = workload.cases["one"]
    stage = Compilation(workload.config, case, {"": (tokens,)}, None, Memo(), (tokens,))
    made = stage.steps(requests) if row["phase"] == "step" else stage.inferences()
    return to_seconds(run_program(case.hardware, made["chat", tokens].program).duration)
