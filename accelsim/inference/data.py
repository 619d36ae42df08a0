"""Sentences for the forward pass: random tokens, or labelled ones from a file.

There is no tokenizer here: a file holds the token numbers that the model's own tokenizer gave.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.errors import ConfigError
from accelsim.model.families import ModelFamily

# `pad_token_id` of AlbertConfig and BertConfig. The mask hides it: any number would do.
PADDING = 0

# Problems of one file or batch that a message lists [ours].
_LISTED = 10


@dataclass(frozen=True, eq=False)
class Sentences:
    """A batch of sentences.

    ``tokens`` and ``token_types`` are int64, ``mask`` is bool and True for real tokens; all are
    (sentences, sequence). ``labels`` is int64 (sentences,), None where nobody labelled them.
    ``origin`` says where they come from, in words for a report.
    """

    tokens: NDArray[np.int64]
    mask: NDArray[np.bool_]
    token_types: NDArray[np.int64]
    labels: NDArray[np.int64] | None = None
    origin: str = "given as arrays"

    @classmethod
    def of(
        cls, tokens: ArrayLike, mask: ArrayLike | None = None, token_types: ArrayLike | None = None
    ) -> Sentences:
        """Return sentences of arrays or nested lists of integers; None stands for the default.

        Raises ConfigError for other values than integers, a mask of other values than 0 and 1,
        and shapes that differ.
        """
        numbers = _to_integers("tokens", tokens, None)
        real = np.ones_like(numbers) if mask is None else _to_integers("mask", mask, numbers.shape)
        if not np.isin(real, (0, 1)).all():
            raise ConfigError("mask has values other than 0 and 1; use 1 for real tokens")
        kinds = np.zeros_like(numbers) if token_types is None else token_types
        types = _to_integers("token_types", kinds, numbers.shape)
        return cls(numbers, real.astype(bool), types)

    def __len__(self) -> int:
        return len(self.tokens)

    def behind(self, virtual: int) -> Sentences:
        """Return them behind so many virtual tokens, which are real ones of number 0."""
        if not virtual:
            return self
        wide = ((0, 0), (virtual, 0))
        tokens, types = (np.pad(each, wide) for each in (self.tokens, self.token_types))
        mask = np.pad(self.mask, wide, constant_values=True)
        return Sentences(tokens, mask, types, self.labels, self.origin)

    def part(self, start: int, count: int) -> Sentences:
        """Return up to ``count`` sentences from number ``start``, counted from 0."""
        chosen = slice(start, start + count)
        labels = None if self.labels is None else self.labels[chosen]
        arrays = (self.tokens[chosen], self.mask[chosen], self.token_types[chosen])
        return Sentences(*arrays, labels, self.origin)


def _to_integers(name: str, values: ArrayLike, shape: tuple[int, ...] | None) -> NDArray[np.int64]:
    try:
        array = np.asarray(values)
    except ValueError:
        raise ConfigError(
            f"{name} has rows of different lengths; pad them and give a mask"
        ) from None
    if array.ndim != 2 or not array.size:
        raise ConfigError(
            f"{name} has shape {array.shape}, expected (sentences, sequence) with 1 or more of both"
        )
    if array.dtype.kind not in "iub":
        raise ConfigError(f"{name} holds {array.dtype} values, expected integers")
    if shape is not None and array.shape != shape:
        raise ConfigError(f"{name} has shape {array.shape}, expected that of tokens, {shape}")
    return array.astype(np.int64)


def random_sentences(model: ModelFamily, *, sentences: int, tokens: int, seed: int) -> Sentences:
    """Return sentences of uniformly random tokens: no text, so nothing that a label could fit.

    Each has ``tokens`` tokens of the whole vocabulary, all real and of type 0 [ours]. Sentence n
    comes from a stream of its own, ``random.Random("SEED/sentence/n")``: the first sentences do
    not depend on how many there are. Raises ConfigError for a count below 1 or more tokens than
    the model has positions.
    """
    for name, value in (("sentences", sentences), ("tokens", tokens)):
        if value < 1:
            raise ConfigError(f"{name} is {value}, must be 1 or more")
    streams = (random.Random(f"{seed}/sentence/{n}") for n in range(sentences))
    size = model.vocabulary_size
    drawn = Sentences.of([[each.randrange(size) for _ in range(tokens)] for each in streams])
    check_sentences(model, drawn)
    origin = f"{sentences} sentences of {tokens} random tokens (not text), seed {seed}"
    return replace(drawn, origin=origin)


def check_sentences(model: ModelFamily, sentences: Sentences) -> None:
    """Check that the model can read the sentences.

    Raises ConfigError, one line for each of the first sentences that it cannot (counted from 0).
    """
    arrays = (sentences.tokens, sentences.mask, sentences.token_types)
    rows = zip(*(each.tolist() for each in arrays), strict=True)
    found = ((n, find_problem(model, *row)) for n, row in enumerate(rows))
    report([f"sentence {n}: {problem}" for n, problem in found if problem])


def find_problem(
    model: ModelFamily, tokens: Sequence[int], mask: Sequence[int], token_types: Sequence[int]
) -> str | None:
    """Return why a model cannot read a sentence, None if it can."""
    if len(tokens) > model.maximum_positions:
        return (
            f"{len(tokens)} tokens are more than the {model.maximum_positions} positions of "
            f"{model.name}; shorten the sentence"
        )
    if not any(mask):
        return "the mask hides every token; keep one or more"
    size = model.vocabulary_size
    return _find_outside("token", tokens, size, "vocabulary_size") or _find_outside(
        "token type", token_types, max(1, model.type_vocabulary_size), "type_vocabulary_size"
    )


def _find_outside(what: str, numbers: Sequence[int], size: int, key: str) -> str | None:
    if min(numbers) >= 0 and max(numbers) < size:
        return None
    place, number = next((i, n) for i, n in enumerate(numbers) if not 0 <= n < size)
    return f"{what} {number} at position {place} is outside 0 to {size - 1} ({key} {size})"


def report(problems: Sequence[str]) -> None:
    """Raise ConfigError with the first of the problems, if there are any."""
    if not problems:
        return
    lines = list(problems[:_LISTED])
    if len(problems) > _LISTED:
        lines.append(f"and {len(problems) - _LISTED} more like these")
    raise ConfigError("\n".join(lines))
