"""Field types for configuration values that carry a unit: ``read_latency: Seconds``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from accelsim.units import UnitError, parse_quantity

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


def _reader(dimension: str, *, whole: bool) -> Any:
    example = _EXAMPLES[dimension]

    def read(value: object) -> float | int:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            raise PydanticCustomError(
                "quantity",
                "expected a quantity in {dimension} such as '{example}', got the bare number {value}",
                {"dimension": dimension, "example": example, "value": value},
            )
        if not isinstance(value, str):
            raise PydanticCustomError(
                "quantity",
                "expected a quantity in {dimension} such as '{example}'",
                {"dimension": dimension, "example": example},
            )
        try:
            number = parse_quantity(value, dimension)
        except UnitError as error:
            raise PydanticCustomError(
                "quantity",
                "{reason} (write for instance '{example}')",
                {"reason": str(error), "example": example},
            ) from None
        if not whole:
            return number
        if number != int(number):
            raise PydanticCustomError(
                "quantity",
                "expected a whole number of {dimension}, got '{value}'",
                {"dimension": dimension, "value": value},
            )
        return int(number)

    return read


def _quantity(dimension: str, *, whole: bool = False) -> Any:
    schema = {"type": "string", "examples": [_EXAMPLES[dimension]]}
    return (BeforeValidator(_reader(dimension, whole=whole)), WithJsonSchema(schema))


_NOT_NEGATIVE = Field(ge=0)
_POSITIVE = Field(gt=0)

Seconds = Annotated[float, *_quantity("s"), _NOT_NEGATIVE]
Hertz = Annotated[float, *_quantity("Hz"), _POSITIVE]
Joules = Annotated[float, *_quantity("J"), _NOT_NEGATIVE]
Watts = Annotated[float, *_quantity("W"), _NOT_NEGATIVE]
Volts = Annotated[float, *_quantity("V"), _POSITIVE]
Amperes = Annotated[float, *_quantity("A"), _NOT_NEGATIVE]
Kelvin = Annotated[float, *_quantity("K"), _POSITIVE]
Meters = Annotated[float, *_quantity("m"), _POSITIVE]
SquareMeters = Annotated[float, *_quantity("m2"), _NOT_NEGATIVE]
Bytes = Annotated[int, *_quantity("B", whole=True), _POSITIVE]
Bits = Annotated[int, *_quantity("b", whole=True), _POSITIVE]
JoulesPerBit = Annotated[float, *_quantity("J/b"), _NOT_NEGATIVE]
WattsPerSquareMeter = Annotated[float, *_quantity("W/m2"), _NOT_NEGATIVE]
