"""What is said of a memory that is too small: what does not fit, by how much, and what to do."""

from __future__ import annotations

from accelsim.errors import CapacityError
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.storage import Home, StoredTensor
from accelsim.units import ceil_div, format_bytes


def cache_does_not_fit(hardware: HardwareConfig, memory: str, bits: int) -> CapacityError:
    """Return the error for a cache of so many bits."""
    size, capacity = ceil_div(bits, 8), hardware.memories[memory].capacity
    text = (
        f"the KV cache needs {format_bytes(size)}; memory '{memory}' has {format_bytes(capacity)}; "
        f"raise hardware.memories.{memory}.capacity, generate fewer tokens, lower "
        "storage.cache.bits or place it elsewhere"
    )
    return CapacityError(text, "cache", memory, bits, 8 * capacity)


_PART_WORDS = {"values": "values", "masks": "mask", "high": "high bits"}


def does_not_fit(
    who: str, tensor: StoredTensor, home: Home, sizes: tuple[int, int, int]
) -> CapacityError:
    """Return the error for a part; the sizes are needed, free and needed by all, in bits."""
    bits, free, total = sizes
    needed_text, free_text = _sizes(ceil_div(bits, 8), free // 8)
    smaller = "density" if tensor.masked and home.part == "values" else "number of bits"
    advice = "store it dense" if home.part == "masks" else f"lower the {smaller}"
    name, role = tensor.parameter.name, tensor.parameter.role.value
    text = (
        f"{name} ({_PART_WORDS[home.part]}, role {role}, {who}) needs {needed_text}; memory "
        f"'{home.memory}' has {free_text} free; raise hardware.memories.{home.memory}.capacity to "
        f"{ceil_div(total, 8 * 2**10)} KiB or more (or to fit), {advice} or place the role "
        "elsewhere"
    )
    return CapacityError(text, name, home.memory, bits, free)


def _sizes(needed: int, free: int) -> tuple[str, str]:
    """Return two sizes as texts, in bytes where rounding would hide their difference."""
    texts = format_bytes(needed), format_bytes(free)
    looks_equal = texts[0].replace(".00", "") == texts[1].replace(".00", "")
    return (f"{needed} B", f"{free} B") if looks_equal else texts
