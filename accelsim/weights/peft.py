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
from accelsim.weights.files import load_weights, own_name
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
    # PEFT may name whole modules, with the prefix of the model's class.
    listed = (targets,) if isinstance(targets, str) else sorted(map(str, targets or ()))
    names = tuple(own for own in map(own_name, listed) if not _is_head(own))
    saved = tuple(name for name in map(str, said.get(_SAVED) or ()) if not _is_head(name))
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

    Where the graph has LoRA merged, the tensors are added to those of the ``shared`` weights, and
    so is what an adapter has at a head, which is of the task's own anyway.
    Raises ConfigError when the graph has no LoRA of this rank on these modules, with the adaptation
    to write, and for another ``factor``.
    """
    if factor is not None and not math.isclose(factor, adapter.scale):
        raise ConfigError(
            f"{adapter}; the adaptation's alpha is {factor * adapter.rank:g}; leave it out, or "
            "give this task its own: 'tasks.NAME.adaptation: {alpha: ...}'"
        )
    tensors = scaled(load_weights(adapter.path / TENSORS).tensors, adapter.scale)
    homes = {p.name for p in graph.parameters if p.home is not None}
    targets = {name.partition(_HIGH)[0] for name in tensors if _HIGH in name}
    inside = {own for own in targets if f"{own}.weight" in homes or _is_head(own)}
    left = _merged(tensors, shared.tensors, inside)
    modules = {name.partition(_LOW)[0] for name in left if _LOW in name}
    if homes and not modules and homes <= {f"{own}.weight" for own in inside}:
        return WeightSet(left, f"{adapter}, merged")
    _check_graph(adapter, graph, modules)
    return WeightSet(left, f"{adapter}, alpha / rank in B")


def _is_head(module: str) -> bool:
    return module.partition(".")[0] in _HEADS


def scaled(tensors: Mapping[str, Values], factor: float) -> dict[str, Values]:
    """Return tensors with every B multiplied by a factor."""
    changed = {
        name: np.asarray(values * np.float32(factor)) if _HIGH in name else values
        for name, values in tensors.items()
    }
    for values in changed.values():
        values.flags.writeable = False
    return changed


def _merged(
    tensors: Mapping[str, Values], shared: Mapping[str, Values], inside: set[str]
) -> dict[str, Values]:
    """Return the tensors with B A of some targets in the weights, as far as these are there."""
    left = dict(tensors)
    for own in inside:
        high = left.pop(f"{own}.lora_B.weight")
        # Parts of a module have one A.
        lows = (f"{own}.lora_A.weight", f"{own.rpartition('.')[0]}.lora_A.weight")
        low = next(name for name in lows if name in tensors)
        left.pop(low, None)
        if (name := f"{own}.weight") in shared:
            left[name] = shared[name] + high @ tensors[low]
            left[name].flags.writeable = False
    return left


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
