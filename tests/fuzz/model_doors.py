"""Doors for studies and for models and adapters as others save them."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from given import MAIN, ROOT, Input, run, settings_of, write
from mutations import broken_bytes, broken_text

CONFIG = {
    "model_type": "bert", "vocab_size": 500, "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 128, "max_position_embeddings": 128,
    "type_vocab_size": 2, "hidden_act": "gelu",
}  # fmt: skip
DECODER = {
    "model_type": "llama", "vocab_size": 500, "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128,
    "max_position_embeddings": 128, "hidden_act": "silu", "rms_norm_eps": 1e-6,
}  # fmt: skip
ADAPTER = {
    "peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none", "use_dora": False,
    "target_modules": ["query", "value"], "modules_to_save": ["classifier"], "rank_pattern": {},
}  # fmt: skip
STUDY = f"""\
name: mine
workload: {MAIN}
cases: [vanilla_slc, adapter_slc]
axes:
  length: {{path: hardware.bus.length, values: [1 mm, 2 mm]}}
  bottleneck: {{path: cases.adapter_slc.adaptation.bottleneck, from: 4, to: 8, steps: 2}}
columns: {{edp: adapter_slc.energy.request * adapter_slc.latency.request}}
constraints: [adapter_slc.energy.request <= '3 J']
objectives: {{cheap: {{minimize: edp}}}}
quantiles: [edp]
"""


def study(random: Random, folder: Path) -> Input:
    """Break a study, and evaluate it in this process."""
    path = write(folder, "mine.yaml", broken_text(random, STUDY))
    rounds = settings_of("requests={pattern: round_robin, rounds: 1}")
    store = ("--store", str(folder / "said.sqlite"))
    return Input(("sweep", str(path), *rounds, "--jobs", "0", "--quiet", *store), STUDIES)


# Points of a study may fail, with a code of their own.
STUDIES = frozenset({0, 2, 3, 8})


def huggingface(random: Random, folder: Path) -> Input:
    """Break the configuration of a model."""
    given = json.dumps(random.choice([CONFIG, DECODER]), indent=1)
    path = write(folder, "config.json", broken_text(random, given))
    return run(MAIN, f"model={{huggingface: {path}}}", "cases.vanilla_slc=null")


def adapter(random: Random, folder: Path) -> Input:
    """Break the settings of an adapter."""
    path = write(folder, "adapter_config.json", broken_text(random, json.dumps(ADAPTER, indent=1)))
    return run(MAIN, f"cases.adapter_slc.adaptation={{peft: {path}}}")


def onnx(random: Random, folder: Path) -> Input:
    """Break a graph; where the package is missing, that is told."""
    source = random.choice(sorted((ROOT / "tests" / "reference").glob("*.onnx")))
    path = folder / source.name
    path.write_bytes(broken_bytes(random, source.read_bytes()))
    pictures = str(ROOT / "workloads" / "resnet8.yaml")
    return Input(("graph", pictures, "--set", f"model={{onnx: {path}}}"))
