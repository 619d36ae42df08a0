"""The contract of an output medium."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from accelsim.inputs.contracts import Contract
from accelsim.report.table import Report


class Medium(Contract, ABC):
    """Turns a report into the text of one file, ``<report>.<medium>``.

    ``name`` is what ``--write`` takes and the file ends with. Names in a report come from files
    of users: a medium escapes what would be a command to its reader.
    """

    name: ClassVar[str]

    @abstractmethod
    def render(self, report: Report) -> Iterable[str]:
        """Return the pieces of the file's text."""
