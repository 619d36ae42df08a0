"""What a user may choose of a model and of its adaptation to tasks.

This module is part of the configuration: it does not import networkx.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from accelsim.inputs.validation import ConfigModel

# No published encoder has larger sizes, and the deepest has 1000 layers: Wang et al., "DeepNet:
# Scaling Transformers to 1,000 Layers", 2022. A value beyond is a slip.
Size = Annotated[int, Field(gt=0, le=1_000_000)]
Layers = Annotated[int, Field(gt=0, le=1000)]

ModelName = Literal[
    "albert-base",
    "albert-large",
    "albert-xlarge",
    "albert-xxlarge",
    "bert-base",
    "bert-large",
    "custom",
]

# Lan et al., "ALBERT: A Lite BERT for Self-supervised Learning of Language Representations",
# ICLR 2020, table 1 (layers, hidden, embedding). Vocabulary, positions, heads, intermediate and
# type vocabulary: config.json of albert-{base,large,xlarge,xxlarge}-v2 on Hugging Face.
_ALBERT: dict[str, Any] = {
    "family": "albert",
    "vocabulary_size": 30_000,
    "embedding_size": 128,
    "maximum_positions": 512,
    "type_vocabulary_size": 2,
    "shared_layers": True,
    "pooler": True,
}
# Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
# Understanding", NAACL 2019, section 3 (layers, hidden, heads; intermediate is 4 x hidden).
# Vocabulary, positions and type vocabulary: config.json of bert-{base,large}-uncased.
_BERT: dict[str, Any] = {
    "family": "bert",
    "vocabulary_size": 30_522,
    "maximum_positions": 512,
    "type_vocabulary_size": 2,
    "shared_layers": False,
    "pooler": True,
}


def _size(layers: int, hidden: int, heads: int, intermediate: int) -> dict[str, Any]:
    return {
        "layers": layers,
        "hidden_size": hidden,
        "heads": heads,
        "intermediate_size": intermediate,
    }


_PRESETS: dict[str, dict[str, Any]] = {
    "albert-base": _ALBERT | _size(12, 768, 12, 3072),
    "albert-large": _ALBERT | _size(24, 1024, 16, 4096),
    "albert-xlarge": _ALBERT | _size(24, 2048, 16, 8192),
    "albert-xxlarge": _ALBERT | _size(12, 4096, 64, 16_384),
    "bert-base": _BERT | _size(12, 768, 12, 3072),
    "bert-large": _BERT | _size(24, 1024, 16, 4096),
}


def _from_preset() -> Any:
    # Never a value in use: `_fill` has set every field, unless the name is wrong and refused.
    return None


def _hyperparameter(description: str) -> Any:
    return Field(default_factory=_from_preset, description=description)


class ModelConfig(ConfigModel):
    """Hyperparameters of an encoder; those not given are taken from the preset ``name``.

    A ``custom`` model has no preset and must give all of them. ``family`` decides the structure
    and the names of the parameters: ``albert`` projects the embedding to the hidden size,
    ``bert`` has no projection, so there ``embedding_size`` follows ``hidden_size``.
    ``shared_layers`` is independent of it: one set of layer parameters, or one a layer.
    Sizes are in elements. Validation fails when ``heads`` does not divide ``hidden_size``.
    """

    name: Annotated[ModelName, Field(description="preset, or custom")]
    family: Literal["albert", "bert"] = _hyperparameter("structure and parameter names")
    vocabulary_size: Size = _hyperparameter("tokens in the vocabulary")
    embedding_size: Size = _hyperparameter("width of the embedding tables")
    hidden_size: Size = _hyperparameter("width between the operators of a layer")
    layers: Layers = _hyperparameter("number of encoder layers")
    heads: Size = _hyperparameter("attention heads of a layer")
    intermediate_size: Size = _hyperparameter("width inside the feed-forward network")
    maximum_positions: Size = _hyperparameter("longest sequence in tokens")
    type_vocabulary_size: Size = _hyperparameter("token types (sentence A, sentence B)")
    shared_layers: bool = _hyperparameter("one set of parameters for all layers")
    pooler: bool = _hyperparameter("dense + tanh on the first token before the classifier")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("name"), str):
            return data
        filled = {**_PRESETS.get(data["name"], {}), **data}
        if filled.get("family") == "bert" and "hidden_size" in filled:
            filled.setdefault("embedding_size", filled["hidden_size"])
        missing = [key for key in cls.model_fields if key not in filled]
        # An unknown key is probably a missing one misspelt, and gets a better message later.
        if data["name"] == "custom" and missing and filled.keys() <= cls.model_fields.keys():
            raise ValueError(
                f"a custom model gives all its hyperparameters; add {', '.join(missing)}, "
                "or start from a preset such as albert-base"
            )
        return filled

    @model_validator(mode="after")
    def _check(self) -> ModelConfig:
        if self.hidden_size % self.heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not divisible by heads {self.heads}; "
                "every head must have the same width"
            )
        if self.family == "bert" and self.embedding_size != self.hidden_size:
            raise ValueError(
                f"embedding_size {self.embedding_size} differs from hidden_size "
                f"{self.hidden_size}, but family bert has no projection between them; "
                "make them equal or choose family albert"
            )
        return self


class AdaptationConfig(ConfigModel):
    """How the model is adapted to each task.

    ``full`` trains the whole encoder for each task; ``houlsby`` adds two bottleneck adapters to
    every layer. ``bottleneck`` is their inner width in elements, required for ``houlsby``.
    ``shared_across_layers`` says whether all layers use one set of adapters; by default they do
    where the layers themselves share their parameters. Both belong to ``houlsby`` alone.
    """

    method: Literal["full", "houlsby"]
    bottleneck: Size | None = None
    shared_across_layers: bool | None = None

    @model_validator(mode="after")
    def _check(self) -> AdaptationConfig:
        if self.method == "houlsby":
            if self.bottleneck is None:
                raise ValueError("method houlsby needs a bottleneck, such as bottleneck: 64")
            return self
        for key in ("bottleneck", "shared_across_layers"):
            if getattr(self, key) is not None:
                raise ValueError(
                    f"{key} belongs to method houlsby, not to {self.method}; "
                    "remove it or change the method"
                )
        return self
