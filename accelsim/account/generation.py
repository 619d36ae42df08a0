"""What generating tokens takes: the first one, each further one, and what bounds a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from accelsim.accelerators.design import Design
from accelsim.account.energy import EnergyAccount
from accelsim.account.service import Distribution, distribution
from accelsim.engine.ledger import Key
from accelsim.engine.run import Run
from accelsim.machine.components.base import ANY
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.storage import StoredTensor
from accelsim.model.builder import DECODE
from accelsim.model.operators import Reach
from accelsim.program import Use, Words
from accelsim.units import TICKS_PER_SECOND, ceil_div, to_seconds


@dataclass(frozen=True)
class Generation:
    """What the tokens of a run took.

    ``first_token`` is the time from arrival to the first token, ``step`` the mean time of a pass
    that gives each of ``together`` requests, in the mean, a further one [s], and ``bound`` the
    least that it can be: every parameter and all that is kept of each request read once, at the
    peak bandwidth of its home, all homes side by side. ``energy`` is all energy of the run over its
    tokens [J]; ``prompt_energy`` and ``step_energy`` are the dynamic energy of a prompt and of a
    further token. ``moved`` are the bytes read and written for a further token, by memory.
    """

    tokens: int
    first_token: Distribution
    step: float | None
    bound: float | None
    energy: float
    prompt_energy: float
    step_energy: float
    moved: Mapping[str, float]
    together: float | None = None


def generation(design: Design, run: Run, account: EnergyAccount) -> Generation | None:
    """Return what generating tokens took; None where none were."""
    answered = [each for each in run.requests if each.new_tokens and each.first_token is not None]
    if not answered:
        return None
    steps, tokens = sum(run.steps.values()), sum(each.new_tokens or 0 for each in answered)
    further = sum(times * len(rows) for (_, rows), times in run.steps.items())
    dynamic = account.dynamic.items()
    inferring = fsum(joules for key, joules in dynamic if key.program == "infer")
    stepping = fsum(joules for key, joules in dynamic if is_of_step(key))
    return Generation(
        tokens=tokens,
        first_token=distribution((each.first_token or 0) - each.arrival for each in answered),
        step=run.step_ticks / (steps * TICKS_PER_SECOND) if steps else None,
        bound=_mean_bound(design, run) if steps else None,
        energy=account.total / tokens,
        prompt_energy=(inferring - stepping) / len(answered),
        step_energy=stepping / max(1, further),
        moved=_moved(design, run, further) if steps else {},
        together=further / steps if steps else None,
    )


def is_of_step(key: Key) -> bool:
    """Say whether something was spent on a token behind the first."""
    return key.operator.startswith(DECODE)


def _moved(design: Design, run: Run, tokens: int) -> dict[str, float]:
    """Return the bytes of each further token by memory, words counting whole."""
    words = {name: each.word_bytes for name, each in design.hardware.regions.items()}
    homes = {**{name: words[name] for name in design.hardware.memories}, DRAM: 1}
    found = Counter[str]()
    for key, amount in run.ledger.amounts.items():
        if key.block in homes and key.action in ("read", "write") and is_of_step(key):
            found[key.block] += amount
    return {name: homes[name] * amount / tokens for name, amount in found.items()}


def _mean_bound(design: Design, run: Run) -> float:
    """Return the mean of the least times of the steps of a run [s]."""
    bounds = {key: step_bound(design, *key) for key in run.steps}
    return fsum(n * bounds[key] for key, n in run.steps.items()) / sum(run.steps.values())


def step_bound(design: Design, task: str, rows: Sequence[int]) -> float:
    """Return the least time of a pass of requests that have so many rows of the cache each [s].

    Of a table each reads a row of its own.
    """
    placement, found = design.placements[task], Counter[str]()
    read = (one for one in design.graphs[task].operators if one.kind.reach is not Reach.TABLE)
    whole = {parameter.name for operator in read for parameter in operator.parameters}
    for name, tensor in placement.tensors.items():
        for _ in rows[:1] if name in whole else rows:
            found += _bits(tensor, whole=name in whole)
    if cache := placement.cache:
        kept = sum(min(each, cache.rows) for each in rows)
        found[cache.memory] += kept * cache.width * cache.bits
    return max(_least_time(design.hardware, home, bits) for home, bits in found.items())


def _bits(tensor: StoredTensor, *, whole: bool) -> Counter[str]:
    """Return the bits by memory of a parameter, of a table those of one row."""
    shape = tensor.parameter.shape
    used = tensor.parameter.elements if whole else shape[-1]
    found = Counter[str]()
    for home, extent in tensor.parts_between(0, used):
        found[home.memory] += extent.data if home.memory == DRAM else extent.array
    return found


def _least_time(hardware: HardwareConfig, home: str, bits: int) -> float:
    """Return the time of reading so many bits, one behind the other, at the home's best pace."""
    if home == DRAM:
        assert hardware.dram
        return bits / (8 * hardware.dram.peak_bandwidth)
    memory = hardware.memories[home]
    words = Use(home, "read", Words(ceil_div(bits, memory.word)))
    return to_seconds(memory.servers(home, hardware.site)[ANY].occupancy(words, 0))
