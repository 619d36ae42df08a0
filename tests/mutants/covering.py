"""A pytest plugin: which test runs which lines, and for how long (sys.monitoring, Python 3.12)."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

EXAMPLES = 15
LONGEST = 3.0
_TOOL = 3
_seen: dict[str, set[int]] = defaultdict(set)
_covered: dict[str, dict[str, object]] = {}
_failed: set[str] = set()


def fewer_examples(items: list[pytest.Item]) -> None:
    """Let no test draw more than EXAMPLES examples."""
    from hypothesis import settings

    name = "_hypothesis_internal_use_settings"
    for item in items:
        function = getattr(item, "obj", None)
        known = getattr(function, name, None)
        if known is not None and known.max_examples > EXAMPLES:
            target = getattr(function, "__func__", function)
            setattr(target, name, settings(known, max_examples=EXAMPLES))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    fewer_examples(items)


if out := os.environ.get("COVERING_OUT"):
    package = os.path.join(os.getcwd(), "accelsim") + os.sep
    monitoring = sys.monitoring

    def _line(code, number):
        if package and code.co_filename.startswith(package):
            _seen[code.co_filename].add(number)
        return monitoring.DISABLE

    def _too_long(number, frame):
        raise TimeoutError(f"over {LONGEST:g} s")

    signal.signal(signal.SIGPROF, _too_long)
    monitoring.use_tool_id(_TOOL, "covering")
    monitoring.register_callback(_TOOL, monitoring.events.LINE, _line)
    monitoring.set_events(_TOOL, monitoring.events.LINE)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(item):
        _seen.clear()
        monitoring.restart_events()
        start = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, LONGEST)
        result = yield
        signal.setitimer(signal.ITIMER_PROF, 0)
        lines = {os.path.relpath(file): sorted(seen) for file, seen in _seen.items()}
        if item.nodeid not in _failed:
            _covered[item.nodeid] = {"seconds": time.process_time() - start, "lines": lines}
        return result

    def pytest_runtest_logreport(report):
        if not report.passed:
            _failed.add(report.nodeid)

    def pytest_sessionfinish():
        Path(out).write_text(json.dumps(_covered))
