"""The patterns in which requests come.

A new pattern is one new file here: a subclass of RequestPattern with a name of its own.
"""

from __future__ import annotations

from typing import Annotated

from accelsim.inputs.choices import Choice
from accelsim.inputs.plugins import Registry
from accelsim.requests.base import RequestPattern

REQUEST_PATTERNS = Registry(
    __name__, RequestPattern, "accelsim.request_patterns", "request pattern", key="pattern"
)
RequestsConfig = Annotated[RequestPattern, Choice(REQUEST_PATTERNS)]
