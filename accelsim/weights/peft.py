"""LoRA adapters as the library PEFT saves them: safetensors beside ``adapter_config.json``."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import ConfigError
from accelsim.inputs.files import is_file, read_bytes
from accelsim.model.graph import LayerGraph
from accelsim.weights.files import load_weights
from accelsim.weights.weight_set import WeightSet

SETTINGS, TENSORS = "adapter_config.json", "adapter_model.safetensors"
_LOW, _HIGH = ".lora_A.", ".lora_B."
# What changes the mathematics of a LoRA adapter; each must be as it is here, or absent.
_PLAIN = {
    "use_dora": False,
    "use_qalora": False,
    "lora_bias": False,
    "bias": "none",
    "rank_pattern": {},
    "alpha_pattern": {},
    "layer_replication": None,
    "trainable_token_indices": None,
    "target_parameters": None,
}


@dataclass(frozen=True)
class PeftLora:
    """What ``adapter_config.json`` says: ``scale`` multiplies B (alpha / rank, or / its root)."""

    path: Path
    rank: int
    alpha: float
    scale: float
    targets: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.path}: a LoRA adapter of PEFT, rank {self.rank}, alpha {self.alpha:g}, on "
            f"{' and '.join(self.targets)}"
        )


def find_peft(path: Path) -> PeftLora | None:
    """Return the adapter that a folder, or a file in it, belongs to; None for other weights.

    Raises ConfigError for settings that cannot be read and for adapters that are no plain LoRA.
    """
    folder = path.parent if is_file(path) else path
    if is_file(folder / SETTINGS) and path in (folder, folder / TENSORS):
        return _read_settings(folder / SETTINGS)
    return None


def _read_settings(path: Path) -> PeftLora:
    try:
        said = json.loads(read_bytes(path))
        if said["peft_type"] != "LORA":
            raise ConfigError(
                f"{path}: peft_type: {said['peft_type']} is not known, expected LORA; merge the "
                "adapter into its model (merge_and_unload of peft) and give that"
            )
        rank, alpha, targets = int(said["r"]), float(said["lora_alpha"]), said["target_modules"]
        if rank < 1 or not math.isfinite(alpha):
            raise ValueError(f"r {rank} and lora_alpha {alpha:g}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ConfigError(
            f"{path}: cannot be read: {what}; expected the settings that save_pretrained of peft "
            "writes"
        ) from None
    _check_plain(path, said)
    scale = alpha / (math.sqrt(rank) if said.get("use_rslora") else rank)
    names = (targets,) if isinstance(targets, str) else tuple(sorted(map(str, targets or ())))
    return PeftLora(path.parent, rank, alpha, scale, names)


def _check_plain(path: Path, said: dict[str, Any]) -> None:
    changed = [
        f"{key} {json.dumps(said[key])}"
        for key, plain in _PLAIN.items()
        if said.get(key) not in (plain, None)
    ]
    if changed:
        raise ConfigError(
            f"{path}: {', '.join(changed)}: not a plain LoRA; expected "
            f"{', '.join(f'{key} {json.dumps(_PLAIN[key])}' for key in _PLAIN)}"
        )


def load_peft(adapter: PeftLora, graph: LayerGraph) -> WeightSet:
    """Return an adapter's tensors by the names of a graph, the factor alpha / rank in B.

    Raises ConfigError when the graph has no LoRA of this rank, with the adaptation to write.
    """
    raw = load_weights(adapter.path / TENSORS).tensors
    modules = {name.partition(_LOW)[0] for name in raw if _LOW in name}
    _check_graph(adapter, graph, modules)
    tensors = {
        name: np.asarray(values * np.float32(adapter.scale)) if _HIGH in name else values
        for name, values in raw.items()
    }
    for values in tensors.values():
        values.flags.writeable = False
    return WeightSet(tensors, f"{adapter}, alpha / rank in B")


def _check_graph(adapter: PeftLora, graph: LayerGraph, modules: set[str]) -> None:
    shapes = {p.name: p.shape for p in graph.parameters if _LOW in p.name}
    ranks = {shape[0] for shape in shapes.values()}
    if ranks == {adapter.rank} and {name.partition(_LOW)[0] for name in shapes} == modules:
        return
    ours = ", ".join(sorted({module.rpartition(".")[2] for module in modules}))
    raise ConfigError(
        f"{adapter}; the case's graph has "
        f"{f'LoRA of rank {max(ranks)} on other modules' if ranks else 'no LoRA'}; write "
        f"'adaptation: {{method: lora, rank: {adapter.rank}, targets: [{ours}]}}'"
    )
