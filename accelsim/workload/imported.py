"""A workload whose model, or whose adaptation, stands in a file of another library."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document, KeyPath, describe
from accelsim.inputs.files import is_file, is_there, names_in, read_bytes
from accelsim.inputs.shipped import find_beside
from accelsim.model.importers.huggingface import read_hyperparameters
from accelsim.model.importers.peft import read_adaptation


def with_model(document: Document) -> Document:
    """Return the document with the hyperparameters of ``model: {huggingface: path}``, or of ONNX.

    So it is with each of ``models``. ``path``, relative to the document, is a config.json or a
    folder with one, and with ``onnx`` an ONNX file; keys beside it take the place of its values.
    Cases that ask for ``weights`` and name no shared ones get those of the folder of the model, if
    it has some, or of its ONNX file. Raises ConfigError for a file that gives no
    model.
    """
    data = dict(document.data)
    if isinstance(models := data.get("models"), dict):
        found = {n: _read(document, ("models", n), model) for n, model in models.items()}
        data["models"] = {name: model for name, (model, _) in found.items()}
        for name, (_, folder) in found.items():
            if folder is not None:
                data["cases"] = _with_own_weights(data.get("cases"), name, folder)
    if "model" in data:
        data["model"], folder = _read(document, ("model",), data["model"])
        if folder is not None:
            data["cases"] = _with_weights(data.get("cases"), folder)
    return replace(document, data=data)


def _read(document: Document, at: KeyPath, model: Any) -> tuple[Any, str | None]:
    """Return a model with the hyperparameters of its file, and its folder if that has weights."""
    kind = next((each for each in _KINDS if isinstance(model, dict) and each in model), None)
    if kind is None:
        return model, None
    name = model[kind]
    if not isinstance(name, str):
        raise document.error((*at, kind), f"expected a path, got {describe(name)}")
    path = find_beside(document.path.parent, name)
    found = _KINDS[kind](path)
    changes = {key: value for key, value in model.items() if key != kind}
    return {**found, **changes}, name if kind == "onnx" or _has_weights(path) else None


def with_adapters(document: Document) -> Document:
    """Return the document with the keys of every ``adaptation: {peft: path}``.

    ``path``, relative to the document, is an adapter_config.json or a folder with one; keys beside
    it take the place of its own. Raises ConfigError for a file that gives no adaptation.
    """
    data = dict(document.data)
    for section in ("cases", "tasks"):
        if isinstance(owners := data.get(section), dict):
            known = owners.items()
            data[section] = {n: _with_adapter(document, (section, n), each) for n, each in known}
    return replace(document, data=data)


def _with_adapter(document: Document, at: KeyPath, owner: Any) -> Any:
    if at[0] == "cases" and isinstance(owner, dict) and isinstance(owner.get("models"), dict):
        own = owner["models"].items()
        owner = {
            **owner,
            "models": {m: _with_adapter(document, (*at, "models", m), each) for m, each in own},
        }
    given = owner.get("adaptation") if isinstance(owner, dict) else None
    if not isinstance(given, dict) or "peft" not in given:
        return owner
    name, path = given["peft"], (*at, "adaptation", "peft")
    if not isinstance(name, str):
        raise document.error(path, f"expected a path, got {describe(name)}")
    found = read_adaptation(find_beside(document.path.parent, name))
    if at[0] == "tasks":  # whose method is that of the case
        del found["method"]
    changes = {key: value for key, value in given.items() if key != "peft"}
    return {**owner, "adaptation": {**found, **changes}}


def _onnx(path: Path) -> dict[str, Any]:
    """Return what tells an ONNX file; it is read when its graph is built."""
    try:
        content = read_bytes(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: cannot be read: {reason}; name an ONNX file") from None
    digest = hashlib.sha256(content).hexdigest()
    return {"name": path.name, "family": "onnx", "path": str(path), "digest_of_file": digest}


_KINDS = {"huggingface": read_hyperparameters, "onnx": _onnx}


def _has_weights(path: Path) -> bool:
    names = names_in(path) if is_there(path) and not is_file(path) else ()
    return any(name.endswith(".safetensors") for name in names)


def _with_own_weights(cases: Any, model: str, folder: str) -> Any:
    """Return cases of several models in which one has the weights of its folder, if any."""
    found = dict(cases) if isinstance(cases, dict) else cases
    for name, case in found.items() if isinstance(cases, dict) else ():
        models = case.get("models", {}) if isinstance(case, dict) else None
        own = models.get(model, {}) if isinstance(models, dict) else None
        if isinstance(models, dict) and isinstance(own, dict):
            new = _given({**own, "weights": own.get("weights", case.get("weights"))}, folder)
            if isinstance(new["weights"], dict):
                found[name] = {**case, "models": {**models, model: new}}
    return found


def _with_weights(cases: Any, folder: str) -> Any:
    known = cases.items() if isinstance(cases, dict) else ()
    return {name: _given(case, folder) for name, case in known} or cases


def _given(owner: Any, folder: str) -> Any:
    """Return who asks for weights with those of a folder, unless it names others."""
    asked = owner.get("weights") if isinstance(owner, dict) else None
    return {**owner, "weights": {"shared": [folder], **asked}} if isinstance(asked, dict) else owner
