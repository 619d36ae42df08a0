"""Families of models, one file each: hyperparameters, presets, and the graph that they make.

A new family is one new file here: a subclass of ModelFamily with a ``family`` of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

    def options(self) -> list[str]:
        """Return the presets of all families, and ``custom``."""
        families = self.registry.all().values()
        return [*(name for family in families for name in family.presets), "custom"]

    def pick(self, given: dict[str, Any]) -> Network:
        """Return the model of a preset, or of all that is given."""
        custom = str(name := given.get("name")).endswith(_ENDINGS) or name == "custom"
        filled = given if custom else {**self._preset(given), **given}
        family = self.kind(filled)
        filled, known = family.complete(filled), family.model_fields
        missing = [key for key in known if key not in filled]
        # An unknown key is probably a missing one misspelt, and gets a better message later.
        if custom and missing and filled.keys() <= known.keys():
            raise ValueError(
                f"a custom model gives all its hyperparameters; add {', '.join(missing)}, "
                "or start from a preset such as albert-base"
            )
        return family.model_validate(filled)

    def _preset(self, given: dict[str, Any]) -> Mapping[str, Any]:
        """Return what the preset that a mapping names says. Raises RuleError, with a close one."""
        name = given.get("name")
        if isinstance(name, str):
            for key, family in self._families(name):
                if name in family.presets:
                    return {"family": key, **family.presets[name]}
        what = f"got {describe(name)}" if "name" in given else "this key is missing"
        hint = suggest(str(given.get("name", "")), self.options(), "presets")
        raise RuleError((("name",), f"expected a preset or 'custom', {what}; {hint}"))

    def _families(self, preset: str) -> Iterator[tuple[str, type[Network]]]:
        """Yield the families by name: that one first by whose name the preset's begins."""
        begins = [file for file in self.registry.files if preset.replace("-", "_").startswith(file)]
        if begins and (first := self.registry.get(longest := max(begins, key=len))):
            yield longest, first
        yield from self.registry.all().items()

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
