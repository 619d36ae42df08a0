"""Points of the unit cube that fill it evenly: Latin hypercubes and Sobol's sequence, seeded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from accelsim.inputs.validation import ConfigModel

# Degree, coefficients and first directions of primitive polynomials, for dimensions 2 to 21:
# Joe and Kuo, "Constructing Sobol sequences with better two-dimensional projections", SIAM J. Sci.
# Comput. 30 (2008), file new-joe-kuo-6.21201.
_DIRECTIONS = (
    (1, 0, (1,)),
    (2, 1, (1, 3)),
    (3, 1, (1, 3, 1)),
    (3, 2, (1, 1, 1)),
    (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)),
    (5, 2, (1, 1, 5, 5, 17)),
    (5, 4, (1, 1, 5, 5, 5)),
    (5, 7, (1, 1, 7, 11, 19)),
    (5, 11, (1, 1, 5, 1, 1)),
    (5, 13, (1, 1, 1, 3, 11)),
    (5, 14, (1, 3, 5, 5, 31)),
    (6, 1, (1, 3, 3, 9, 7, 49)),
    (6, 13, (1, 1, 1, 15, 21, 21)),
    (6, 16, (1, 3, 1, 13, 27, 49)),
    (6, 19, (1, 1, 1, 15, 7, 5)),
    (6, 22, (1, 3, 1, 15, 13, 25)),
    (6, 25, (1, 1, 5, 5, 19, 61)),
    (7, 1, (1, 3, 7, 11, 23, 15, 103)),
    (7, 4, (1, 3, 7, 13, 13, 15, 69)),
)
MOST_DIMENSIONS = 1 + len(_DIRECTIONS)
_BITS = 32


class Sample(ConfigModel):
    """How many points of which sequence; a ``seed`` gives the same ones wherever it is used."""

    method: Literal["latin_hypercube", "sobol"] = "latin_hypercube"
    points: Annotated[int, Field(gt=0, le=1_000_000)]
    seed: Annotated[int, Field(ge=0)] = 0

    def draw(self, dimensions: int) -> NDArray[np.float64]:
        """Return points as rows of numbers in [0, 1). Raises ValueError for too many dimensions."""
        make = latin_hypercube if self.method == "latin_hypercube" else sobol
        return make(self.points, dimensions, self.seed)


def latin_hypercube(points: int, dimensions: int, seed: int) -> NDArray[np.float64]:
    """Return points of which each dimension has one in every of as many equal intervals."""
    generator = np.random.default_rng(seed)
    columns = [generator.permutation(points) for _ in range(dimensions)]
    places = np.stack(columns, axis=1) if columns else np.empty((points, 0))
    found: NDArray[np.float64] = (places + generator.random((points, dimensions))) / points
    return np.minimum(found, np.nextafter(1.0, 0.0))


def sobol(points: int, dimensions: int, seed: int) -> NDArray[np.float64]:
    """Return the first points of Sobol's sequence, shifted digit by digit as the seed draws.

    A power of two fills the cube evenly.
    """
    if dimensions > MOST_DIMENSIONS:
        raise ValueError(
            f"sobol knows {MOST_DIMENSIONS} dimensions, not {dimensions}; use latin_hypercube"
        )
    shift = np.random.default_rng(seed).integers(0, 2**_BITS, dimensions, dtype=np.uint64)
    return (plain_sobol(points, dimensions) ^ shift) / 2.0**_BITS


def plain_sobol(points: int, dimensions: int) -> NDArray[np.uint64]:
    """Return the first points of the sequence itself, as numbers of 32 bits."""
    directions = np.array([list(_directions(each)) for each in range(dimensions)], dtype=np.uint64)
    directions = directions.reshape(dimensions, _BITS)
    found = np.zeros((points, dimensions), dtype=np.uint64)
    for number in range(1, points):
        # Antonov and Saleev: the place of the lowest zero of the number before.
        lowest = (~(number - 1) & number).bit_length() - 1
        found[number] = found[number - 1] ^ directions[:, lowest]
    return found


def _directions(dimension: int) -> Iterator[int]:
    """Yield the direction numbers of a dimension, as fractions of 32 bits."""
    if dimension == 0:
        yield from (1 << (_BITS - 1 - bit) for bit in range(_BITS))
        return
    degree, coefficients, first = _DIRECTIONS[dimension - 1]
    known = [value << (_BITS - 1 - bit) for bit, value in enumerate(first)]
    for bit in range(degree, _BITS):
        value = known[bit - degree] ^ (known[bit - degree] >> degree)
        for step in range(1, degree):
            if coefficients >> (degree - 1 - step) & 1:
                value ^= known[bit - step]
        known.append(value)
    yield from known
