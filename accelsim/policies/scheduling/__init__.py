"""Which of the waiting requests the host serves next.

A new policy is one new file here: a subclass of SchedulingPolicy with a name of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.inputs.discovery import choice, discover
from accelsim.policies.scheduling.base import SchedulingPolicy as SchedulingPolicy
from accelsim.policies.scheduling.fifo import Fifo as Fifo

SCHEDULING_POLICIES = discover(__name__, __path__, SchedulingPolicy, "name")

if TYPE_CHECKING:
    SchedulingPolicyConfig = SchedulingPolicy
else:
    SchedulingPolicyConfig = choice(SCHEDULING_POLICIES, "name")
