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
from accelsim.model.adaptations import Adaptation, find_adaptation
from accelsim.model.adaptations.ia3 import Ia3
from accelsim.model.adaptations.lora import Lora
from accelsim.model.adaptations.prefix import Prefix
from accelsim.model.adaptations.targets import is_chosen
from accelsim.model.graph import LayerGraph
from accelsim.model.importers.peft import is_head, read_adaptation, read_settings, settings_of
from accelsim.weights.files import load_weights, parted
from accelsim.weights.weight_set import Values, WeightSet

TENSORS = "adapter_model.safetensors"
_LOW, _HIGH, _LENGTHS = ".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"
# Ways to begin that change the weights beside the adapter, which then is right with these alone.
_CHANGING = ("pissa", "olora", "corda", "loftq", "lora_ga")

Tensors = Mapping[str, Values]


@dataclass(frozen=True)
class Peft:
    """An adapter in a folder: its adaptation, and whether its weights are those of the model."""

    folder: Path
    adaptation: Adaptation

    def __str__(self) -> str:
        told = self.adaptation.describe().removesuffix(", merged True")
        return f"{self.folder}: an adapter of PEFT, {told}"


def find_peft(path: Path) -> Peft | None:
    """Return the adapter that a folder, or a file in it, belongs to; None for other weights.

    Raises ConfigError for settings that cannot be read, for adapters that no adaptation here is,
    and for one that is right with changed weights alone.
    """
    file = settings_of(path)
    if file is None or path not in (file.parent, file.parent / TENSORS):
        return None
    adaptation = find_adaptation(**read_adaptation(file), where=str(file))
    if isinstance(adaptation, Prefix):
        raise ConfigError(
            f"{file}: values of prefixes of PEFT, which move the positions of tokens, are not "
            "read; leave them out and give a seed"
        )
    begun = read_settings(file).get("init_lora_weights")
    if isinstance(begun, str) and begun.startswith(_CHANGING):
        raise ConfigError(
            f"{file}: init_lora_weights {json.dumps(begun)}: this changes the model's weights too; "
            "save it as a plain LoRA (path_initial_model_for_weight_conversion of save_pretrained)"
        )
    return Peft(file.parent, adaptation)


def load_peft(
    adapter: Peft, graph: LayerGraph, shared: WeightSet, given: Adaptation | None = None
) -> WeightSet:
    """Return an adapter's tensors by the names of a graph, the factor alpha / rank in B.

    Where the graph has it merged, the tensors are added to those of the ``shared`` weights, and so
    is what an adapter has at a head, which is of the task's own anyway. The lengths of DoRA become
    factors. Raises ConfigError when the graph has no LoRA of this rank on these modules, and where
    the adaptation that was ``given`` says another factor.
    """
    read = load_weights(adapter.folder / TENSORS).tensors
    vectors = (_LENGTHS, ".ia3_l")
    tensors = {n: v.reshape(-1) if n.endswith(vectors) else v for n, v in read.items()}
    if isinstance(adapter.adaptation, Lora):
        tensors = _lora(adapter, adapter.adaptation, tensors, graph, shared.tensors, given)
    if isinstance(adapter.adaptation, Ia3) and _homes(graph):
        tensors = _scaled(adapter.adaptation, tensors, graph, shared.tensors)
    how = ", merged" if _homes(graph) else ""
    return WeightSet(_frozen(parted(tensors, graph.parameters)), f"{adapter}{how}")


def _lora(
    adapter: Peft,
    lora: Lora,
    tensors: Tensors,
    graph: LayerGraph,
    shared: Tensors,
    given: Adaptation | None,
) -> dict[str, Values]:
    modules = sorted(name.removesuffix(_HIGH) for name in tensors if name.endswith(_HIGH))
    for module in modules:
        ours, said = lora.factor_of(module), given.factor_of(module) if given else None
        if said is not None and not math.isclose(said, ours or 1.0):
            raise ConfigError(
                f"{adapter}; the adaptation's alpha / rank at {module} is {said:g}; leave alpha "
                "out, or give this task its own: 'tasks.NAME.adaptation: {peft: ...}'"
            )
    left = scaled(tensors, lora)
    homes = _homes(graph)
    for module in modules:
        inside = module in homes or is_head(module)
        if inside or lora.dora:
            _put(left, module, graph, shared, merged=inside)
    _check_graph(adapter, graph, left, homes - {*modules})
    return left


def _put(
    left: dict[str, Values], module: str, graph: LayerGraph, shared: Tensors, *, merged: bool
) -> None:
    """Put B A of a module into its weights, or the factors of its rows in the place of lengths."""
    weight = f"{module}.weight"
    changes = parted({weight: left[module + _HIGH] @ left[module + _LOW]}, graph.parameters)
    given = left.pop(module + _LENGTHS, None)
    lengths = {} if given is None else parted({weight: given}, graph.parameters)
    if merged:
        del left[module + _HIGH], left[module + _LOW]
    for name in (name for name in changes if name in shared):
        total = shared[name] + changes[name]
        factors = None
        if name in lengths:
            factors = lengths[name] / np.linalg.norm(total, axis=1)
        if merged:
            left[name] = total if factors is None else factors[:, None] * total
        elif factors is not None:
            left[name.removesuffix(".weight") + _LENGTHS] = factors


def _scaled(ia3: Ia3, tensors: Tensors, graph: LayerGraph, shared: Tensors) -> dict[str, Values]:
    """Return weights and biases with the factors of (IA)3 in them."""
    left = {name: each for name, each in tensors.items() if not name.endswith(".ia3_l")}
    for name in (name for name in tensors if name.endswith(".ia3_l")):
        module = name.removesuffix(".ia3_l")
        reads = ia3.feedforward is not None and is_chosen(ia3.feedforward, module)
        mine = [p.name for p in graph.parameters if p.module == module and p.name in shared]
        if reads:
            left |= {n: shared[n] * tensors[name] for n in mine if n.endswith(".weight")}
            continue
        for part in ("weight", "bias"):
            each = parted({f"{module}.{part}": tensors[name]}, graph.parameters)
            left |= {n: (shared[n].T * each[n]).T for n in mine if n in each}
    return left


def _homes(graph: LayerGraph) -> set[str]:
    """Return the modules whose weights are a task's own in the home of shared ones."""
    return {p.module for p in graph.parameters if p.home is not None}


def scaled(tensors: Tensors, adaptation: Adaptation) -> dict[str, Values]:
    """Return tensors with every B multiplied by the factor of its module."""
    factors = {
        name: adaptation.factor_of(name.removesuffix(_HIGH))
        for name in tensors
        if name.endswith(_HIGH)
    }
    changed = {name: tensors[name] * np.float32(each) for name, each in factors.items() if each}
    return _frozen({**tensors, **changed})


def _frozen(tensors: dict[str, Any]) -> dict[str, Values]:
    for values in tensors.values():
        values.flags.writeable = False
    return tensors


def _check_graph(adapter: Peft, graph: LayerGraph, left: Tensors, lacking: set[str]) -> None:
    """Check that matrices are those of a graph, and that none that it has merged is lacking."""
    wanted = {p.name: p.shape for p in graph.parameters if ".lora_" in p.name}
    found = parted({n: v for n, v in left.items() if ".lora_" in n}, graph.parameters)
    if wanted == {name: values.shape for name, values in found.items()} and not lacking:
        return
    ranks = {shape[0] for name, shape in wanted.items() if name.endswith(_LOW)}
    has = f"LoRA of rank {max(ranks)} on other modules" if ranks else "no LoRA"
    has = "other modules merged" if lacking else has
    raise ConfigError(
        f"{adapter}; the case's graph has {has}; write 'adaptation: {{peft: {adapter.folder}}}'"
    )
