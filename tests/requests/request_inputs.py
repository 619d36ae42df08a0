"""Requests as a workload file would give them."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from accelsim.inputs.document import parse_document
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.requests import RequestContext, RequestPattern, RequestsConfig


class Workload(ConfigModel):
    requests: RequestsConfig


def pattern_of(text: str) -> RequestPattern:
    """``text`` is the inside of the YAML mapping ``requests``."""
    return validate(parse_document(f"requests: {{{text}}}", Path("w.yaml")), Workload).requests


def context(*tasks: str, folder: Path = Path()) -> RequestContext:
    return RequestContext(tasks or ("MNLI", "MRPC", "QNLI"), 128, 12, folder)


TRACES = Path(__file__).parents[2] / "traces"


@cache
def trace_maker() -> ModuleType:
    """The program that makes the example traces."""
    spec = importlib.util.spec_from_file_location("maker", TRACES / "make_request_traces.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["maker"] = module
    spec.loader.exec_module(module)
    return module
