"""``accelsim faults``: what storage schemes cost, how often they fail, and what that does."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from accelsim.cli.options import plugins_option
from accelsim.cli.output import show, write, write_option
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.memory.faults.model import FaultConfig
    from accelsim.study.faults.options import FaultOptions


@click.command()
@click.argument("workload", type=click.Path(path_type=Path))
@click.option("--case", metavar="CASE", help="The case. [the first with adapters, else the first]")
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
    help="Labelled sentences (jsonl, csv or npz) instead of random tokens: also task accuracy.",
)
@click.option(
    "--numbers",
    type=click.Choice(["adaptivfloat", "symmetric", "affine"]),
    default="adaptivfloat",
    show_default=True,
    help="What the bits of a value mean.",
)
@click.option(
    "--partial-cells",
    type=click.Choice(["allow", "refuse"]),
    default="allow",
    show_default=True,
    help="Bits of a value that do not fill its last cell.",
)
@click.option(
    "--resync",
    type=click.Choice(["none", "row"]),
    default="none",
    show_default=True,
    help="Where a reader of masks starts afresh.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of weights, tokens, faults.")
@click.option("--seeds", type=int, default=5, show_default=True, help="Injections of each figure.")
@click.option("--sentences", type=int, default=16, show_default=True, help="Random sentences.")
@click.option("--tokens", type=int, default=8, show_default=True, help="Tokens of each of them.")
@click.option(
    "--fault-rates",
    default="1e-9,1e-8,1e-7,1e-6,1e-5,1e-4,1e-3,1e-2",
    show_default=True,
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
    "--fault-scale",
    type=click.FloatRange(min=0),
    help="Factor on every probability of a misread. [1]",
)
@click.option(
    "--sigma-scale",
    type=click.FloatRange(min=0, min_open=True),
    help="Factor on the width of every level. [1]",
)
@click.option(
    "--one-bit-error-rate",
    type=click.FloatRange(min=0, max=1),
    help="Probability of misreading a one-bit cell. [as computed: 0 for RRAM]",
)
@click.option(
    "--set", "assignments", multiple=True, metavar="PATH=VALUE", help="Change one value, as in run."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of the results. [out/NAME/faults]"
)
@plugins_option
@write_option("json,html")
@click.option("--json", "as_json", is_flag=True, help="Print faults.json, no report.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def faults(
    workload: Path,
    assignments: tuple[str, ...],
    out: Path | None,
    media: str,
    as_json: bool,
    quiet: bool,
    **choices: Any,
) -> None:
    """Compare storage schemes of the weights of one case of a WORKLOAD, faults included.

    For each scheme: cells, area, energy, latency and programming cost, expected faults, and over
    seeded injections the errors of weights, layers and logits and the agreement of predictions
    with the model without faults. Then the same fault probability in values and in masks.
    Writes faults.json and faults.html unless told otherwise.
    """
    # A second thread gains a fifth on an idle machine and loses tenfold on a busy one; with one,
    # the sums are the same on every machine. Read when NumPy is first imported. [measured]
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from accelsim.report.faults import faults_report
    from accelsim.report.media import chosen_media
    from accelsim.study.faults.study import study_faults
    from accelsim.workload.schema import load_workload

    options = _options(choices)
    loaded = load_workload(workload, assignments)
    wanted = chosen_media(media)
    study = study_faults(loaded, options, _progress(shown=not (quiet or as_json)))
    report = faults_report(study, ["accelsim", *sys.argv[1:]])
    paths = write(report, out or Path("out") / loaded.config.name / "faults", wanted)
    if not quiet:
        show(report, paths, as_json=as_json)


def _options(choices: dict[str, Any]) -> FaultOptions:
    from accelsim.study.faults.options import FaultOptions

    names = choices["schemes"]
    kept = ("case", "task", "weights", "labelled", "numbers", "resync", "seed", "seeds")
    return FaultOptions(
        **{key: choices[key] for key in kept},
        schemes=tuple(name.strip() for name in names.split(",")) if names else (),
        task_weights=_task_weights(choices["task_weights"]),
        partial_cells=choices["partial_cells"] == "allow",
        sentences=choices["sentences"],
        tokens=choices["tokens"],
        fault_rates=_rates(choices["fault_rates"]),
        faults=_fault_config(choices),
    )


def _fault_config(choices: dict[str, Any]) -> FaultConfig:
    """Return the model of --faults with the changes of the other options."""
    from accelsim.inputs.document import read_document
    from accelsim.inputs.validation import validate
    from accelsim.memory.faults.model import FaultConfig

    file = choices["faults"]
    config = validate(read_document(file), FaultConfig) if file else FaultConfig()
    changes = {}
    for key in ("fault_scale", "sigma_scale", "one_bit_error_rate"):
        value = choices[key]
        if value is None:
            continue
        if not math.isfinite(value):
            raise ConfigError(f"--{key.replace('_', '-')}: expected a finite number, got {value}")
        changes[key] = value
    return config.model_copy(update=changes)


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


def _progress(*, shown: bool) -> Callable[[str], None] | None:
    """Return what shows each step and the time since the start on the error stream."""
    if not shown:
        return None
    start = time.monotonic()
    terminal = sys.stderr.isatty()

    def step(text: str) -> None:
        if terminal:
            line = f"{time.monotonic() - start:6.1f} s  {text}"
            click.echo(f"\r{line[:79]:<79}", err=True, nl=False)

    return step
