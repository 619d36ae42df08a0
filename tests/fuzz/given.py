"""What an input of the fuzzer is, and the small model that most of them run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
MAIN = str(ROOT / "workloads" / "mti_mnli_mrpc_qnli.yaml")
MACHINE = ROOT / "hwconfigs" / "edgebert_overlapped.yaml"
TABLES = ROOT / "hwconfigs" / "technologies"
# A model that runs in a tenth of a second; a smaller vocabulary keeps drawn weights small.
SMALL = (
    "model={name: custom, family: albert, vocabulary_size: 500, embedding_size: 32, hidden_size: "
    "64, layers: 2, heads: 2, intermediate_size: 128, maximum_positions: 128, "
    "type_vocabulary_size: 2, shared_layers: true, pooler: true}",
    "sequence_length=16",
    "requests={pattern: round_robin, rounds: 1}",
)
# What the command line may say of an input: done, wrong, does not fit; and of an output folder.
DONE, WRONG, TOO_SMALL, UNWRITABLE = 0, 2, 3, 6


@dataclass(frozen=True)
class Input:
    """A command line, and the exit codes that fit its door."""

    arguments: tuple[str, ...]
    codes: frozenset[int] = frozenset({DONE, WRONG, TOO_SMALL})


Door = Callable[[Random, Path], Input]


def settings_of(*more: str) -> list[str]:
    return [text for setting in (*SMALL, *more) for text in ("--set", setting)]


def run(workload: str, *settings: str) -> Input:
    return Input(("run", workload, "--no-trace", *settings_of(*settings)))


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return path
