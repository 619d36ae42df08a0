"""What a file is that was given for another, and which command or key takes it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document
from accelsim.inputs.files import is_file


class _Kind(NamedTuple):
    """Files of a kind: the endings or the keys that tell them, what they are, where they go."""

    marks: tuple[str, ...]
    what: str
    door: str


_MODEL = "write the model's sizes under model of a workload: accelsim new workload"
_WEIGHTS = "name it in weights of a case of a workload"
_BY_ENDING = (
    _Kind((".onnx",), "an ONNX model", "name it in model of a workload: {onnx: FILE}"),
    _Kind((".gguf", ".tflite", ".pb", ".h5"), "a model", f"no command reads it: {_MODEL}"),
    _Kind((".pt", ".pth", ".bin", ".ckpt"), "PyTorch weights",
          f"save the tensors as .safetensors and {_WEIGHTS}"),
    _Kind((".safetensors", ".npz"), "a file of weights", _WEIGHTS),
    _Kind((".csv", ".tsv", ".jsonl"), "a table, such as a request trace",
          "name it in requests of a workload: {pattern: file, path: FILE}"),
    _Kind((".py",), "Python", "load it with --plugins FILE"),
)  # fmt: skip
_BY_KEY = {
    "workload": _Kind(("cases",), "a workload", "run it: accelsim run FILE"),
    "study": _Kind(("axes",), "a study", "run it: accelsim sweep FILE"),
    "machine": _Kind(
        ("base", "accelerator", "memories"), "a machine",
        "name it in hardware of a case of a workload, or accelsim op matmul --hw FILE",
    ),
    "uncertainty": _Kind(
        ("quantities",), "a file of what is not known for sure",
        "accelsim uncertainty WORKLOAD --inputs FILE",
    ),
    "technology": _Kind(
        ("kind",), "a technology",
        "name it in technology of a machine's memory or dram, or accelsim tech FILE for an array",
    ),
    "adapter": _Kind(
        ("peft_type",), "the configuration of a PEFT adapter",
        "name it in adaptation of a case of a workload: {peft: FILE}",
    ),
    "model": _Kind(
        ("model_type", "vocab_size"), "a Hugging Face configuration",
        "name it in model of a workload: {huggingface: FILE}",
    ),
    "results": _Kind(("schema_version",), "a report of accelsim", "run its workload again"),
    "memspec": _Kind(
        ("memspec",), "a DRAMSys memspec", "make a technology of it: accelsim tech import FILE"
    ),
}  # fmt: skip


def check_ending(path: Path) -> None:
    """Raise ConfigError for a file that is no YAML by the ending of its name."""
    for kind in _BY_ENDING:
        if path.suffix.lower() in kind.marks and is_file(path):
            raise _error(path, kind)


def check_keys(document: Document, wanted: str) -> None:
    """Raise ConfigError for a document of another kind than a ``workload``, for instance."""
    # A study names cases too.
    for name in ("study", wanted, *_BY_KEY):
        if any(mark in document.data for mark in _BY_KEY[name].marks):
            if name != wanted:
                raise _error(document.path, _BY_KEY[name])
            return


def _error(path: Path, kind: _Kind) -> ConfigError:
    return ConfigError(f"{path}: this is {kind.what}; {kind.door.replace('FILE', str(path))}")
