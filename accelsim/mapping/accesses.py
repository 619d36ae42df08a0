"""What an access costs in amounts: the uses of memories, buffers and bus."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.machine.schema import HardwareConfig
from accelsim.memory.storage import NOTHING, Extent, StoredTensor
from accelsim.placement.placement import DRAM
from accelsim.program import Use
from accelsim.units import ceil_div

BUS = "bus"
CODEC = "codec"
HOST = "host"
PE_ARRAY = "pe_array"
SFU = "sfu"
POWER = "power"
WEIGHT_BUFFER = "weight_buffer"
WEIGHT_MASKS = "weight_buffer_masks"
ACTIVATION_BUFFER = "activation_buffer"
AUXILIARY = "auxiliary_memory"


def buffer_capacities(hardware: HardwareConfig) -> dict[str, int]:
    """Return the capacity in bytes of every buffer whose filling the mapping plans."""
    activations = hardware.placement.activations
    return {
        WEIGHT_BUFFER: hardware.weight_buffer.data,
        WEIGHT_MASKS: hardware.weight_buffer.masks,
        ACTIVATION_BUFFER: hardware.activation_buffer.data,
        AUXILIARY: hardware.auxiliary_memory.capacity,
        activations: hardware.memories[activations].capacity,
    }


# Tensors in DRAM begin at page boundaries of any part.
_PAGE_BYTES = 4096


def whole_pages(size: int) -> int:
    """Return a size in bytes, rounded up to whole DRAM pages."""
    return ceil_div(size, _PAGE_BYTES) * _PAGE_BYTES


def memory_use(hardware: HardwareConfig, memory: str, action: str, bits: int) -> Use:
    """Return the use of an on-chip memory for a contiguous access: whole words."""
    return Use(memory, action, ceil_div(bits, hardware.memories[memory].word))


def bus_use(data_bytes: int, mask_vectors: int = 0, mask_bytes: int = 0) -> Use:
    """Return the use of the bus: bytes, with the shape (data bytes, mask vectors).

    Masks on their way into a mask memory arrive one word a vector.
    """
    return Use(BUS, "transfer", data_bytes + mask_bytes, (data_bytes, mask_vectors))


def codec_use(memory: str, action: str, word: int, code_words: int, cycles: int = 0) -> Use:
    """Return the use of the codec of a memory: ``correct`` on reading, ``encode`` on writing.

    ``word`` are the data bits of a code word. The shape is (cycles that it takes longer,): words
    stream through the codec at the pace of the memory.
    """
    return Use(memory, f"{action}_{word}", code_words, (cycles,))


@dataclass(frozen=True)
class Part:
    """A contiguous part of a stored tensor: extents of values, mask, high bits, and elements.

    ``offset`` is the byte of the tensor's values at which the part starts.
    """

    tensor: StoredTensor
    values: Extent
    masks: Extent
    elements: int
    offset: int = 0
    high: Extent = NOTHING

    @property
    def data_bytes(self) -> int:
        """Bytes of the values, high bits included, rounded up."""
        return ceil_div(self.values.data + self.high.data, 8)

    @property
    def mask_bytes(self) -> int:
        """Bytes of the mask, rounded up."""
        return ceil_div(self.masks.data, 8)


def part_of(tensor: StoredTensor, start: int, stop: int) -> Part:
    """Return the part of the elements start..stop, in storage order."""
    values, masks = tensor.values_between(start, stop), tensor.masks_between(start, stop)
    offset = tensor.value_bits_between(0, start) // 8 if start else 0
    return Part(tensor, values, masks, stop - start, offset, tensor.high_between(start, stop))


def read_part(hardware: HardwareConfig, part: Part, address: int) -> list[Use]:
    """Return the uses that read a part from its home, without the bus.

    A memory is read in whole words of the array bits that the part takes; its codec corrects the
    code words that begin in the part, so that one which two parts share is counted once.
    ``address`` is that of the tensor, if its home is DRAM.
    """
    tensor = part.tensor
    uses: list[Use] = []
    for memory, packing, extent in (
        (tensor.values, tensor.value_packing, part.values),
        (tensor.masks, tensor.mask_packing, part.masks),
        (tensor.high or "", tensor.high_packing, part.high),
    ):
        if not extent.data:
            continue
        if memory == DRAM:
            uses.append(Use(DRAM, "read", ceil_div(extent.data, 8), (address + part.offset,)))
            continue
        uses.append(memory_use(hardware, memory, "read", extent.array))
        if packing and extent.code_words:
            words, cycles = extent.code_words, packing.decoder_cycles
            uses.append(codec_use(memory, "correct", packing.word, words, cycles))
    return merge_uses(uses)


def merge_uses(uses: list[Use]) -> list[Use]:
    """Join uses of one block and action, for instance values and masks of one memory.

    The shapes of bus uses add up; DRAM uses of different places stay apart.
    """
    merged: dict[tuple[object, ...], Use] = {}
    for use in uses:
        key = (use.block, use.action, use.shape if use.block == DRAM else ())
        before = merged.get(key)
        merged[key] = use if before is None else _join(before, use)
    return list(merged.values())


def _join(first: Use, second: Use) -> Use:
    shape = first.shape
    if first.block == BUS:
        shape = tuple(a + b for a, b in zip(first.shape, second.shape, strict=True))
    return Use(first.block, first.action, first.amount + second.amount, shape)
