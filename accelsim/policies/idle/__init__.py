"""How deep the device sleeps while no request waits.

A new policy is one new file here: a subclass of IdlePolicy with a name of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.inputs.discovery import choice, discover
from accelsim.policies.idle.base import IDLE_STATES as IDLE_STATES
from accelsim.policies.idle.base import IdlePlan as IdlePlan
from accelsim.policies.idle.base import IdlePolicy as IdlePolicy
from accelsim.policies.idle.base import PowerState as PowerState
from accelsim.policies.idle.base import StateCost as StateCost
from accelsim.policies.idle.oracle import Oracle as Oracle
from accelsim.policies.idle.timeout import Timeout as Timeout

IDLE_POLICIES = discover(__name__, __path__, IdlePolicy, "policy")

if TYPE_CHECKING:
    IdlePolicyConfig = IdlePolicy
else:
    IdlePolicyConfig = choice(IDLE_POLICIES, "policy")
