"""Field types for configuration values: with a unit, ``read_latency: Seconds``, and counts.

Each has a range, far wider than anything built: a value outside it is a slip of the pen, and
would end in an overflow somewhere in the middle of a simulation.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from accelsim.inputs.document import describe
from accelsim.units import UnitError, parse_quantity, parse_whole

# The context of values that are validated once more: their quantities are numbers in SI units.
WORKED_OUT = "worked out"


# An example of each dimension, the greatest and the least value, as one would write them.
_RANGES: dict[str, tuple[str, str, str | None]] = {
    # The longest retention of a memory cell in NVMExplorer's survey is 1.3e10 s.
    "s": ("1.5 ns", "1e11 s", None),
    "Hz": ("1 GHz", "100 GHz", "1 kHz"),
    "J": ("0.3 pJ", "1 J", None),
    "J/B": ("75 pJ/B", "1 mJ/B", None),
    "W": ("1.2 mW", "1 MW", None),
    "V": ("0.8 V", "10 V", "0.1 V"),
    "A": ("45 mA", "1000 A", None),
    "K": ("350 K", "1000 K", "1 K"),
    "B": ("64 KiB", "1024 TiB", None),
    "b": ("64 b", "1024 Tib", None),
    "B/s": ("6.4 GB/s", "1000 TB/s", None),
    "m": ("22 nm", "1 m", None),
    "m2": ("0.5 mm2", "1 m2", None),
    "write": ("1e6 writes", "1e18 writes", None),
    "F2": ("53 F2", "1e6 F2", None),
}


def _quantity(
    dimension: str,
    *,
    whole: bool = False,
    zero: bool = False,
    most: str | None = None,
    least: str | None = None,
    example: str | None = None,
) -> Any:
    """Return the annotations of a field: in the range of its dimension, or zero if that may be.

    ``least``, ``most`` and ``example`` take the place of those of the range.
    """
    limits = _RANGES[dimension]
    most, least, example = most or limits[1], least or limits[2], example or limits[0]

    def read(value: object, info: ValidationInfo) -> float | int:
        known = info.context == WORKED_OUT and type(value) in (int, float)
        text = f"{value!r} {dimension}" if known else _text(value, dimension, example)
        number = _parse(text, dimension, example, whole=False)
        if number < 0 or (number == 0 and not zero):
            bound = "greater than or equal to 0" if zero else "greater than 0"
            raise _error(f"input should be {bound}, got '{text}'")
        if least and number < parse_quantity(least, dimension):
            raise _error(f"{text.strip()} is too small; expected at least {least}")
        if number > parse_quantity(most, dimension):
            raise _error(f"{text.strip()} is too large; expected at most {most}")
        return _parse(text, dimension, example, whole=True) if whole else number

    schema = {"type": "string", "examples": [example]}
    return (BeforeValidator(read), WithJsonSchema(schema))


def _text(value: object, dimension: str, example: str) -> str:
    if isinstance(value, str):
        return value
    bare = isinstance(value, (int, float)) and not isinstance(value, bool)
    got = f"the bare number {value}" if bare else describe(value)
    raise _error(f"expected a quantity in {dimension} such as '{example}', got {got}")


def _parse(text: str, dimension: str, example: str, *, whole: bool) -> float | int:
    try:
        return parse_whole(text, dimension) if whole else parse_quantity(text, dimension)
    except UnitError as error:
        if dimension == "B" and text.strip().startswith("fit"):
            raise _error(
                f"'{text}' is for memories and buffers of a workload's machines, which say what "
                f"must be held: fit, fit + 10 % or fit in banks; else give a size such as {example}"
            ) from None
        raise _error(f"{error} (write for instance '{example}')") from None


def _error(message: str) -> PydanticCustomError:
    return PydanticCustomError("quantity", "{reason}", {"reason": message})


# Cycles, beats, tokens and the like: more than a million is a slip.
PositiveInt = Annotated[int, Field(gt=0, le=1_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Fraction = Annotated[float, Field(ge=0, le=1)]

Seconds = Annotated[float, *_quantity("s", zero=True)]
# A time that is simulated: 1e7 s are four months.
SimulatedSeconds = Annotated[float, *_quantity("s", zero=True, most="1e7 s", example="20 ms")]
Hertz = Annotated[float, *_quantity("Hz")]
RequestRate = Annotated[float, *_quantity("Hz", least="1e-6 Hz", most="1e6 Hz", example="0.5 Hz")]
Joules = Annotated[float, *_quantity("J", zero=True)]
JoulesPerByte = Annotated[float, *_quantity("J/B", zero=True)]
Watts = Annotated[float, *_quantity("W", zero=True)]
Volts = Annotated[float, *_quantity("V")]
Amperes = Annotated[float, *_quantity("A", zero=True)]
Kelvin = Annotated[float, *_quantity("K")]
# What data sheets of parts speak of: -55 C to 150 C, military and automotive grades.
PartKelvin = Annotated[float, *_quantity("K", least="218 K", most="424 K")]
Meters = Annotated[float, *_quantity("m")]
SquareMeters = Annotated[float, *_quantity("m2", zero=True)]
Bytes = Annotated[int, *_quantity("B", whole=True)]
Bits = Annotated[int, *_quantity("b", whole=True)]
Writes = Annotated[float, *_quantity("write")]
CellArea = Annotated[float, *_quantity("F2")]
BytesPerSecond = Annotated[float, *_quantity("B/s")]
