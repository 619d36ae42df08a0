"""What each task of a segment waits for, directly or not, whatever the timing."""

from __future__ import annotations

from collections import defaultdict

from accelsim.program import Segment, Task


class Ancestry:
    """The tasks of a segment by label and role, and what each waits for, directly or not."""

    def __init__(self, segment: Segment) -> None:
        self.by_role: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.ancestors: list[set[int]] = []
        last_of_queue: dict[str, int] = {}
        for task in segment.tasks:
            before = {*task.after}
            if task.queue in last_of_queue:
                before.add(last_of_queue[task.queue])
            last_of_queue[task.queue] = task.id
            self.ancestors.append(before.union(*(self.ancestors[other] for other in before)))
            self.by_role[task.operator, role_of(task)].append(task.id)

    def check(self, earlier: list[int], later: list[int], why: str) -> None:
        assert earlier, why
        assert later, why
        for after in later:
            assert set(earlier) <= self.ancestors[after], why


def role_of(task: Task) -> str:
    """Say what a task is by what it uses: compute, load parameters or move an operand."""
    used = {(use.block, use.action) for use in task.uses}
    if used & {("pe_array", "mac")} or any(block == "sfu" for block, _ in used):
        return "compute"
    if ("activation_buffer", "write") in used:
        return "move"
    writes_weights = ("weight_buffer", "write") in used or ("auxiliary_memory", "write") in used
    if writes_weights and {block for block, _ in used} & {"sram", "rram"}:
        return "load"
    return "move_weights" if writes_weights else "other"
