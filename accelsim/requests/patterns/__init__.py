"""The patterns in which requests come.

A new pattern is one new file here: a subclass of RequestPattern with a name of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.inputs.discovery import choice, discover
from accelsim.requests.base import RequestPattern

REQUEST_PATTERNS = discover(__name__, __path__, RequestPattern, "pattern")

if TYPE_CHECKING:
    RequestsConfig = RequestPattern
else:
    RequestsConfig = choice(REQUEST_PATTERNS, "pattern")
