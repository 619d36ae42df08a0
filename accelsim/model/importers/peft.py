"""Adaptations from the adapter_config.json of the libraries PEFT and ``adapters``: data alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.document import at_key, describe
from accelsim.inputs.files import is_file, is_there, read_bytes
from accelsim.model.importers.unknown import why_unknown

SETTINGS = "adapter_config.json"
_SAVED = "modules_to_save"
# Heads, which are always of a task's own; PEFT names both for any classifier.
_HEADS = frozenset({"classifier", "score"})
# What is said of training, of the library and of where the model is: an inference is the same.
_SAID = """auto_mapping base_model_name_or_path revision inference_mode task_type peft_version
    peft_type megatron_config megatron_core runtime_config lora_dropout fan_in_fan_out
    init_lora_weights loftq_config eva_config corda_config lora_ga_config qalora_group_size
    ensure_weight_tying init_ia3_weights prompt_tuning_init prompt_tuning_init_text token_dim
    tokenizer_name_or_path tokenizer_kwargs num_transformer_submodules num_attention_heads
    num_layers encoder_hidden_size encoder_num_layers encoder_reparameterization_type
    encoder_dropout prefix_projection prompt_tuning_init_state_dict_path velora_config"""
_ABOUT = frozenset(_SAID.split())
Keys = dict[str, Any]


def is_head(module: str) -> bool:
    """Say whether a module is a head that a task has anyway."""
    return module.partition(".")[0] in _HEADS


def settings_of(path: Path) -> Path | None:
    """Return the settings of the folder that a path is, or is a file in, if they are there."""
    folder = path.parent if is_file(path) else path
    return folder / SETTINGS if is_file(folder / SETTINGS) else None


def read_settings(file: Path) -> Keys:
    """Return what settings say. Raises ConfigError for a file that is no JSON object."""
    try:
        said = json.loads(read_bytes(file))
        if not isinstance(said, dict):
            raise ValueError("no mapping")
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _unreadable(file, str(reason)) from None
    return said


def read_adaptation(path: Path) -> Keys:
    """Return the keys of the adaptation of an ``adapter_config.json``, or of a folder with one.

    Raises ConfigError for settings that cannot be read, and for what no adaptation here is.
    """
    file = path if is_file(path) or not is_there(path) else path / SETTINGS
    said = {key: value for key, value in read_settings(file).items() if value is not None}
    library = "peft_type" not in said and isinstance(said.get("config"), dict)
    read = partial(_adapters, file) if library else _reader(file, said)
    try:
        return read(said)
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise _unreadable(file, what) from None


def _reader(file: Path, said: Keys) -> Callable[[Keys], Keys]:
    """Return what reads settings of PEFT. Raises ConfigError for what no adaptation here is."""
    kind = said.get("peft_type")
    if kind not in _METHODS:
        why = why_unknown("peft", [str(kind)])
        raise ConfigError(
            f"{file}: peft_type: {kind} is not known{why}, expected {', '.join(_METHODS)}; merge "
            "the adapter into its model (merge_and_unload of peft) and give that"
        )
    read, known = _METHODS[kind]
    wrong = {key: said[key] for key in sorted(said.keys() - known.keys() - _ABOUT) if said[key]}
    if wrong:
        told = ", ".join(f"{key} {json.dumps(value)}" for key, value in wrong.items())
        raise ConfigError(
            f"{file}: {told}: not known of {kind}; expected {', '.join(known)} and nothing else "
            "that changes what is computed"
        )
    return read


def _unreadable(file: Path, what: str) -> ConfigError:
    at = at_key(file, what.partition(":")[0])
    return ConfigError(
        f"{at}: cannot be read: {what}; expected the settings that save_pretrained of peft or "
        "save_adapter of adapters writes"
    )


def _names(chosen: Any) -> Any:
    """Return targets as they are written here: a text, or patterns without heads."""
    if isinstance(chosen, str):
        return chosen
    if not isinstance(chosen, list | tuple) or not chosen:
        raise ValueError(f"target_modules {json.dumps(chosen)}; expected names of modules")
    return [own for own in sorted(map(str, chosen)) if not is_head(own)]


def _targeted(said: Mapping[str, Any]) -> Keys:
    """Return what methods that stand at modules have in common."""
    found: Keys = {"targets": _names(said["target_modules"])}
    if excluded := said.get("exclude_modules"):
        found["excluded"] = excluded if isinstance(excluded, str) else _names(excluded)
    return {**found, **_saved(said)}


def _saved(said: Mapping[str, Any]) -> Keys:
    # The library saves every module whose name ends so.
    saved = [f"*{name}" for name in map(str, said.get(_SAVED) or ()) if not is_head(name)]
    return {"trainable": saved} if saved else {}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _lora(said: Mapping[str, Any]) -> Keys:
    """Return the keys of LoRA; of its ``init_lora_weights`` only values depend."""
    rank, alpha = said["r"], said["lora_alpha"]
    for key, kinds, what in (("r", int, "a whole number"), ("lora_alpha", int | float, "a number")):
        if not isinstance(said[key], kinds) or isinstance(said[key], bool):
            raise ValueError(f"{key}: expected {what}, got {describe(said[key])}")
    if rank < 1 or not math.isfinite(alpha):
        raise ValueError(f"r {rank} and lora_alpha {alpha:g}")
    found = {"method": "lora", "rank": rank, "alpha": float(alpha)}
    layers = said.get("layers_to_transform")
    more = {
        "rooted": said.get("use_rslora"),
        "ranks": said.get("rank_pattern"),
        "alphas": said.get("alpha_pattern"),
        "layers": None if layers in (None, []) else _listed(layers),
        "bias": None if said.get("bias") == "none" else said.get("bias"),
        "dora": said.get("use_dora"),
    }
    if more["layers"] and said.get("layers_pattern"):
        more["layer_lists"] = _listed(said["layers_pattern"])
    return {**found, **{key: value for key, value in more.items() if value}, **_targeted(said)}


def _ia3(said: Mapping[str, Any]) -> Keys:
    inner = said.get("feedforward_modules")
    more = {"feedforward": inner if isinstance(inner, str) else _names(inner)} if inner else {}
    return {"method": "ia3", **_targeted(said), **more}


def _norms(said: Mapping[str, Any]) -> Keys:
    chosen = said["target_modules"]
    if isinstance(chosen, str):
        raise ValueError(f"target_modules {json.dumps(chosen)}; expected a list of norms")
    saved, less = _saved(said).get("trainable", []), said.get("exclude_modules")
    frozen = {"frozen": _names(less)} if less else {}
    return {"method": "head", "trainable": [*_names(chosen), *saved], **frozen}


def _virtual(method: str) -> Callable[[Mapping[str, Any]], Keys]:
    return lambda said: {"method": method, "length": said["num_virtual_tokens"], **_saved(said)}


_AT = ("target_modules", "exclude_modules", _SAVED)
_PROMPT = ("num_virtual_tokens", _SAVED)
_LORA = (
    *("r", "lora_alpha", *_AT, "use_rslora", "rank_pattern", "alpha_pattern", "bias", "use_dora"),
    *("layers_to_transform", "layers_pattern"),
)
# How the settings of each method are read, and the keys that are.
_METHODS: dict[Any, tuple[Callable[[Mapping[str, Any]], Keys], dict[str, None]]] = {
    "LORA": (_lora, dict.fromkeys(_LORA)),
    "IA3": (_ia3, dict.fromkeys((*_AT, "feedforward_modules"))),
    "LN_TUNING": (_norms, dict.fromkeys(_AT)),
    "PREFIX_TUNING": (_virtual("prefix"), dict.fromkeys(_PROMPT)),
    "PROMPT_TUNING": (_virtual("prompt"), dict.fromkeys(_PROMPT)),
    "P_TUNING": (_virtual("prompt"), dict.fromkeys(_PROMPT)),
}

# What bottlenecks of the library adapters have, by whether there is one behind the attention too.
_PLAIN: Keys = {
    "output_adapter": True,
    "original_ln_after": True,
    "residual_before_ln": True,
    "adapter_residual_before_ln": False,
    "ln_before": False,
    "ln_after": False,
    "is_parallel": False,
    "phm_layer": False,
    "use_gating": False,
    "scaling": 1.0,
    "inv_adapter": None,
    "cross_adapter": False,
    "leave_out": [],
}
_ATTENTION = {"q": "query", "k": "key", "v": "value"}
# Patterns of norms, which the library leaves frozen, where they are not called so.
_NORMS = {"gpt2": ["ln_?"]}


def _adapters(file: Path, said: Keys) -> Keys:
    """Return the keys of an adaptation of the library ``adapters``."""
    config = said["config"]
    kind = config.get("architecture")
    if kind is None and "reduction_factor" in config:
        return _bottlenecks(file, said, config)
    if kind == "prefix_tuning":
        _expect(file, config, {"leave_out": [], "use_gating": False})
        # The library has one module for all layers of ALBERT.
        shared = {"shared_across_layers": True} if said.get("model_type") == "albert" else {}
        return {"method": "prefix", "length": config["prefix_length"], **shared}
    if kind == "lora":
        _expect(file, config, _PLAIN_LORA)
        targets = [_ATTENTION[each] for each in config["attn_matrices"]]
        found = {"method": "lora", "rank": config["r"], "alpha": config["alpha"]}
        dora = {"dora": True} if config.get("use_dora") else {}
        return {**found, "targets": targets, **dora}
    raise ConfigError(
        f"{file}: config.architecture: {json.dumps(kind)} of the library adapters is not known; "
        "expected bottlenecks (double_seq_bn, seq_bn), prefix_tuning or lora"
    )


_PLAIN_LORA: Keys = {
    "selfattn_lora": True,
    "intermediate_lora": False,
    "output_lora": False,
    "composition_mode": "add",
    "use_gating": False,
    "leave_out": [],
    "vera_d": None,
    "vera_b": None,
}


def _bottlenecks(file: Path, said: Keys, config: Mapping[str, Any]) -> Keys:
    both = bool(config.get("mh_adapter"))
    _expect(file, config, {**_PLAIN, "original_ln_before": not both})
    width, factor = int(said["hidden_size"]), config["reduction_factor"]
    if not isinstance(factor, int | float):
        raise ValueError("reduction_factor by layer; write 'bottleneck' as a list")
    found = {"bottleneck": max(1, int(width // factor)), "activation": config["non_linearity"]}
    if not both:
        return {"method": "pfeiffer", **found}
    norms = _NORMS.get(str(said.get("model_type")), ["*[nN]orm*"])
    return {"method": "houlsby", **found, "frozen": norms}


def _expect(file: Path, config: Mapping[str, Any], plain: Mapping[str, Any]) -> None:
    """Refuse what an adaptation of the library has that none here has."""
    wrong = {key: config[key] for key, value in plain.items() if config.get(key, value) != value}
    if wrong:
        told = ", ".join(f"{key} {json.dumps(value)}" for key, value in wrong.items())
        usual = ", ".join(f"{key} {json.dumps(plain[key])}" for key in wrong)
        raise ConfigError(f"{file}: config: {told}: no adaptation here has this, expected {usual}")
