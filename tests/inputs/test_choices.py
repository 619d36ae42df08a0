"""A policy is one file; a workload that names it wrongly gets one line."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from accelsim.errors import ConfigError
from accelsim.inputs.document import parse_document
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.policies.idle import IdlePolicyConfig
from accelsim.policies.idle.oracle import Oracle
from accelsim.policies.idle.timeout import Timeout
from accelsim.policies.scheduling import SCHEDULING_POLICIES, SchedulingPolicyConfig
from accelsim.policies.scheduling.fifo import Fifo
from accelsim.policies.scheduling.task_affinity import TaskAffinity


class Host(ConfigModel):
    policy: SchedulingPolicyConfig = Fifo(name="fifo")
    idle: IdlePolicyConfig = Oracle(policy="oracle")


def read(text: str) -> Host:
    return validate(parse_document(text, Path("w.yaml")), Host)


def test_policies_are_read() -> None:
    host = read("policy: {name: task_affinity, maximum_delay: 20 ms}\nidle: {policy: timeout}")
    assert host.policy == TaskAffinity(name="task_affinity", maximum_delay="20 ms")
    assert host.idle == Timeout(policy="timeout")
    assert Host().policy == read("policy: {name: fifo}").policy


NAMES = "'earliest_deadline', 'fifo' or 'task_affinity'"
WRONG = [
    ("policy: {name: fiffo}", f"policy.name: expected {NAMES}, got the text 'fiffo'; did you mean "
     "'fifo'?"),
    ("policy: {name: xyz}", f"policy.name: expected {NAMES}, got the text 'xyz'"),
    ("policy: {name: 3}", f"policy.name: expected {NAMES}, got 3"),
    ("policy: {name: [fifo]}", f"policy.name: expected {NAMES}, got a list"),
    ("policy: {}", f"policy.name: this key is missing; expected {NAMES}"),
    ("policy: fifo", "policy: expected a mapping such as {name: fifo}, got the text 'fifo'"),
    ("policy: [fifo]", "policy: expected a mapping such as {name: earliest_deadline}, got a list"),
    ("policy: {name: fifo, delay: 1 s}", "policy.delay: unknown key; known keys: name"),
    ("policy: {name: task_affinity}", "policy.maximum_delay: this key is missing; expected a value "
     "such as '20 ms'"),
    ("policy: {name: task_affinity, maximum_delay: 5}", "policy.maximum_delay: expected a quantity "
     "in s such as '20 ms', got the bare number 5"),
    ("policy: {name: task_affinity, maximum_delay: -1 s}", "policy.maximum_delay: input should be "
     "greater than or equal to 0, got '-1 s'"),
    ("idle: {policy: timout}", "idle.policy: expected 'break_even', 'oracle' or 'timeout', got the "
     "text 'timout'; did you mean 'timeout'?"),
    ("idle: {policy: timeout, off_after: 1 ms, retention_after: 2 ms}", "idle.off_after: a deeper "
     "state must come later, but 1.00 ms is not after retention_after of 2.00 ms; raise off_after "
     "or leave retention_after out"),
    ("idle: {policy: timeout, clock_gated_after: 0 s, off_after: 0 s}", "idle.off_after: a deeper "
     "state must come later, but 0 s is not after clock_gated_after of 0 s; raise off_after or "
     "leave clock_gated_after out"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_policy_is_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(f'w.yaml:1: {message}')}$"):
        read(text)


def test_the_schema_lists_all_policies() -> None:
    fields = Host.model_json_schema()["properties"].values()
    named = {
        part["properties"][key]["const"]: part["required"]
        for field in fields
        for part in field["oneOf"]
        for key in ("name", "policy")
        if key in part["properties"]
    }
    assert named == {
        "earliest_deadline": ["name"],
        "fifo": ["name"],
        "task_affinity": ["name", "maximum_delay"],
        "break_even": ["policy"],
        "oracle": ["policy"],
        "timeout": ["policy"],
    }


def test_each_file_of_the_folder_holds_a_policy() -> None:
    files = {kind.__module__.rsplit(".", 1)[-1] for kind in SCHEDULING_POLICIES.all().values()}
    package = Path(sys.modules["accelsim.policies.scheduling"].__file__ or "").parent
    assert files == {path.stem for path in package.glob("*.py")} - {"__init__", "base"}
