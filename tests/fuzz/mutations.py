"""What a seeded fuzzer does to an input: odd values, and texts and bytes broken in small ways."""

from __future__ import annotations

import re
from random import Random

_ODD = (
    *("null", "true", "no", "[]", "{}", '""', "' '", "-1", "0", "1", "3", "1e9", "1e308", ".inf"),
    *(".nan", "-0.0", "0x10", "1_000", "10000000000000000000000000000000", "1e-320", "2026-11-26"),
    *("1 GHz", "5 pJ", "0 s", "-3 KiB", "1e400 s", "999999999999 MiB", "1 KiB", "1 ns/b", "3 mW"),
    *("0.5 V", "300 K", "1e-9", "16 GB/s", "99 %", "1/0", "\u202e", '"\\e]0;x\\a"', "[/red]"),
    *("../../x", "/dev/null", "/", ".", "a" * 3000, "[1, 2, 3]", "{a: 1}", "[[[[1]]]]", "RRAM"),
    *("${HOME}", "!!python/object:os.system x", "&a [*a]", "*b", "<<: 1", "? x", "- - 1", "|\n x"),
    *("sram", "none", "auto", "nvsim", "silicon", "typical", "WriteEDP", "LSTP", "\\x00", "é", "%"),
)
_PATHS = (
    *("model", "model.layers", "model.hidden_size", "model.heads", "sequence_length", "rounds"),
    *("tasks", "tasks.MNLI.classes", "cases", "cases.adapter_slc", "cases.adapter_slc.adaptation"),
    *("cases.adapter_slc.adaptation.bottleneck", "cases.adapter_slc.storage.backbone.density"),
    *("cases.adapter_slc.storage.task.bits", "cases.vanilla_slc.hardware", "published", "requests"),
    *("requests.pattern", "requests.rate", "requests.duration", "idle", "idle.policy", "idle.off"),
    *("hardware.clock.frequency", "hardware.clock.voltage", "hardware.pe_array.rows"),
    *("hardware.pe_array.vector_size", "hardware.pe_array.dataflow", "hardware.dram.technology"),
    *("hardware.dram", "hardware.memories.rram.capacity", "hardware.memories.sram.technology"),
    *("hardware.memories.rram.bits_per_cell", "hardware.weight_buffer.capacity", "hardware.bus"),
    *("hardware.activation_buffer.data", "hardware.process.temperature", "hardware.process.source"),
    *("hardware.bus.width", "hardware.host", "hardware.power.regulator", "service.policy", "title"),
    *("hardware.special_function_unit.lanes", "mapping.objective", "service.latency_target", "x"),
)


def odd_value(random: Random) -> str:
    """Return a value that a key may not expect."""
    return random.choice(_ODD)


_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?")
_FACTORS = (0.0, -1.0, 0.1, 0.5, 0.9, 2.0, 2.0, 2.0, 3.0, 4.0, 10.0, 1e3, 1e6, 1e12)


def scaled_numbers(random: Random, text: str, most: int = 2) -> str:
    """Return a text with some of its numbers multiplied: plausible, and often valid."""
    found = list(_NUMBER.finditer(text))
    for match in sorted(random.sample(found, min(most, len(found))), key=lambda m: -m.start()):
        number = float(match[0]) * random.choice(_FACTORS)
        shown = str(int(number)) if number == int(number) and number < 1e18 else repr(number)
        text = text[: match.start()] + shown + text[match.end() :]
    return text


def odd_path(random: Random) -> str:
    """Return a path that exists, or is one letter or level away from one that does."""
    path = random.choice(_PATHS)
    kind = random.random()
    if kind < 0.1:
        return path + random.choice([".x", ".0", "..", ".", "[0]", ".a" * 50])
    if kind < 0.2:
        place = random.randrange(len(path))
        return path[:place] + path[place + 1 :]
    return path


def broken_text(random: Random, text: str) -> str:
    """Return a text with numbers scaled, with one to three lines changed, or cut off."""
    if random.random() < 0.6:
        return scaled_numbers(random, text, random.randint(1, 3))
    lines = text.splitlines(keepends=True)
    for _ in range(random.randint(1, 3)):
        _break_line(random, lines)
    text = "".join(lines)
    if random.random() < 0.05:
        text = text[: random.randrange(len(text) + 1)]
    return text


def _break_line(random: Random, lines: list[str]) -> None:
    place = random.randrange(len(lines)) if lines else 0
    line = lines[place] if lines else "\n"
    kind = random.randrange(9)
    if kind <= 3:
        lines[place : place + 1] = [_other_value(random, line)]
    elif kind == 4:
        del lines[place : place + random.randint(1, 4)]
    elif kind == 5:
        lines[place:place] = [line] * random.choice([1, 1, 200])
    elif kind == 6:
        lines[place:place] = [
            f"{' ' * random.randrange(8)}{odd_value(random)}: {odd_value(random)}\n"
        ]
    elif kind == 7:
        other = random.randrange(len(lines)) if lines else 0
        if lines:
            lines[place], lines[other] = lines[other], lines[place]
    elif line:
        at = random.randrange(len(line))
        lines[place : place + 1] = [
            line[:at] + random.choice("\t:{}[]#&*!|>'\"%@`,\x00\x1b\ufeff ") + line[at:]
        ]


def _other_value(random: Random, line: str) -> str:
    for mark in (": ", ",", "- "):
        head, found, _ = line.rpartition(mark)
        if found:
            return f"{head}{found}{odd_value(random)}\n"
    return f"{odd_value(random)}\n"


def broken_bytes(random: Random, content: bytes) -> bytes:
    """Return content with bytes changed, cut off, repeated or put in."""
    broken = bytearray(content)
    for _ in range(random.randint(1, 4)):
        # Headers are where the damage is.
        place = random.randrange(min(len(broken), random.choice([64, 512, len(broken)])) or 1)
        kind = random.randrange(4)
        if kind == 0:
            broken[place : place + 1] = bytes([random.randrange(256)])
        elif kind == 1:
            del broken[place : place + random.choice([1, 8, 10_000])]
        elif kind == 2:
            broken[place:place] = random.randbytes(random.choice([1, 8, 1000]))
        else:
            broken[place : place + 8] = b"\xff" * 8
        if not broken:
            return b""
    return bytes(broken)
