"""Which of the waiting requests the host serves next.

A new policy is one new file here: a subclass of SchedulingPolicy with a name of its own.
"""

from __future__ import annotations

from typing import Annotated

from accelsim.inputs.choices import Choice
from accelsim.inputs.plugins import Registry
from accelsim.policies.scheduling.base import SchedulingPolicy as SchedulingPolicy
from accelsim.policies.scheduling.fifo import Fifo as Fifo

SCHEDULING_POLICIES = Registry(
    __name__, SchedulingPolicy, "accelsim.scheduling_policies", "scheduling policy"
)
SchedulingPolicyConfig = Annotated[SchedulingPolicy, Choice(SCHEDULING_POLICIES)]
