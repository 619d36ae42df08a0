"""What an access costs in amounts: the uses of memories, buffers and bus."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from accelsim.machine.components.arithmetic import PADDED
from accelsim.machine.components.base import Datapath, Interconnect
from accelsim.machine.components.bit_mask_codec import CodecConfig
from accelsim.machine.components.host import HostConfig
from accelsim.machine.components.memory import NARROWEST
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import HardwareConfig
from accelsim.model.operators import Operator, OperatorKind
from accelsim.program import (
    CodeWords,
    Command,
    Demand,
    Elements,
    Product,
    Range,
    Transfer,
    Use,
    Vectors,
    Words,
)
from accelsim.units import ceil_div

if TYPE_CHECKING:
    from accelsim.memory.protection import Code
    from accelsim.memory.storage import Extent, Home, StoredTensor

# Queues that accelerators have in common.
LOAD, MOVE, HOST = "load", "move", "host"
# Tensors in DRAM begin at page boundaries of any part.
_PAGE_BYTES = 4096


def whole_pages(size: int) -> int:
    """Return a size in bytes, rounded up to whole DRAM pages."""
    return ceil_div(size, _PAGE_BYTES) * _PAGE_BYTES


@lru_cache(maxsize=4096)
def shared_use(block: str, action: str, kind: Callable[..., Demand], *values: Hashable) -> Use:
    """Return the use with the demand ``kind(*values)``; equal ones are one object.

    A program repeats few of them many thousand times.
    """
    return Use(block, action, kind(*values))


def memory_use(hardware: HardwareConfig, memory: str, action: str, bits: int) -> Use:
    """Return the use of an on-chip memory for a contiguous access: whole words."""
    return shared_use(memory, action, Words, ceil_div(bits, hardware.memories[memory].word))


def accessed(lanes: int, size: int, accesses: int) -> int:
    """Return the bytes that so many accesses of a buffer of ``lanes`` bytes pay for.

    A lane without a value rests, but no access takes less than the table's narrowest word.
    """
    return max(size, accesses * min(lanes, NARROWEST // 8))


def buffer_use(lanes: int, buffer: str, action: str, size: int, at_once: int | None = None) -> Use:
    """Return the use of a port of a buffer of ``lanes`` bytes, ``at_once`` if not so many, pass."""
    vectors = ceil_div(size, at_once or lanes)
    return shared_use(buffer, action, Vectors, accessed(lanes, size, vectors), vectors)


def encoded_use(lanes: int, bus: str, buffer: str, action: str, moved: Transfer) -> Use:
    """Return the use of an operand buffer's port for a transfer: its values, then its masks.

    The mask memory has a word for each vector and takes as many at a time as the bus brings; each
    is an access of its own.
    """
    vectors, masks = ceil_div(moved.data_bytes, lanes), moved.mask_vectors
    paid = accessed(lanes, moved.data_bytes, vectors) + accessed(lanes, moved.mask_bytes, masks)
    return shared_use(buffer, action, Vectors, paid, vectors, masks, bus)


def operand_use(lanes: int, buffer: str, size: int, masks: int, accesses: int, vectors: int) -> Use:
    """Return the reads of an operand: bytes of values, of masks where it has some.

    Both are accessed once for each of ``accesses`` vectors; ``vectors`` pass the port.
    """
    paid = accessed(lanes, size, accesses)
    paid += accessed(lanes, masks, accesses) if masks else 0
    return shared_use(buffer, "read", Vectors, paid, vectors)


def function_use(
    block: str,
    kind: OperatorKind,
    rows: int,
    columns: int,
    inputs: int,
    sources: tuple[str, ...] = (),
) -> Use:
    """Return the use of a unit for a function of rows x columns elements of so many inputs."""
    turns = kind.turns(inputs)
    return shared_use(block, kind.name, Elements, rows, columns, max(1, inputs), turns, sources)


def elements_read(operator: Operator, rows: int, columns: int, inputs: int) -> list[int]:
    """Return how many elements a function of rows x columns reads of each of its inputs."""
    return [rows * each for each in operator.parts or (columns,) * inputs]


def mac_uses(datapath: Datapath, block: str, asked: Product) -> list[Use]:
    """Return the uses of the array for a product, and for what pads it."""
    sizes = (asked.rows, asked.columns, asked.depth, asked.groups)
    macs = shared_use(block, "mac", Product, *sizes)
    return [macs, *_padding(macs, datapath.padded_macs(asked))]


def padded_to(lanes: int, use: Use) -> list[Use]:
    """Return the use of a unit for a function, and for what pads its vectors."""
    asked = use.expect(Elements)
    added = ceil_div(asked.columns, lanes) * lanes - asked.columns
    return [use, *_padding(use, asked.rows * asked.turns * added)]


def _padding(use: Use, amount: int) -> list[Use]:
    return [shared_use(use.block, f"{PADDED}{use.action}", Command, amount)] if amount else []


def bus_use(
    hardware: HardwareConfig,
    data_bytes: int,
    mask_bytes: int = 0,
    mask_vectors: int = 0,
    reads: Iterable[Use] = (),
) -> Use:
    """Return the use of the bus on the way to the buffers, for what ``reads`` bring it."""
    bus = hardware.name_of(Interconnect)
    decoders = (use.demand for use in reads if isinstance(use.demand, CodeWords))
    wait = max((words.cycles for words in decoders), default=0)
    return shared_use(bus, "transfer", Transfer, data_bytes, mask_bytes, mask_vectors, wait)


def decode_use(hardware: HardwareConfig, vectors: int) -> Use:
    """Return the use of the decoder of masks for so many vectors, one after the other."""
    return shared_use(hardware.name_of(CodecConfig), "decode", Vectors, vectors, vectors)


def register_use(hardware: HardwareConfig, writes: int) -> Use:
    """Return the use of the host for so many writes of configuration registers."""
    return shared_use(hardware.name_of(HostConfig), "register_write", Command, writes)


def supply_use(action: str) -> Use:
    """Return the use of the supply, the section ``power`` of every machine."""
    return shared_use("power", action, Command)


def codec_use(memory: str, action: str, code: Code, code_words: int, cycles: int = 0) -> Use:
    """Return the use of the codec of a memory: ``correct`` on reading, ``encode`` on writing.

    Words stream through the codec at the pace of the memory, which takes ``cycles`` longer; so
    does each answer to the bus.
    """
    return shared_use(memory, f"{action}_{code.name}", CodeWords, code_words, cycles)


@dataclass(frozen=True)
class Part:
    """The elements start..stop of a stored tensor, in storage order."""

    tensor: StoredTensor
    start: int
    stop: int

    @cached_property
    def extents(self) -> tuple[tuple[Home, Extent], ...]:
        """Those of values, masks, and high bits."""
        return self.tensor.parts_between(self.start, self.stop)

    @property
    def elements(self) -> int:
        """How many there are."""
        return self.stop - self.start

    @property
    def offset(self) -> int:
        """The byte of the tensor's values at which the part starts."""
        return self.tensor.value_bits_between(0, self.start) // 8

    @cached_property
    def data_bytes(self) -> int:
        """Bytes of the values, high bits included, rounded up."""
        return ceil_div(sum(own.data for home, own in self.extents if home.part != "masks"), 8)

    @cached_property
    def mask_bytes(self) -> int:
        """Bytes of the mask, rounded up."""
        return ceil_div(sum(own.data for home, own in self.extents if home.part == "masks"), 8)


def read_part(
    hardware: HardwareConfig, part: Part, address: int, pieces: int = 1, stride: int = 0
) -> list[Use]:
    """Return the uses that read a part from its home, without the bus.

    A memory is read in whole words of the array bits that the part takes; its codec corrects the
    code words that begin in the part, so that one which two parts share is counted once.
    ``address`` is that of the tensor, if its home is DRAM. The part may be one of equal
    ``pieces``, which in DRAM begin ``stride`` bytes apart.
    """
    uses: list[Use] = []
    for home, extent in part.extents:
        if not extent.data:
            continue
        if home.memory == DRAM:
            size = ceil_div(extent.data, 8)
            uses.append(Use(DRAM, "read", Range(address + part.offset, size, pieces, stride)))
            continue
        words = pieces * ceil_div(extent.array, hardware.memories[home.memory].word)
        uses.append(shared_use(home.memory, "read", Words, words))
        if home.packing.code and extent.code_words:
            words, cycles = pieces * extent.code_words, home.packing.decoder_cycles
            uses.append(codec_use(home.memory, "correct", home.packing.code, words, cycles))
    return merge_uses(uses)


def merge_uses(uses: Iterable[Use]) -> list[Use]:
    """Join uses of one block and action, for instance values and masks of one memory."""
    merged: list[Use] = []
    for use in uses:
        for place, before in enumerate(merged):
            joined = before.join(use)
            if joined is not None:
                merged[place] = joined
                break
        else:
            merged.append(use)
    return merged
