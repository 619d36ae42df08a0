"""From a technology's levels and a study's choices to the probabilities of misreading a cell."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.quantities import Kelvin, Seconds
from accelsim.inputs.validation import ConfigModel, RuleError
from accelsim.memory.cells import BitsPerCell
from accelsim.memory.faults.levels import (
    CellLevels,
    Probability,
    Transitions,
    check_count,
    thresholds,
    transitions_of,
)
from accelsim.memory.faults.measured import MeasuredGrade
from accelsim.memory.technology import MemoryTechnology


class RelaxationConfig(ConfigModel):
    """Retention: what time does to the levels after programming.

    ``elapsed`` is t, at least 1 s. With measured levels the rest is theirs, and ``temperature``
    says how warm the cells are, room temperature unless given. With nvmFI's every mean moves by
    ``mean_shift`` ln(t / 1 s), and an independent error of standard deviation ``sigma_start`` +
    ``sigma_growth`` ln(t / 1 s) is added, whatever the level; thresholds stay. All in units of the
    full range.

    The form and the defaults are those of analog CMO/HfOx devices: -0.089 uS, 0.4118 uS and
    0.042 uS over 8 to 90 uS (Falcone et al., arXiv 2502.04524, as in IBM/aihwkit 0c9de57,
    ``inference/noise/reram.py``). They are not those of the devices whose levels a technology
    file states: no retention of these is published.
    """

    elapsed: Annotated[Seconds, Field(ge=1)]
    temperature: Kelvin | None = None
    mean_shift: float = -0.08900206 / 82
    sigma_start: Annotated[float, Field(ge=0)] = 0.41183342 / 82
    sigma_growth: Annotated[float, Field(ge=0)] = 0.04201137 / 82


class ReadDisturbConfig(ConfigModel):
    """Reads that move a cell by one level: ``probability`` a read, after ``reads`` reads.

    No published figure: the user's own. A disturbed cell has moved once, however often it is read.
    """

    probability: Probability
    reads: Annotated[int, Field(ge=0)]
    toward: Literal["up", "down"]


class StatedTransitions(ConfigModel):
    """Probabilities stated instead of computed: ``up[i]`` i to i + 1, ``down[i]`` i + 1 to i."""

    bits_per_cell: BitsPerCell
    up: list[Probability]
    down: list[Probability]

    @model_validator(mode="after")
    def _one_for_each_gap(self) -> StatedTransitions:
        for name in ("up", "down"):
            check_count(name, getattr(self, name), 2**self.bits_per_cell - 1, self.bits_per_cell)
        if any(math.fsum(self.table.of_level(level)) > 1 for level in range(2**self.bits_per_cell)):
            raise ValueError("up and down of one level add up to more than 1; lower one of them")
        return self

    @property
    def table(self) -> Transitions:
        """The probabilities as the rest of the program takes them."""
        return Transitions(tuple(self.up), tuple(self.down))


class FaultConfig(ConfigModel):
    """What a study changes of the technology's faults.

    ``levels``: misreads are computed from the distributions of ``nvmfi``, or as ``measured`` on
    chips, of which ``grade`` chooses the best, the usual or the worst.
    ``sigma_scale`` widens every level before the reader's thresholds are set; ``fault_scale``
    multiplies the probabilities of a misread; both sweep the fault rate. ``transitions`` replace
    the computed probabilities of cells with that many bits. ``one_bit_error_rate`` does so for
    both directions of one-bit cells, whose computed probabilities are zero: it makes masks in
    one-bit cells fail. Relaxation and sigma_scale do not act on stated probabilities,
    fault_scale does not act on read disturb.
    """

    levels: Literal["nvmfi", "measured"] = "nvmfi"
    grade: MeasuredGrade = "typical"
    fault_scale: Annotated[float, Field(ge=0)] = 1.0
    sigma_scale: Annotated[float, Field(gt=0)] = 1.0
    one_bit_error_rate: Probability | None = None
    transitions: list[StatedTransitions] = Field(default=[])
    relaxation: RelaxationConfig | None = None
    read_disturb: ReadDisturbConfig | None = None

    @model_validator(mode="after")
    def _choices_go_together(self) -> FaultConfig:
        relaxation = self.relaxation.model_fields_set if self.relaxation else set()
        measured = self.levels == "measured"
        for key, given in (
            ("sigma_scale", measured and self.sigma_scale != 1),
            ("grade", not measured and "grade" in self.model_fields_set),
            ("relaxation.temperature", not measured and "temperature" in relaxation),
            ("the form of relaxation", measured and relaxation - {"elapsed", "temperature"}),
        ):
            if given:
                other = "nvmfi" if measured else "measured"
                raise ValueError(f"{key} belongs to levels: {other}; leave it out")
        return self

    @model_validator(mode="after")
    def _each_cell_once(self) -> FaultConfig:
        stated = [entry.bits_per_cell for entry in self.transitions]
        stated += [1] if self.one_bit_error_rate is not None else []
        for index, entry in enumerate(self.transitions):
            if stated.count(bits := entry.bits_per_cell) > 1:
                advice = "keep one, or leave out one_bit_error_rate"
                message = f"cells of {bits} bits are stated twice; {advice}"
                raise RuleError((("transitions", index, "bits_per_cell"), message))
        return self


def fault_model(technology: MemoryTechnology, bits: int, config: FaultConfig) -> Transitions:
    """Return the probabilities of misreading a cell that holds ``bits`` bits.

    Volatile technologies that state no levels are read without faults: soft errors of SRAM are
    not modelled. Raises ConfigError where a non-volatile one has no levels of such cells and none
    are stated, and where a probability grows beyond 1.
    """
    misread = _scaled(_misread(technology, bits, config), config.fault_scale)
    return _disturbed(misread, config.read_disturb) if config.read_disturb else misread


def _misread(technology: MemoryTechnology, bits: int, config: FaultConfig) -> Transitions:
    stated = [entry.table for entry in config.transitions if entry.bits_per_cell == bits]
    if stated:
        return stated[0]
    if bits == 1 and config.one_bit_error_rate is not None:
        return Transitions((config.one_bit_error_rate,), (config.one_bit_error_rate,))
    if config.levels == "measured" and not technology.volatile:
        return _measured(technology, bits, config)
    if bits in technology.cell_levels:
        return _computed(technology.cell_levels[bits], config)
    if technology.volatile:
        return Transitions((0.0,) * (2**bits - 1), (0.0,) * (2**bits - 1))
    raise ConfigError(
        f"{technology.name}: no levels are known of cells with {bits} bits; add them under "
        f"cell_levels of {technology.path.name}, or state transitions for {bits} bits per cell"
    )


def _measured(technology: MemoryTechnology, bits: int, config: FaultConfig) -> Transitions:
    if bits not in technology.measured_cells:
        raise ConfigError(
            f"{technology.name}: cells with {bits} bits have not been measured; add them under "
            f"measured_cells of {technology.path.name}, or take levels: nvmfi"
        )
    cells, relaxed = technology.measured_cells[bits], config.relaxation
    elapsed, temperature = (relaxed.elapsed, relaxed.temperature) if relaxed else (None, None)
    return cells.transitions(config.grade, elapsed, temperature)


def _computed(levels: CellLevels, config: FaultConfig) -> Transitions:
    means = levels.means
    sigmas = [config.sigma_scale * sigma for sigma in levels.sigmas]
    cuts = thresholds(means, sigmas)
    if config.relaxation:
        relaxed = config.relaxation
        age = math.log(relaxed.elapsed)
        spread = relaxed.sigma_start + relaxed.sigma_growth * age
        means = [mean + relaxed.mean_shift * age for mean in means]
        sigmas = [math.hypot(sigma, spread) for sigma in sigmas]
    return transitions_of(means, sigmas, cuts)


# Printing three digits rounds up by less than this; what is advised must work.
_PRINTABLE = 0.995


def _scaled(table: Transitions, scale: float) -> Transitions:
    up, down = (tuple(scale * p for p in each) for each in (table.up, table.down))
    scaled = Transitions(up, down)
    worst = max(math.fsum(scaled.of_level(level)) for level in range(len(up) + 1))
    # Levels that drift far are misread almost surely: up + down may exceed 1 by rounding alone.
    if worst > 1 + 1e-12:
        raise ConfigError(
            f"fault_scale {scale:g} makes the probability of misreading a {scaled.bits}-bit cell "
            f"{worst:.3g}; expected at most 1, lower it to {_PRINTABLE * scale / worst:.3g} or less"
        )
    return scaled


def _disturbed(table: Transitions, disturb: ReadDisturbConfig) -> Transitions:
    """Add the cells that were disturbed, of those that are not misread anyway."""
    # 1 - (1 - p)^n without losing small p.
    moved = float(disturb.reads > 0)
    if disturb.probability < 1:
        moved = -math.expm1(disturb.reads * math.log1p(-disturb.probability))
    up, down = list(table.up), list(table.down)
    for level in range(len(up) + 1):
        left = max(0.0, 1 - math.fsum(table.of_level(level)))
        if disturb.toward == "up" and level < len(up):
            up[level] += moved * left
        elif disturb.toward == "down" and level:
            down[level - 1] += moved * left
    return Transitions(tuple(up), tuple(down))
