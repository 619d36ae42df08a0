"""What compression itself does: the compressed model against the weights as they were given."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from accelsim.inference.compare import agreement, cosines, relative_error
from accelsim.inference.forward import ForwardResult
from accelsim.model.tensors import Role
from accelsim.study.faults.damage import run_sentences
from accelsim.study.faults.subject import Subject
from accelsim.weights.compression import CompressedModel, compress

# Tried beside the stated densities; 1 is quantisation alone [ours].
DENSITIES = (0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Compression:
    """A model pruned to a ``density`` of its masked tensors and quantised, against the original.

    ``stored`` are the bytes of values and masks in non-volatile memory, check bits left out.
    ``layers`` are the mean cosines of every layer's output at a token, ``logits`` the relative
    error, ``agreement`` the share of equal predictions.
    """

    density: float
    stored: float
    layers: tuple[float, ...]
    logits: float
    agreement: float


@dataclass(frozen=True)
class CompressionCosts:
    """The model as stated, and at other densities (none where no tensor has a mask); ``room`` of
    the case's non-volatile memories.

    ``fitting``: the density at which what they hold is as large as the ``room``; more than 1 where
    they hold everything, None where no tensor has a mask.
    """

    stated: Compression
    others: tuple[Compression, ...]
    room: int
    fitting: float | None


def compression_costs(subject: Subject) -> CompressionCosts:
    """Return what the stated compression costs, and other densities."""
    original = run_sentences(subject, subject.original.tensors)
    stated = _compare(subject, original, subject.compressed)
    masked = any(subject.compressed.tensors[name].masked for name in subject.stored)
    others = tuple(
        _compare(subject, original, _at_density(subject, density))
        for density in (DENSITIES if masked else ())
    )
    room = _room(subject)
    return CompressionCosts(stated, others, room, _fitting(subject, 8 * room))


def _compare(subject: Subject, original: ForwardResult, model: CompressedModel) -> Compression:
    found = run_sentences(subject, model.decode().tensors)
    tensors = [model.tensors[name] for name in subject.stored]
    kept = [(one.nonzeros, one.parameter.elements) for one in tensors if one.masked]
    share = Fraction(sum(n for n, _ in kept), max(1, sum(n for _, n in kept)))
    return Compression(
        float(share) if kept else 1.0,
        sum(one.value_bits + one.mask_bits + one.scale_bits for one in tensors) / 8,
        tuple(cosines(found, original, subject.sentences.mask)),
        relative_error(found.logits, original.logits),
        agreement(found.logits, original.logits),
    )


def _at_density(subject: Subject, density: float) -> CompressedModel:
    storage = subject.case.config.storage
    changed = {
        role.value: how.model_copy(update={"density": density})
        for role in Role
        if (how := getattr(storage, role.value)).format == "bitmask"
    }
    storage = storage.model_copy(update=changed)
    return compress(subject.graph, subject.original, storage, subject.numbers, subject.prune_over)


def _room(subject: Subject) -> int:
    """Return the bytes of the memories that hold parts of the subject's roles."""
    placement, memories = subject.case.hardware.placement, subject.case.hardware.memories
    homes = (getattr(placement, role.value) for role in subject.roles)
    names = {name for home in homes for name in (home.values, home.masks, home.high)}
    return sum(memory.capacity for name, memory in memories.items() if name in names)


def _fitting(subject: Subject, room_bits: int) -> float | None:
    tensors = [subject.compressed.tensors[name] for name in subject.stored]
    fixed = sum(one.mask_bits if one.masked else one.value_bits for one in tensors)
    full = sum(one.parameter.elements * one.numbers.bits for one in tensors if one.masked)
    return (room_bits - fixed) / full if full else None
