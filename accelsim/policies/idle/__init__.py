"""How deep the device sleeps while no request waits.

A new policy is one new file here: a subclass of IdlePolicy with a name of its own.
"""

from __future__ import annotations

from typing import Annotated

from accelsim.inputs.choices import Choice
from accelsim.inputs.plugins import Registry
from accelsim.policies.idle.base import IDLE_STATES as IDLE_STATES
from accelsim.policies.idle.base import IdlePlan as IdlePlan
from accelsim.policies.idle.base import IdlePolicy as IdlePolicy
from accelsim.policies.idle.base import StateCost as StateCost
from accelsim.policies.idle.break_even import BreakEven as BreakEven
from accelsim.policies.idle.oracle import Oracle as Oracle
from accelsim.policies.idle.timeout import Timeout as Timeout

IDLE_POLICIES = Registry(
    __name__, IdlePolicy, "accelsim.idle_policies", "idle policy", key="policy"
)
IdlePolicyConfig = Annotated[IdlePolicy, Choice(IDLE_POLICIES)]
