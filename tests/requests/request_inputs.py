"""Requests as a workload file would give them."""

from __future__ import annotations

from pathlib import Path

from accelsim.inputs.document import parse_document
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.requests import RequestContext, RequestPattern, RequestsConfig


class Workload(ConfigModel):
    requests: RequestsConfig


def pattern_of(text: str) -> RequestPattern:
    """``text`` is the inside of the YAML mapping ``requests``."""
    return validate(parse_document(f"requests: {{{text}}}", Path("w.yaml")), Workload).requests


def context(*tasks: str, folder: Path = Path()) -> RequestContext:
    return RequestContext(tasks or ("MNLI", "MRPC", "QNLI"), 128, 512, 12, folder)
