"""How far two forward passes differ: agreement of predictions, errors of layers, accuracy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import ConfigError
from accelsim.inference.forward import ForwardResult

_Floats = NDArray[np.floating]


def agreement(logits: _Floats, reference: _Floats) -> float:
    """Return the fraction of sentences for which two models choose the same class.

    Both are (sentences, classes); of equal logits the first class is chosen. A sentence with a
    logit that is infinite or NaN in either agrees with nothing. This is no accuracy: it says
    whether two models answer alike, not whether they are right. Raises ConfigError for other
    shapes, and for one class, where there is nothing to choose.
    """
    if logits.shape != reference.shape:
        raise ConfigError(
            f"logits of shapes {logits.shape} and {reference.shape} cannot be compared; run the "
            "same sentences and task"
        )
    chosen = _classes(logits)
    return float(((chosen >= 0) & (chosen == _classes(reference))).mean())


def is_one_class(logits: _Floats) -> bool:
    """Say whether several sentences are all of one class, so that agreement tells little."""
    chosen = _classes(logits)
    return len(chosen) > 1 and bool((chosen == chosen[0]).all())


def accuracy(logits: _Floats, labels: NDArray[np.int64]) -> float:
    """Return the fraction of sentences whose class is the label, for real weights and labels.

    A sentence with a logit that is infinite or NaN is wrong. Raises ConfigError for labels of
    another shape than (sentences,), and for one class.
    """
    if labels.shape != logits.shape[:1]:
        raise ConfigError(f"labels have shape {labels.shape}, expected {logits.shape[:1]}")
    return float((_classes(logits) == labels).mean())


def _classes(logits: _Floats) -> NDArray[np.int64]:
    """Return the class of each sentence, -1 where a logit is infinite or NaN."""
    if logits.ndim != 2 or len(logits) < 1 or logits.shape[1] < 2:
        raise ConfigError(
            f"logits of shape {logits.shape} choose no class, expected 1 or more sentences and 2 "
            "or more classes"
        )
    return np.where(np.isfinite(logits).all(axis=1), logits.argmax(axis=1), -1)


def relative_error(value: _Floats, reference: _Floats) -> float:
    """Return |value - reference| / |reference|, Euclidean norms over all elements.

    0 for equal arrays, infinite where the reference is 0 or the value is not finite. Raises
    ConfigError for different shapes.
    """
    if value.shape != reference.shape:
        raise ConfigError(
            f"arrays of shapes {value.shape} and {reference.shape} cannot be compared"
        )
    wanted = reference.astype(np.float64)
    # Equal infinities give NaN, which counts as an infinite error below.
    with np.errstate(invalid="ignore"):
        difference = np.linalg.norm((value.astype(np.float64) - wanted).reshape(-1))
    if difference == 0:
        return 0.0
    size = np.linalg.norm(wanted.reshape(-1))
    return float(difference / size) if np.isfinite(difference) and size > 0 else float("inf")


def cosines(
    result: ForwardResult, reference: ForwardResult, mask: NDArray[np.bool_] | None
) -> list[float]:
    """Return the mean cosine of each layer's output at the real tokens to the reference's.

    ``mask`` (batch, sequence) is True for real tokens, None where all rows are real. An output that
    is not finite, or zero in one of the two, counts as 0.
    """
    found = []
    for value, wanted in zip(result.hidden, reference.hidden, strict=True):
        chosen = np.ones(value.shape[:2], np.bool_) if mask is None else mask
        one, other = value[chosen].astype(np.float64), wanted[chosen].astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            sizes = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
            cosine = (one * other).sum(axis=1) / sizes
        found.append(float(np.where(np.isfinite(cosine), cosine, 0.0).mean()))
    return found


def layer_errors(
    result: ForwardResult, reference: ForwardResult, mask: NDArray[np.bool_] | None = None
) -> list[float]:
    """Return the relative error of each encoder layer's output.

    Both results must have been captured from the same sentences. ``mask`` (batch, sequence)
    leaves out the padding, whose outputs nobody reads. Raises ConfigError where nothing was
    captured or the shapes differ.
    """
    if not result.hidden or len(result.hidden) != len(reference.hidden):
        raise ConfigError(
            f"results of {len(result.hidden)} and {len(reference.hidden)} captured layers cannot "
            "be compared; run both with capture=True"
        )
    chosen = slice(None) if mask is None else mask
    pairs = zip(result.hidden, reference.hidden, strict=True)
    return [relative_error(value[chosen], wanted[chosen]) for value, wanted in pairs]
