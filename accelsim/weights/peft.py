"""Adapters as the library PEFT saves them: safetensors beside ``adapter_config.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import ConfigError
from accelsim.inputs.files import is_file, is_there, read_bytes
from accelsim.model.adaptations.lora import ALL_LINEAR
from accelsim.model.graph import LayerGraph
from accelsim.weights.files import load_weights
from accelsim.weights.weight_set import Values, WeightSet

SETTINGS, TENSORS = "adapter_config.json", "adapter_model.safetensors"
_LOW, _HIGH, _SAVED = ".lora_A.", ".lora_B.", "modules_to_save"
# Heads, which are always of a task's own; PEFT names both for any classifier.
_HEADS = frozenset({"classifier", "score"})
# What changes the mathematics of a LoRA adapter; each must be as it is here, or absent.
_PLAIN = {
    "use_dora": False,
    "use_qalora": False,
    "lora_bias": False,
    "bias": "none",
    "rank_pattern": {},
    "alpha_pattern": {},
    "layer_replication": None,
    "layers_to_transform": None,
    "exclude_modules": None,
    "trainable_token_indices": None,
    "target_parameters": None,
}


@dataclass(frozen=True)
class PeftLora:
    """What ``adapter_config.json`` says: ``scale`` multiplies B (alpha / rank, or / its root).

    ``saved`` are modules that are saved as a whole, heads left out.
    """

    path: Path
    rank: int
    alpha: float
    scale: float
    targets: tuple[str, ...]
    saved: tuple[str, ...] = ()

    @property
    def adaptation(self) -> dict[str, Any]:
        """The keys of the adaptation."""
        keys = {"method": "lora", "rank": self.rank, "targets": [*self.targets]}
        saved = {"trainable": [*self.saved]} if self.saved else {}
        return {**keys, "alpha": self.scale * self.rank, **saved}

    def __str__(self) -> str:
        return (
            f"{self.path}: a LoRA adapter of PEFT, rank {self.rank}, alpha {self.alpha:g}, on "
            f"{' and '.join(self.targets)}"
        )


def peft_adaptation(path: Path) -> dict[str, Any]:
    """Return the keys of the adaptation of an ``adapter_config.json``, or of a folder with one.

    Raises ConfigError for settings that cannot be read, and for what is neither a plain LoRA nor a
    prefix.
    """
    file = path if is_file(path) or not is_there(path) else path / SETTINGS
    said = _read(file)
    if said.get("peft_type") == "PREFIX_TUNING":
        return {"method": "prefix", "length": said.get("num_virtual_tokens")}
    if isinstance(targets := said.get("target_modules"), str) and targets != ALL_LINEAR:
        raise ConfigError(
            f"{file}: target_modules: a regular expression is not read; write targets as patterns "
            f"in 'adaptation: {{method: lora, rank: {said.get('r')}, targets: [...]}}'"
        )
    return _read_settings(file).adaptation


def find_peft(path: Path) -> PeftLora | None:
    """Return the adapter that a folder, or a file in it, belongs to; None for other weights.

    Raises ConfigError for settings that cannot be read and for adapters that are no plain LoRA.
    """
    folder = path.parent if is_file(path) else path
    if is_file(folder / SETTINGS) and path in (folder, folder / TENSORS):
        return _read_settings(folder / SETTINGS)
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(read_bytes(path))
        if not isinstance(said, dict):
            raise ValueError("no mapping")
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _unreadable(path, str(reason)) from None
    return said


def _unreadable(path: Path, what: str) -> ConfigError:
    return ConfigError(
        f"{path}: cannot be read: {what}; expected the settings that save_pretrained of peft writes"
    )


def _read_settings(path: Path) -> PeftLora:
    said = _read(path)
    try:
        if said["peft_type"] != "LORA":
            raise ConfigError(
                f"{path}: peft_type: {said['peft_type']} is not known, expected LORA; merge the "
                "adapter into its model (merge_and_unload of peft) and give that"
            )
        rank, alpha, targets = int(said["r"]), float(said["lora_alpha"]), said["target_modules"]
        if rank < 1 or not math.isfinite(alpha):
            raise ValueError(f"r {rank} and lora_alpha {alpha:g}")
    except (ValueError, KeyError, TypeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise _unreadable(path, what) from None
    _check_plain(path, said)
    scale = alpha / (math.sqrt(rank) if said.get("use_rslora") else rank)
    names = (targets,) if isinstance(targets, str) else tuple(sorted(map(str, targets or ())))
    saved = tuple(name for name in map(str, said.get(_SAVED) or ()) if name not in _HEADS)
    return PeftLora(path.parent, rank, alpha, scale, names, saved)


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


def load_peft(
    adapter: PeftLora, graph: LayerGraph, shared: WeightSet, factor: float | None = None
) -> WeightSet:
    """Return an adapter's tensors by the names of a graph, the factor alpha / rank in B.

    Where the graph has LoRA merged, the tensors are added to those of the ``shared`` weights.
    Raises ConfigError when the graph has no LoRA of this rank on these modules, with the adaptation
    to write, and for another ``factor``.
    """
    if factor is not None and not math.isclose(factor, adapter.scale):
        raise ConfigError(
            f"{adapter}; the adaptation's alpha is {factor * adapter.rank:g}; leave it out, or "
            "give this task its own: 'tasks.NAME.adaptation: {alpha: ...}'"
        )
    raw = load_weights(adapter.path / TENSORS).tensors
    tensors = scaled(raw, adapter.scale)
    homes = {p.name for p in graph.parameters if p.home is not None}
    if homes == {f"{name.partition(_HIGH)[0]}.weight" for name in raw if _HIGH in name}:
        return WeightSet(_merged(tensors, shared.tensors), f"{adapter}, merged")
    _check_graph(adapter, graph, {name.partition(_LOW)[0] for name in raw if _LOW in name})
    return WeightSet(tensors, f"{adapter}, alpha / rank in B")


def scaled(tensors: Mapping[str, Values], factor: float) -> dict[str, Values]:
    """Return tensors with every B multiplied by a factor."""
    changed = {
        name: np.asarray(values * np.float32(factor)) if _HIGH in name else values
        for name, values in tensors.items()
    }
    for values in changed.values():
        values.flags.writeable = False
    return changed


def _merged(tensors: Mapping[str, Values], shared: Mapping[str, Values]) -> dict[str, Values]:
    """Return the tensors with B A added to the weights that it stands at, as far as there are."""
    made = {name: values for name, values in tensors.items() if ".lora_" not in name}
    for name, high in tensors.items():
        own = name.partition(_HIGH)[0]
        if _HIGH in name and f"{own}.weight" in shared:
            low = f"{_LOW.rstrip('.')}.weight"
            first = tensors.get(f"{own}{low}")
            if first is None:  # of a part of a module
                first = tensors[f"{own.rpartition('.')[0]}{low}"]
            made[f"{own}.weight"] = shared[f"{own}.weight"] + high @ first
            made[f"{own}.weight"].flags.writeable = False
    return made


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
