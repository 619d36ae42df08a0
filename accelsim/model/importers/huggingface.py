"""Models from a config.json of Hugging Face transformers: data alone, no code is run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.document import describe, read_text
from accelsim.inputs.files import is_file, is_there
from accelsim.model.families import MODEL_FAMILIES, find_model
from accelsim.model.families.base import Network
from accelsim.model.families.huggingface import HuggingFace

Known = Mapping[str, tuple[type[Network], HuggingFace]]

# The class of a model: its family, and what it does.
_ARCHITECTURE = re.compile(r"(.+?)(Model|LMHeadModel|DoubleHeadsModel|For[A-Z]\w*)")


def read_model(path: Path | str, **changes: Any) -> Any:
    """Return the model of a config.json, or of a folder with one, with other hyperparameters.

    Raises ConfigError as ``read_hyperparameters``, and for values that do not go together.
    """
    return find_model(**{**read_hyperparameters(Path(path)), **changes})


def read_hyperparameters(path: Path) -> dict[str, Any]:
    """Return the hyperparameters of a model, from a config.json or a folder with one.

    It has the name of the file, and of its folder where that is ``config.json``.

    Raises ConfigError for a file that is none, a family that accelsim does not have, a size that
    is missing, and what a family's graph is not made for.
    """
    file = path if is_file(path) or not is_there(path) else path / "config.json"
    config, families = _read(file), dict(_families())
    by_type = {each: name for name, (_, words) in families.items() for each in words.types}
    kind = _type_of(file, config, families, by_type)
    family, words = families[name := by_type[kind]]
    given = {key: each for key, each in config.items() if each is not None}
    filled = {**words.defaults, **given, "model_type": kind}
    if missing := [key for key in words.keys.values() if key not in filled]:
        raise ConfigError(f"{file}: {', '.join(missing)}: missing; a {name} has these keys")
    for key, wanted in words.demands.items():
        if filled.get(key, wanted) != wanted:
            raise ConfigError(
                f"{file}: {key}: expected {json.dumps(wanted)}, for which the family {name} is "
                f"built, got {json.dumps(filled[key])}"
            )
    try:
        return {"name": _name(file), "family": name, **family.translate(filled)}
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{file}: {error}") from None


def _name(file: Path) -> str:
    known = Path(os.path.abspath(file))
    return f"{known.parent.name}/{known.name}" if known.name == "config.json" else known.name


def _families() -> Iterator[tuple[str, tuple[type[Network], HuggingFace]]]:
    for name, family in MODEL_FAMILIES.all().items():
        if family.huggingface:
            yield name, (family, family.huggingface)


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


def _type_of(
    file: Path, config: Mapping[str, Any], families: Known, by_type: Mapping[str, str]
) -> str:
    """Return the ``model_type``, of old files what ``architectures`` or signs tell of it."""
    known = ", ".join(sorted(by_type))
    if "model_type" in config:
        given = config["model_type"]
        if isinstance(given, str) and given in by_type:
            return given
        raise ConfigError(f"{file}: model_type: no such family {describe(given)}; known: {known}")
    by_class = {re.sub("[-_]", "", each): each for each in by_type}
    for given in config.get("architectures") or ():
        match = _ARCHITECTURE.fullmatch(str(given))
        if match is None or match[1].lower() not in by_class:
            raise ConfigError(f"{file}: architectures: no such family '{given}'; known: {known}")
        return by_class[match[1].lower()]
    signed = {
        name: len(config.keys() & {*words.keys.values()})
        for name, (_, words) in families.items()
        if all(config.get(key) == value for key, value in words.signs.items())
    }
    if signed:
        return families[max(signed, key=lambda name: signed[name])][1].types[0]
    raise ConfigError(f"{file}: model_type: this key is missing; expected one of {known}")
