"""What is asked of the device, and when."""

from __future__ import annotations

from accelsim.requests.base import ClosedLoop as ClosedLoop
from accelsim.requests.base import RequestPattern as RequestPattern
from accelsim.requests.patterns import REQUEST_PATTERNS as REQUEST_PATTERNS
from accelsim.requests.patterns import RequestsConfig as RequestsConfig
from accelsim.requests.request import Request as Request
from accelsim.requests.request import RequestContext as RequestContext
from accelsim.requests.request import Requests as Requests
