"""What a study of faults is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Literal

from accelsim.errors import ConfigError
from accelsim.memory.faults.model import FaultConfig
from accelsim.study.faults.stored_model import Resync
from accelsim.values import dataclass

# Decades from where a fault in 10^7 cells is rare to where every value is hit [ours].
FAULT_RATES = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)


@dataclass(frozen=True)
class FaultOptions:
    """The choices of a study of faults.

    ``case``: the first with adapters, else the first, of those that keep parameters in non-volatile
    memory, unless named. ``task``: the first with
    classes to choose between. ``schemes``: all unless named. ``weights`` are files shared by all
    tasks and ``task_weights`` each task's own; without both the weights are synthetic, drawn from
    ``seed``, as are sentences and faults. ``labelled`` replaces the ``sentences`` of ``tokens``
    random tokens. ``seeds``: injections of every scheme and fault rate. ``resync``: where a
    reader of masks starts afresh. ``fault_rates`` of the sweep, in rising order; none for no
    sweep. ``faults`` changes what the technology's levels say.
    """

    case: str | None = None
    task: str | None = None
    schemes: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    task_weights: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path()
    labelled: Path | None = None
    numbers: Literal["symmetric", "affine", "adaptivfloat"] = "adaptivfloat"
    partial_cells: bool = True
    resync: Resync = "none"
    seed: int = 0
    seeds: int = 5
    sentences: int = 8
    tokens: int = 8
    fault_rates: tuple[float, ...] = FAULT_RATES
    faults: FaultConfig = field(default_factory=FaultConfig)

    def __post_init__(self) -> None:
        """Check what no other module would. Raises ConfigError."""
        if self.seeds < 1:
            raise ConfigError(f"--seeds is {self.seeds}; expected 1 or more")
        if self.seed < 0:
            raise ConfigError(f"--seed is {self.seed}; expected 0 or more")
        for rate in self.fault_rates:
            if not 0 < rate <= 1:
                raise ConfigError(
                    f"--fault-rates: {rate:g} is no probability; expected more than 0, at most 1"
                )
        if list(self.fault_rates) != sorted(set(self.fault_rates)):
            raise ConfigError("--fault-rates: expected rising rates, each once; sort them")
        if self.labelled and not (self.weights or self.task_weights):
            raise ConfigError(
                "--labelled needs real weights: labels say nothing about synthetic ones; add "
                "--weights or --task-weights"
            )
