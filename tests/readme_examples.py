"""The code that the package's README shows, which tests run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "accelsim" / "README.md").read_text(encoding="utf-8")


def example(heading: str, language: str = "python") -> str:
    """Return the code under a heading."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    (code,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return str(code)
