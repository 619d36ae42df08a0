"""How requests are served: scheduling, idleness, residency, early exit, padding."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from accelsim.inputs.quantities import PositiveInt
from accelsim.inputs.validation import ConfigModel
from accelsim.policies.idle import IdlePolicyConfig
from accelsim.policies.idle.break_even import BreakEven
from accelsim.policies.scheduling import SchedulingPolicyConfig
from accelsim.policies.scheduling.fifo import Fifo
from accelsim.requests.exits import EarlyExitConfig
from accelsim.units import ceil_div

ResidencyPolicy = Literal["least_recently_used", "first_in_first_out", "one_task"]


class ServiceConfig(ConfigModel):
    """What the host controller does with requests; a case may differ from its workload.

    ``residency`` says which task leaves when another needs its room; ``one_task`` never keeps two.
    ``early_exit`` None runs all layers.
    """

    policy: SchedulingPolicyConfig = Field(default_factory=lambda: Fifo(name="fifo"))
    idle: IdlePolicyConfig = Field(default_factory=lambda: BreakEven(policy="break_even"))
    residency: ResidencyPolicy = "least_recently_used"
    early_exit: EarlyExitConfig | None = None


class ServiceChanges(ConfigModel):
    """What a case changes of the workload's service."""

    policy: SchedulingPolicyConfig | None = None
    idle: IdlePolicyConfig | None = None
    residency: ResidencyPolicy | None = None
    early_exit: EarlyExitConfig | None = None

    def applied_to(self, service: ServiceConfig) -> ServiceConfig:
        """Return a service with these changes; ``early_exit: null`` switches it off."""
        fields = {name: getattr(service, name) for name in ServiceConfig.model_fields}
        for name in self.model_fields_set & fields.keys():
            if getattr(self, name) is not None or name == "early_exit":
                fields[name] = getattr(self, name)
        return ServiceConfig.model_construct(**fields)


PadTo = PositiveInt | Literal["sequence_length"]


def padded(tokens: int, pad_to: PadTo, sequence_length: int) -> int:
    """Return the tokens that are computed for a sentence: the whole or a multiple.

    A sentence longer than ``sequence_length`` is computed at its own length, as a multiple or not.
    """
    if pad_to == "sequence_length":
        return max(tokens, sequence_length)
    return ceil_div(tokens, pad_to) * pad_to
