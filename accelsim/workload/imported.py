"""A workload whose model stands in a file of another library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from accelsim.inputs.document import Document, describe
from accelsim.inputs.files import is_file, is_there, names_in
from accelsim.inputs.shipped import find_beside
from accelsim.model.importers.huggingface import read_hyperparameters

_KEY = "huggingface"


def with_model(document: Document) -> Document:
    """Return the document with the hyperparameters of ``model: {huggingface: path}``.

    ``path``, relative to the document, is a config.json or a folder with one; keys beside it take
    the place of its values. Cases that ask for ``weights`` and name no shared ones get those of the
    folder, if it has some. Raises ConfigError for a file that gives no model.
    """
    model = document.data.get("model")
    if not isinstance(model, dict) or _KEY not in model:
        return document
    name = model[_KEY]
    if not isinstance(name, str):
        raise document.error(("model", _KEY), f"expected a path, got {describe(name)}")
    path = find_beside(document.path.parent, name)
    found = read_hyperparameters(path)
    changes = {key: value for key, value in model.items() if key != _KEY}
    data = {**document.data, "model": {**found, **changes}}
    if _has_weights(path):
        data["cases"] = _with_weights(data.get("cases"), name)
    return replace(document, data=data)


def _has_weights(path: Path) -> bool:
    folder = is_there(path) and not is_file(path)
    return folder and any(name.endswith(".safetensors") for name in names_in(path))


def _with_weights(cases: Any, folder: str) -> Any:
    if not isinstance(cases, dict):
        return cases
    return {
        name: {**case, "weights": {"shared": [folder], **case["weights"]}}
        if isinstance(case, dict) and isinstance(case.get("weights"), dict)
        else case
        for name, case in cases.items()
    }
