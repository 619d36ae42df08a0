"""``accelsim faults``: what storage schemes cost, how often they fail, and what that does."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from accelsim.cli.options import Decorator, Output, command_line, workload_options
from accelsim.cli.output import status
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.memory.faults.model import FaultConfig
    from accelsim.study.faults.subject import FaultOptions


def _choice(option: str, values: list[str], text: str) -> Decorator:
    """Return an option that is one of several words, the first unless told otherwise."""
    return click.option(option, type=click.Choice(values), default=values[0], help=text)


@click.command()
@click.option(
    "--case",
    metavar="CASE",
    help="The case. [the first with adapters and such cells]",
)
@click.option("--task", metavar="TASK", help="The task. [the first with classes]")
@click.option("--schemes", metavar="NAMES", help="Storage schemes, separated by commas. [all]")
@click.option(
    "--weights",
    multiple=True,
    metavar="FILE",
    help="Weights that all tasks share: safetensors, npz or a folder. [synthetic]",
)
@click.option(
    "--task-weights", multiple=True, metavar="TASK=FILE", help="A task's own weights or checkpoint."
)
@click.option(
    "--labelled",
    type=click.Path(path_type=Path),
    help="Labelled sentences (jsonl, csv, npz) or pictures (npz), not random: also task accuracy.",
)
@_choice("--numbers", ["adaptivfloat", "symmetric", "affine"], "What the bits of a value mean.")
@_choice("--partial-cells", ["allow", "refuse"], "Bits of a value that do not fill its last cell.")
@_choice("--resync", ["none", "row"], "Where a reader of masks starts afresh.")
@click.option("--seed", type=int, default=0, help="Of weights, tokens, faults.")
@click.option("--seeds", type=int, default=5, help="Injections of each figure.")
@click.option("--sentences", type=int, default=8, help="Random sentences or pictures.")
@click.option("--tokens", type=int, default=8, help="Tokens of each of them.")
@click.option(
    "--fault-rates",
    default="1e-9,1e-8,1e-7,1e-6,1e-5,1e-4,1e-3,1e-2",
    metavar="RATES",
    help="Of the sweep over values and masks, or none.",
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="YAML with relaxation (elapsed: 30 d), read_disturb, transitions, ...",
)
@click.option(
    "--levels",
    type=click.Choice(["nvmfi", "measured"]),
    help="Misreads from nvmFI's distributions, or as counted on chips. [nvmfi]",
)
@click.option(
    "--grade",
    type=click.Choice(["low", "typical", "high"]),
    help="Of measured levels. [typical]",
)
@click.option("--elapsed", metavar="TIME", help="Since programming, such as 1d. [none]")
@click.option("--fault-scale", type=float, help="Factor on every probability of a misread. [1]")
@click.option("--sigma-scale", type=float, help="Factor on the width of every level. [1]")
@click.option(
    "--one-bit-error-rate",
    type=float,
    help="Probability of misreading a one-bit cell. [as computed: 0 for RRAM]",
)
@workload_options("Folder of the results. [out/NAME/faults]", quiet=True)
def faults(
    workload: Path,
    assignments: tuple[str, ...],
    cases: list[str] | None,
    output: Output,
    **choices: Any,
) -> None:
    """Compare storage schemes of the weights of one case of a WORKLOAD, faults included.

    For each scheme: cells, area, energy, latency and programming cost, expected faults, and over
    seeded injections the errors of weights, layers and logits and the agreement of predictions
    with the model without faults. Then the same fault probability in values and in masks.
    Writes faults.json unless told otherwise; accelsim report makes a page of it.
    """
    # A second thread gains a fifth on an idle machine and loses tenfold on a busy one; with one,
    # the sums are the same on every machine. Read when NumPy is first imported. [measured]
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from accelsim.evaluation.examine import resolve
    from accelsim.evaluation.point import Point
    from accelsim.report.faults import faults_report
    from accelsim.study.faults.study import study_faults

    options = _options(choices)
    loaded = resolve(Point(workload, assignments, cases))
    wanted = output.chosen()
    with status(shown=not output.quiet, lines=True) as step:
        report = faults_report(study_faults(loaded, options, step), command_line())
    folder = output.out or Path("out") / loaded.config.name / "faults"
    replace(output, out=folder).give(report, wanted)


def _options(choices: dict[str, Any]) -> FaultOptions:
    from accelsim.study.faults.subject import FaultOptions

    scales = ("levels", "grade", "elapsed", "fault_scale", "sigma_scale", "one_bit_error_rate")
    faults = _fault_config(choices.pop("faults"), {key: choices.pop(key) for key in scales})
    names = choices["schemes"]
    changed = {
        "schemes": tuple(name.strip() for name in names.split(",")) if names else (),
        "task_weights": _task_weights(choices["task_weights"]),
        "partial_cells": choices["partial_cells"] == "allow",
        "fault_rates": _rates(choices["fault_rates"]),
    }
    return FaultOptions(faults=faults, **{**choices, **changed})


def _fault_config(file: Path | None, scales: dict[str, float | str | None]) -> FaultConfig:
    """Return the model of --faults with the changes of the other options."""
    from accelsim.inputs.document import Document, Override, read_document
    from accelsim.inputs.validation import override, validate
    from accelsim.memory.faults.model import FaultConfig

    document = read_document(file) if file else Document({}, {}, Path("--faults"))
    for key, value in scales.items():
        if value is not None:
            shown = f"{value:g}" if isinstance(value, float) else value
            path = ("relaxation", key) if key == "elapsed" else (key,)
            origin = f"--{key.replace('_', '-')} {shown}"
            document = override(document, Override(path, str(value), origin), FaultConfig)
    return validate(document, FaultConfig)


def _task_weights(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        task, separator, file = pair.partition("=")
        if not (task and separator and file):
            raise ConfigError(
                f"--task-weights: expected TASK=FILE such as MNLI=mnli.safetensors, got '{pair}'"
            )
        if task in found:
            raise ConfigError(f"--task-weights: {task} is given twice; keep one file")
        found[task] = file
    return found


def _rates(text: str) -> tuple[float, ...]:
    if text == "none":
        return ()
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--fault-rates: expected probabilities such as 1e-6,1e-4 or none, got '{text}'"
        ) from None
