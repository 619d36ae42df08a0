"""A compressed model in the cells of a storage scheme, written once and read with faults."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from accelsim.memory.cells import data_of
from accelsim.memory.faults.injection import CellArray, fault_generator
from accelsim.memory.faults.levels import BitFlips, Transitions
from accelsim.memory.faults.stored import (
    StoredPart,
    decode_with_faulty_mask,
    read_part,
    row_counts,
    store_part,
)
from accelsim.memory.protection import Code, uncorrectable_probability
from accelsim.study.faults.schemes import StorageScheme
from accelsim.units import ceil_div
from accelsim.weights.compression import CompressedModel, CompressedTensor
from accelsim.weights.number_formats import Codes
from accelsim.weights.settings import NumberFormat
from accelsim.weights.weight_set import Values

Resync = Literal["none", "row"]
Model = Mapping[int, Transitions]


@dataclass(frozen=True)
class CellFaults:
    """Transitions of cells by the bits that they hold, of the cells of values and of masks."""

    values: Model
    masks: Model


@dataclass(frozen=True, eq=False)
class StoredWeights:
    """A tensor in cells: its values and, where it has one, its mask."""

    tensor: CompressedTensor
    values: StoredPart
    masks: StoredPart | None

    @cached_property
    def row_counts(self) -> npt.NDArray[np.int64]:
        """Stored values of each row of the mask as written."""
        return row_counts(self.tensor.mask)


@dataclass(frozen=True)
class FaultCounts:
    """Misread cells of values and masks, words taken for corrected, and words beyond correction.

    Check bits count with their part. Integers of one reading, or expected numbers.
    """

    values: float
    masks: float
    corrected: float
    detected: float

    @property
    def total(self) -> float:
        """Misread cells."""
        return self.values + self.masks


@dataclass(frozen=True, eq=False)
class Reading:
    """What one reading of a model gave: the tensors that it changed, decoded, by name."""

    changed: Mapping[str, Values]
    counts: FaultCounts


@dataclass(frozen=True, eq=False)
class StoredModel:
    """The tensors of a model that lie in non-volatile cells, by parameter name."""

    tensors: Mapping[str, StoredWeights]

    @property
    def value_cells(self) -> int:
        """Cells of values and their check bits."""
        return sum(stored.values.cells for stored in self.tensors.values())

    @property
    def mask_cells(self) -> int:
        """Cells of masks and their check bits."""
        return sum(stored.masks.cells for stored in self.tensors.values() if stored.masks)

    def expected(self, faults: CellFaults) -> FaultCounts:
        """Return the mean number of misread cells, from the levels as written.

        ``corrected`` is not computed (NaN). ``detected`` are words with more wrong bits than their
        code restores; a cell that straddles two words counts in both.
        """
        stored = self.tensors.values()
        masks = [one.masks for one in stored if one.masks]
        return FaultCounts(
            math.fsum(one.values.expected_faults(faults.values) for one in stored),
            math.fsum(part.expected_faults(faults.masks) for part in masks),
            math.nan,
            math.fsum(_wrong_words(one.values, faults.values) for one in stored)
            + math.fsum(_wrong_words(part, faults.masks) for part in masks),
        )

    def read(self, faults: CellFaults, seed: int, resync: Resync) -> Reading:
        """Return one reading with faults drawn from a seed.

        Each part of each tensor has a stream of its own, so that schemes that store a part alike
        see the same faults. ``resync``: the mask reader starts afresh at every ``row``, whose
        counts are taken to be free of faults, or never (``none``).
        """
        changed: dict[str, Values] = {}
        counts = Counter[str]()
        for name, stored in self.tensors.items():
            values = _read(stored.values, faults.values, seed, (name, "values"), counts)
            masks = None
            if stored.masks:
                masks = _read(stored.masks, faults.masks, seed, (name, "masks"), counts)
            if values is not None or masks is not None:
                changed[name] = _decode(stored, values, masks, resync)
        kinds = ("values", "masks", "corrected", "detected")
        return Reading(changed, FaultCounts(*(counts[kind] for kind in kinds)))

    def read_flipped(self, part: Literal["values", "masks"], seed: int, resync: Resync) -> Reading:
        """Return a reading with one wrong cell, any of the part equally likely.

        The cell is read as a neighbouring level, up or down with equal probability.
        """
        generator = fault_generator(seed, "one", part)
        parts = {
            name: held for name, stored in self.tensors.items() if (held := getattr(stored, part))
        }
        cells = np.cumsum([held.cells for held in parts.values()])
        place = int(generator.integers(cells[-1]))
        index = int(np.searchsorted(cells, place, side="right"))
        name, held = list(parts.items())[index]
        codes = _with_one_wrong(held, generator)
        stored = self.tensors[name]
        values, masks = (codes, None) if part == "values" else (None, codes)
        counts = FaultCounts(float(part == "values"), float(part == "masks"), 0, 0)
        return Reading({name: _decode(stored, values, masks, resync)}, counts)


def store_model(
    compressed: CompressedModel,
    names: Iterable[str],
    scheme: StorageScheme,
    numbers: NumberFormat,
    *,
    partial: bool = True,
) -> StoredModel:
    """Return the named tensors of a model in the cells of a scheme.

    ``numbers`` is the number format of the values. Raises ConfigError for bits that do not fill the
    last cell of a value unless ``partial`` cells are allowed.
    """
    tensors = {}
    for name in names:
        tensor = compressed.tensors[name]
        cells = scheme.value_cells(tensor.numbers.bits, numbers, partial=partial)
        code = scheme.protection.code(scheme.protect_values)
        values = store_part(tensor.values, tensor.numbers.bits, cells, code)
        masks = _store_mask(tensor.mask, scheme) if tensor.masked else None
        tensors[name] = StoredWeights(tensor, values, masks)
    return StoredModel(tensors)


# A mask is stored in units that fill whole cells and whole bytes.
_UNITS = {1: 8, 2: 8, 3: 24}


def _store_mask(mask: npt.NDArray[np.bool_], scheme: StorageScheme) -> StoredPart:
    """Return a mask in cells, the last unit filled with zeros."""
    stream = np.packbits(mask.reshape(-1))
    unit = _UNITS[scheme.masks]
    codes: Codes = stream
    if unit == 24:
        groups = np.pad(stream, (0, -stream.size % 3)).reshape(-1, 3).astype(np.uint32)
        codes = groups @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    code = scheme.protection.code(scheme.protect_masks)
    return store_part(codes, unit, scheme.mask_cells(), code)


def _mask_of(codes: Codes, unit: int, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return the mask that units hold: the inverse of ``_store_mask``."""
    stream: Any = codes
    if unit == 24:
        stream = codes.astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:].ravel()
    mask = np.unpackbits(stream, count=math.prod(shape)).view(np.bool_)
    return mask.reshape(shape)


def _read(
    part: StoredPart, model: Model, seed: int, stream: tuple[str, str], counts: Counter[str]
) -> Codes | None:
    """Return the codes read, None where they are as written; add what happened to ``counts``."""
    if not part.expected_faults(model):
        return None
    found = read_part(part, model, fault_generator(seed, *stream))
    counts[stream[1]] += found.faults
    counts["corrected"] += found.corrected
    counts["detected"] += found.detected
    return None if np.array_equal(found.codes, part.data.codes) else found.codes


def _with_one_wrong(part: StoredPart, generator: np.random.Generator) -> Codes:
    """Return a part's codes with one cell of data read as a neighbouring level."""
    layout, codes = part.data.layout, part.data.codes.copy()
    place, cell = (int(generator.integers(n)) for n in (codes.size, len(layout.widths)))
    top = 2 ** layout.widths[cell] - 1
    level = int(part.data.planes[cell][place])
    step = 1 if level == 0 else -1 if level == top else int(generator.choice((-1, 1)))
    wrong = data_of(level, layout.coding) ^ data_of(level + step, layout.coding)
    codes[place] ^= codes.dtype.type(wrong << layout.shifts[cell])
    return codes


def _decode(
    stored: StoredWeights, values: Codes | None, masks: Codes | None, resync: Resync
) -> Values:
    """Return a tensor of codes as read; None stands for those written."""
    tensor = stored.tensor
    codes = stored.values.data.codes if values is None else values
    if stored.masks is None:
        return tensor.numbers.decode(codes.reshape(tensor.parameter.shape))
    mask = tensor.mask
    if masks is not None:
        mask = _mask_of(masks, stored.masks.bits, tensor.parameter.shape)
    counts = stored.row_counts if resync == "row" else None
    return tensor.numbers.decode(decode_with_faulty_mask(mask, codes, counts))


def _wrong_words(part: StoredPart, model: Model) -> float:
    """Return the mean number of a part's words with more than one wrong bit."""
    if part.checks is None or part.code is None:
        return 0.0
    cells = _word_cells(part, part.checks, part.code, model)
    return part.checks.codes.size * uncorrectable_probability(cells, part.code.correctable)


def _word_cells(
    part: StoredPart, checks: CellArray, code: Code, model: Model
) -> list[tuple[BitFlips, int]]:
    """Return how cells of a word yield wrong bits, and their number, at the levels as written."""
    found = []
    for array, bits, unit in ((part.data, code.word, part.bits), (checks, 1, 1)):
        for width, number in Counter(array.layout.widths).items():
            written = [
                counts
                for counts, wide in zip(array.counts, array.layout.widths, strict=True)
                if wide == width
            ]
            levels = [sum(each) for each in zip(*written, strict=True)]
            shares = [count / max(1, sum(levels)) for count in levels]
            flips = model[width].flips(array.layout.coding, shares)
            found.append((flips, ceil_div(bits * number, unit)))
    return found
