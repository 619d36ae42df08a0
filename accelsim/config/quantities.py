"""Field types for configuration values that carry a unit: ``read_latency: Seconds``."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from accelsim.config.document import describe
from accelsim.units import UnitError, parse_quantity, parse_whole

_EXAMPLES = {
    "s": "1.5 ns",
    "Hz": "1 GHz",
    "J": "0.3 pJ",
    "W": "1.2 mW",
    "V": "0.8 V",
    "A": "45 mA",
    "K": "350 K",
    "B": "64 KiB",
    "b": "64 b",
    "m": "22 nm",
    "m2": "0.5 mm2",
    "J/b": "0.3 pJ/b",
    "W/m2": "40 mW/mm2",
    "B/s": "6.4 GB/s",
}


def _quantity(dimension: str, *, whole: bool = False, zero: bool = False) -> Any:
    """Return the annotations of a field: not negative, and positive unless ``zero`` may be."""

    def read(value: object) -> float | int:
        text = _text(value, dimension)
        number = _number(text, dimension, whole=whole)
        if not math.isfinite(number):
            raise _error(f"expected a finite quantity, got '{text}'")
        if number < 0 or (number == 0 and not zero):
            bound = "greater than or equal to 0" if zero else "greater than 0"
            raise _error(f"input should be {bound}, got '{text}'")
        return number

    schema = {"type": "string", "examples": [_EXAMPLES[dimension]]}
    return (BeforeValidator(read), WithJsonSchema(schema))


def _text(value: object, dimension: str) -> str:
    if isinstance(value, str):
        return value
    bare = isinstance(value, (int, float)) and not isinstance(value, bool)
    got = f"the bare number {value}" if bare else describe(value)
    raise _error(f"expected a quantity in {dimension} such as '{_EXAMPLES[dimension]}', got {got}")


def _number(text: str, dimension: str, *, whole: bool) -> float | int:
    try:
        return parse_whole(text, dimension) if whole else parse_quantity(text, dimension)
    except UnitError as error:
        raise _error(f"{error} (write for instance '{_EXAMPLES[dimension]}')") from None


def _error(message: str) -> PydanticCustomError:
    return PydanticCustomError("quantity", "{reason}", {"reason": message})


Seconds = Annotated[float, *_quantity("s", zero=True)]
Hertz = Annotated[float, *_quantity("Hz")]
Joules = Annotated[float, *_quantity("J", zero=True)]
Watts = Annotated[float, *_quantity("W", zero=True)]
Volts = Annotated[float, *_quantity("V")]
Amperes = Annotated[float, *_quantity("A", zero=True)]
Kelvin = Annotated[float, *_quantity("K")]
Meters = Annotated[float, *_quantity("m")]
SquareMeters = Annotated[float, *_quantity("m2", zero=True)]
Bytes = Annotated[int, *_quantity("B", whole=True)]
Bits = Annotated[int, *_quantity("b", whole=True)]
JoulesPerBit = Annotated[float, *_quantity("J/b", zero=True)]
WattsPerSquareMeter = Annotated[float, *_quantity("W/m2", zero=True)]
