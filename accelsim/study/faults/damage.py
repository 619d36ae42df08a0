"""What faults do: to the weights, to every layer's output, to logits and predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from accelsim.inference.compare import (
    accuracy,
    agreement,
    is_one_class,
    layer_errors,
    relative_error,
)
from accelsim.inference.data import Sentences
from accelsim.inference.forward import ForwardResult, forward
from accelsim.inference.one_input import OneInputs, forward_inputs
from accelsim.model.families import ModelFamily
from accelsim.study.faults.statistics import Estimate, mean_of, share_of
from accelsim.study.faults.stored_model import FaultCounts, Reading
from accelsim.study.faults.subject import Subject
from accelsim.weights.weight_set import Values


@dataclass(frozen=True)
class Damage:
    """What one reading does, against the model without faults.

    Of the weights in non-volatile cells: ``weights``, the RMS error over the RMS of the weights;
    ``largest`` error; ``sign_flips``, the share of the weights that are not zero. ``layers`` and
    ``logits`` are relative L2 errors. ``agreement`` is the share of equal predictions, no
    accuracy; ``accuracy`` is that of labelled sentences, None without labels.
    """

    weights: float
    largest: float
    sign_flips: float
    layers: tuple[float, ...]
    logits: float
    agreement: float
    accuracy: float | None


@dataclass(frozen=True)
class DamageSummary:
    """Damage over seeds, and ``harmed``: how many of them changed any weight.

    ``faults`` are mean numbers of one reading.
    """

    faults: FaultCounts
    harmed: int
    weights: Estimate
    largest: Estimate
    sign_flips: Estimate
    layers: tuple[Estimate, ...]
    logits: Estimate
    agreement: Estimate
    accuracy: Estimate | None


def run_sentences(
    subject: Subject,
    weights: Mapping[str, Values],
    sentences: Sentences | OneInputs | None = None,
) -> ForwardResult:
    """Return what a subject's model gives with some weights, layers too; all its sentences."""
    sentences = sentences or subject.sentences
    if isinstance(sentences, OneInputs):
        return forward_inputs(subject.graph, weights, sentences)
    model = subject.workload.config.model_of(subject.task)
    assert isinstance(model, ModelFamily)
    return forward(
        model,
        subject.case.config.adaptation,
        weights,
        sentences.tokens,
        sentences.mask,
        sentences.token_types,
        capture=True,
        attention_spans=subject.workload.config.attention_spans.get(subject.task, ()),
        memo=subject.memo,
    )


class Judge:
    """Compares readings of a subject's weights with the weights as written."""

    def __init__(self, subject: Subject, sentences: int | None = None) -> None:
        """Decode the weights and run the sentences, or the first of them, without faults."""
        self._subject = subject
        self.sentences = subject.sentences.part(0, sentences or len(subject.sentences))
        self._weights = subject.compressed.decode().tensors
        self._reference = self._forward({})

    @property
    def one_class(self) -> bool:
        """Whether without faults all sentences, of several, have the same class."""
        return is_one_class(self._reference.logits)

    @cached_property
    def unharmed(self) -> Damage:
        """What a reading without faults does: nothing."""
        return self._judge(Reading({}, FaultCounts(0, 0, 0, 0)), self._reference)

    def judge(self, reading: Reading) -> Damage:
        """Return the damage of a reading; where it changed nothing no sentence is run again."""
        if not reading.changed:
            return self.unharmed
        return self._judge(reading, self._forward(reading.changed))

    def judge_seeds(self, read: Callable[[int], Reading], seeds: Iterable[int]) -> DamageSummary:
        """Return the damage over the readings of some seeds."""
        counts, damages = [], []
        for seed in seeds:
            reading = read(seed)
            counts.append(reading.counts)
            damages.append(self.judge(reading))
        return _summarise(counts, damages)

    def _forward(self, changed: Mapping[str, Values]) -> ForwardResult:
        return run_sentences(self._subject, {**self._weights, **changed}, self.sentences)

    def _judge(self, reading: Reading, result: ForwardResult) -> Damage:
        sentences, reference = self.sentences, self._reference
        squares, largest, flips = self._weight_errors(reading.changed)
        return Damage(
            math.sqrt(squares / max(self._squares, math.ulp(0.0))),
            largest,
            flips / max(1, self._nonzeros),
            tuple(layer_errors(result, reference, sentences.mask)),
            relative_error(result.logits, reference.logits),
            agreement(result.logits, reference.logits),
            None if sentences.labels is None else accuracy(result.logits, sentences.labels),
        )

    @cached_property
    def _squares(self) -> float:
        return math.fsum(_sum_of_squares(self._weights[name]) for name in self._subject.stored)

    @cached_property
    def _nonzeros(self) -> int:
        return sum(int(np.count_nonzero(self._weights[name])) for name in self._subject.stored)

    def _weight_errors(self, changed: Mapping[str, Values]) -> tuple[float, float, int]:
        """Return sum of squared errors, largest error and changed signs of weights."""
        squares, largest, flips = [], 0.0, 0
        for name, tensor in changed.items():
            written = self._weights[name]
            places = np.flatnonzero(tensor != written)
            value, wanted = tensor.reshape(-1)[places], written.reshape(-1)[places]
            wrong = value - wanted
            squares.append(_sum_of_squares(wrong))
            largest = max(largest, float(np.abs(wrong).max(initial=0)))
            turned = np.signbit(value) != np.signbit(wanted)
            flips += int(np.count_nonzero(turned & (value != 0) & (wanted != 0)))
        return math.fsum(squares), largest, flips


def _sum_of_squares(values: Values) -> float:
    return float(np.square(values, dtype=np.float64).sum())


def _summarise(counts: Sequence[FaultCounts], damages: Sequence[Damage]) -> DamageSummary:
    def mean(name: str) -> float:
        return math.fsum(getattr(one, name) for one in counts) / len(counts)

    def estimate(name: str) -> Estimate:
        return mean_of([getattr(one, name) for one in damages])

    accuracies = [one.accuracy for one in damages if one.accuracy is not None]
    return DamageSummary(
        FaultCounts(mean("values"), mean("masks"), mean("corrected"), mean("detected")),
        sum(one.weights > 0 for one in damages),
        estimate("weights"),
        estimate("largest"),
        estimate("sign_flips"),
        tuple(mean_of(layer) for layer in zip(*(one.layers for one in damages), strict=True)),
        estimate("logits"),
        share_of([one.agreement for one in damages]),
        share_of(accuracies) if accuracies else None,
    )
