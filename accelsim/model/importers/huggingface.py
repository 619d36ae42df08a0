"""Models from a config.json of Hugging Face transformers: data alone, no code is run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.document import at_key, describe, read_text
from accelsim.inputs.files import is_file, is_there
from accelsim.model.families import MODEL_FAMILIES, find_model
from accelsim.model.families.base import Network
from accelsim.model.families.huggingface import HuggingFace
from accelsim.model.importers.unknown import why_unknown

Known = Mapping[str, tuple[type[Network], HuggingFace]]

# The class of a model: its family, and what it does.
_ARCHITECTURE = re.compile(r"(.+?)(Model|LMHeadModel|DoubleHeadsModel|For[A-Z]\w*)")


def read_model(path: Path | str, **changes: Any) -> Any:
    """Return the model of a config.json, or of a folder with one, with other hyperparameters.

    Raises ConfigError as ``read_hyperparameters``, and for values that do not go together.
    """
    found = {**read_hyperparameters(Path(path)), **changes}
    return find_model(**found, where=str(path))


def read_hyperparameters(path: Path) -> dict[str, Any]:
    """Return the hyperparameters of a model, from a config.json or a folder with one.

    It has the name of the file, and of its folder where that is ``config.json``.

    Raises ConfigError for a file that is none, a family that accelsim does not have, a size that
    is missing, and what a family's graph is not made for.
    """
    file = path if is_file(path) or not is_there(path) else path / "config.json"
    return hyperparameters_of(_read(file), file)


def hyperparameters_of(config: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return the hyperparameters of a model that a configuration describes, as of a file."""
    each_family = MODEL_FAMILIES.all().items()
    families = {name: (each, each.huggingface) for name, each in each_family if each.huggingface}
    by_type = {each: name for name, (_, words) in families.items() for each in words.types}
    kind = _type_of(file, config, families, by_type)
    family, words = families[name := by_type[kind]]
    _check_storage(file, config)
    _check_slips(file, config, words)
    defaults = {**words.defaults, **words.defaults_of.get(kind, {})}
    filled = {k: v for k, v in {**defaults, **config}.items() if v is not None}
    filled["model_type"] = kind
    if missing := [key for key in words.keys.values() if key not in filled]:
        has = ", ".join(words.keys.values())
        raise ConfigError(f"{file}: {', '.join(missing)}: missing; a {name} has the keys {has}")
    for key in words.keys.values():
        if isinstance(text := filled[key], str) and text.replace(".", "", 1).isdigit():
            raise ConfigError(
                f'{at_key(file, key)}: {key}: expected a number, got the text "{text}"'
            )
    for key, wanted in words.demands.items():
        if filled.get(key, wanted) != wanted:
            raise ConfigError(
                f"{file}: {key}: expected {json.dumps(wanted)}, for which the family {name} is "
                f"built, got {json.dumps(filled[key])}"
            )
    try:
        return {"name": _name(file), "family": name, **family.translate(filled)}
    except (ValueError, TypeError) as error:
        at = at_key(file, str(error).partition(":")[0])
        raise ConfigError(f"{at}: {error}") from None


def _name(file: Path) -> str:
    known = Path(os.path.abspath(file))
    return f"{known.parent.name}/{known.name}" if known.name == "config.json" else known.name


def _read(file: Path) -> dict[str, Any]:
    text = read_text(file, "JSON", lambda _: "name a config.json, or a folder with one")
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{file}:{error.lineno}: not JSON: {error.msg}") from None
    except (RecursionError, ValueError):
        raise ConfigError(f"{file}: not the JSON of a configuration; it nests too deep") from None
    if not isinstance(config, dict):
        raise ConfigError(f"{file}: expected a JSON object, got {describe(config)}")
    if "peft_type" in config:
        raise ConfigError(
            f"{file}: this configures a PEFT adapter, not a model; name its base model here, and "
            "the adapter in adaptation of a case, such as {method: lora, rank: 8}"
        )
    return config


def _unknown(file: Path, config: Mapping[str, Any], what: str, known: str) -> ConfigError:
    """Return the error for a family that there is none of, with how it differs."""
    named = [config.get("model_type"), *_listed(config)]
    words = [re.sub("[-_]|(Model|For[A-Z]).*", "", str(each)).lower() for each in named]
    why = why_unknown("transformers", words)
    nested = [key for key, value in config.items() if key.endswith("_config") and _sizes(value)]
    hint = f"; {nested[0]} holds one model of several: give it a file of its own" if nested else ""
    return ConfigError(f"{file}: {what}{why}{hint}; known: {known}")


def _listed(config: Mapping[str, Any]) -> list[Any]:
    """Return the classes that a file names."""
    listed = config.get("architectures")
    return listed if isinstance(listed, list) else []


def _said(given: object) -> str:
    return f"'{given}'" if isinstance(given, str) else describe(given)


# What families read beside their own keys.
_READ = (
    *("head_dim", "num_key_value_heads", "partial_rotary_factor", "rope_parameters"),
    *("rope_scaling", "rope_theta", "rotary_emb_base", "rotary_pct", "sliding_window"),
    *("word_embed_proj_dim", "no_rope_layers", "no_rope_layer_interval", "n_inner"),
    *("do_layer_norm_before", "_remove_final_layer_norm", "attention_bias", "mlp_bias"),
)
_SLIP = 0.9  # [ours] no two keys of the families in transformers 5 are so near


def _check_slips(file: Path, config: Mapping[str, Any], words: HuggingFace) -> None:
    """Refuse a key that is nearly one that is read and is not there; others do not matter."""
    known = {*words.keys.values(), *words.demands, *_READ}
    for key in config.keys() - known:
        if near := get_close_matches(key, known - config.keys(), n=1, cutoff=_SLIP):
            raise ConfigError(f"{at_key(file, key)}: {key}: unknown key; did you mean '{near[0]}'?")


def _sizes(value: object) -> bool:
    return isinstance(value, dict) and "hidden_size" in value


def _check_storage(file: Path, config: Mapping[str, Any]) -> None:
    """Refuse a file that says how weights are stored, which is what a case says."""
    if (found := config.get("quantization_config")) is None:
        return
    said = found if isinstance(found, dict) else {}
    bits = said.get("bits", 4 if said.get("load_in_4bit") else 8)
    size = said.get("group_size")
    groups = f", groups: {{size: {size}, bits: 16}}" if isinstance(size, int) and size > 0 else ""
    raise ConfigError(
        f"{file}: quantization_config: weights stored by {said.get('quant_method', 'its method')} "
        "are not read, and a case says how it stores them; leave this key out and write "
        f"'storage: {{backbone: {{format: dense, bits: {bits}{groups}}}}}'"
    )


def _type_of(
    file: Path, config: Mapping[str, Any], families: Known, by_type: Mapping[str, str]
) -> str:
    """Return the ``model_type``, of old files what ``architectures`` or signs tell of it."""
    known = ", ".join(sorted(by_type))
    if "model_type" in config:
        given = config["model_type"]
        if isinstance(given, str) and given in by_type:
            return given
        raise _unknown(file, config, f"model_type: no such family {_said(given)}", known)
    by_class = {re.sub("[-_]", "", each): each for each in by_type}
    for given in _listed(config):
        match = _ARCHITECTURE.fullmatch(str(given))
        if match is None or match[1].lower() not in by_class:
            raise _unknown(file, config, f"architectures: no such family '{given}'", known)
        return by_class[match[1].lower()]
    signed = {
        name: len(config.keys() & {*words.keys.values()})
        for name, (_, words) in families.items()
        if all(config.get(key) == value for key, value in words.signs.items())
    }
    if signed:
        return families[max(signed, key=lambda name: signed[name])][1].types[0]
    raise ConfigError(f"{file}: model_type: this key is missing; expected one of {known}")
