"""Whole numbers of machine files."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

# Cycles, beats and the like: more than a million is a slip.
PositiveInt = Annotated[int, Field(gt=0, le=1_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
ArraySide = Annotated[int, Field(gt=0, le=1024)]
