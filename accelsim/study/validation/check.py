"""One comparison: a quantity, the reference's value and ours, and what deviation is allowed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from accelsim.errors import ConfigError
from accelsim.inputs.shipped import shipped_folder


@dataclass(frozen=True)
class Check:
    """A comparison.

    ``allowed`` is the largest relative deviation that passes, None where the figure is reported
    without a verdict.
    """

    group: str
    quantity: str
    unit: str
    reference: float
    value: float
    allowed: float | None
    source: str

    @property
    def deviation(self) -> float:
        """Relative deviation of our value from the reference; from a zero, the value itself."""
        return self.value / self.reference - 1 if self.reference else self.value

    @property
    def of_limit(self) -> float | None:
        """The deviation as a share of what is allowed; None without a limit to be near to."""
        return abs(self.deviation) / self.allowed if self.allowed else None

    @property
    def passed(self) -> bool | None:
        """Verdict: None where there is none."""
        return None if self.allowed is None else abs(self.deviation) <= self.allowed


def reference_folder() -> Path:
    """Return the folder of the reference data: of the installation or of the checkout."""
    installed = shipped_folder("reference")
    return installed if installed.is_dir() else shipped_folder("tests") / "reference"


def read_reference(folder: Path, name: str) -> str:
    """Return the text of a reference file. Raises ConfigError where it cannot be read."""
    path = folder / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); give the folder of the reference data "
            "with --reference"
        ) from None


def read_rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a reference table; lines that begin with # are its source."""
    lines = read_reference(folder, name).splitlines()
    yield from csv.DictReader(line for line in lines if not line.startswith("#"))
