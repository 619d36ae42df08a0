"""Families of models, one file each: hyperparameters, presets, and the graph that they make.

A new family is one new file here: a subclass of ModelFamily with a ``family`` of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import core_schema

from accelsim.inputs.choices import Choice
from accelsim.inputs.document import describe
from accelsim.inputs.paths import suggest
from accelsim.inputs.plugins import Registry
from accelsim.inputs.validation import RuleError
from accelsim.model.families.base import Exits as Exits
from accelsim.model.families.base import ModelFamily as ModelFamily
from accelsim.model.families.base import Network as Network

MODEL_FAMILIES = Registry(
    __name__, Network, "accelsim.model_families", "model family", key="family"
)


_FILES = {
    "huggingface": "config.json of Hugging Face transformers, or a folder with one",
    "onnx": "an ONNX file",
}


_ENDINGS = (".json", ".onnx")


class _ModelChoice(Choice[Network]):
    """A model: the name of a preset, or ``custom`` and a family, with any hyperparameters."""

    def options(self) -> Mapping[str, object]:
        """Return the presets of all families, with their families, and ``custom``."""
        presets: dict[str, Mapping[str, Any]] = {
            name: {"family": key, **values}
            for key, family in self.registry.all().items()
            for name, values in family.presets.items()
        }
        return {**presets, "custom": {}}

    def chosen(self, given: dict[str, Any], key: str, known: Iterable[str]) -> str:
        """Return the preset that a mapping names. Raises RuleError, with a close or with all.

        A model of a file has the file's name, and all that a ``custom`` one has.
        """
        names = list(known)
        if key == self.key and str(given.get(key)).endswith(_ENDINGS):
            return "custom"
        if key != self.key or (isinstance(name := given.get(key), str) and name in names):
            return super().chosen(given, key, names)
        what = f"got {describe(given[key])}" if key in given else "this key is missing"
        hint = suggest(str(given.get(key, "")), names, "presets")
        raise RuleError(((key,), f"expected a preset or 'custom', {what}; {hint}"))

    def pick(self, name: str, given: dict[str, Any]) -> Network:
        """Return the model of a preset, or of all that is given."""
        preset: Any = self.options()[name]
        filled = {**preset, **given}
        families = self.registry.all()
        family = families[self.chosen(filled, "family", families)]
        filled, known = family.complete(filled), family.model_fields
        missing = [key for key in known if key not in filled]
        # An unknown key is probably a missing one misspelt, and gets a better message later.
        if name == "custom" and missing and filled.keys() <= known.keys():
            raise ValueError(
                f"a custom model gives all its hyperparameters; add {', '.join(missing)}, "
                "or start from a preset such as albert-base"
            )
        return family.model_validate(filled)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return one branch for each family; a preset needs no key but its name."""
        found = super().__get_pydantic_json_schema__(schema, handler)
        for part, family in zip(found["oneOf"], self.registry.all().values(), strict=True):
            part["properties"]["name"]["enum"] = [*family.presets, "custom"]
            part["required"] = ["name"]
        for key, what in _FILES.items():
            path = {"type": "string", "description": what}
            branch = {"title": key, "properties": {key: path}, "required": [key]}
            found["oneOf"].append(branch)
        return found


def name_prefixes() -> tuple[str, ...]:
    """Return what models with a head put before the names of their parameters."""
    known = (each.huggingface for each in MODEL_FAMILIES.all().values())
    return tuple(dict.fromkeys(prefix for each in known if each for prefix in each.prefixes))


_MODEL = _ModelChoice(MODEL_FAMILIES, key="name")
ModelConfig = Annotated[Network, _MODEL]


def find_model(name: str, *, where: str = "in Python", **hyperparameters: Any) -> Any:
    """Return the model of a preset with other hyperparameters, or a ``custom`` one.

    Raises ConfigError for what is wrong with them, ``where`` they stand.
    """
    return _MODEL.make(where, name=name, **hyperparameters)
