"""What any method, property or constant of a plug-in gives is held against its annotation."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from toy_files import Captured, failure, run, write

from accelsim.errors import ConservationError, PluginError
from accelsim.inputs.plugins import (
    broken_promise,
    load_plugins,
    loaded_plugins,
    plugin_errors,
    plugins_put_back,
)
from accelsim.machine.components.bus import BusConfig

# Kind -> what its file begins with: a class that is complete, and what a workload asks for.
KINDS = {
    "bus": (
        "from accelsim.machine.components.bus import BusConfig\n"
        "from accelsim.machine.components.clocked import ClockedServer\n"
        "from accelsim.machine.components.base import ANY, Datasheet, Part, Price\n"
        "class Mine(BusConfig):\n    kind: Literal['mine']\n",
        ("cases.case.hardware.bus.kind=mine",),
    ),
    "accelerator": (
        "from accelsim.accelerators.edgebert import EdgeBert\n"
        "from accelsim.program import Use\n"
        "class Mine(EdgeBert):\n    name = 'mine'\n",
        ("cases.case.hardware.accelerator=mine",),
    ),
    "stream": (
        "from accelsim.requests.base import OpenLoop\n"
        "from accelsim.requests.request import Request\n"
        "class Mine(OpenLoop):\n    pattern: Literal['mine']\n"
        "    def make_requests(self, context):\n"
        "        return [Request(0, context.tasks[0], 0, 5)]\n",
        ("requests={pattern: mine, duration: 1 s}",),
    ),
    "loop": (
        "from accelsim.requests.base import ClosedLoop\n"
        "from accelsim.requests.request import Request\n"
        "class Mine(ClosedLoop):\n    pattern: Literal['mine']\n"
        "    def make_requests(self, context):\n"
        "        return [Request(0, context.tasks[0], 0, 5)]\n",
        ("requests={pattern: mine, rounds: 1}",),
    ),
    "generated": (
        "from accelsim.requests.base import GeneratedRequests\n"
        "class Mine(GeneratedRequests):\n    pattern: Literal['mine']\n"
        "    def expected_requests(self, tasks):\n        return 1\n"
        "    def arrivals(self, tasks):\n        return iter([(0, tasks[0])])\n",
        ("requests={pattern: mine, duration: 1 s}",),
    ),
    "adaptation": (
        "from accelsim.model.adaptations.base import Adaptation\n"
        "class Mine(Adaptation):\n    method: Literal['mine']\n"
        "    def adapt(self, graph):\n        return graph\n",
        ("cases.case.adaptation={method: mine}",),
    ),
    "family of metrics": (
        "from accelsim.evaluation.metrics import Metric, MetricFamily\n"
        "class Mine(MetricFamily):\n    name = 'mine'\n    metrics = ()\n",
        (),
    ),
    "operator kind": (
        "from accelsim.model.operators import OperatorKind, Reach, Recipe\n"
        "class Mine(OperatorKind):\n    name, reach = 'square', Reach.ELEMENT\n"
        "    recipe = Recipe(1, 1, 0)\n"
        "    def compute(self, operator, inputs, parameters, state):\n        return inputs[0]\n",
        (),
    ),
}
ODD = ("None", "-1", "1.5", "float('nan')", "float('inf')", "'text'", "[]", "True", "10 ** 400")
NUMBERS = ("None", "-1", "1.5", "float('nan')", "float('inf')", "'text'", "[]", "True")
SHEETS = (
    *(f"Datasheet(Part.HOST, {{}}, leakage={n})" for n in ("float('nan')", "-1.0", "float('inf')")),
    "Datasheet(None, {})",
    "Datasheet(Part.HOST, {'move': 1.0})",
    "Datasheet(Part.HOST, {'move': Price('bytes', float('nan'))})",
    "Datasheet(Part.HOST, {}, kept=float('nan'))",
    "Datasheet(Part.HOST, {}, source=1)",
)
METRICS = (
    *("Metric('energy.x', 't', 'J', abs)", "[Metric('energy.x', 't', 'J', abs)]", "(1,)"),
    *("(Metric(1, 't', 'J', abs),)", "(Metric('energy.x', None, 'J', abs),)"),
    *("(Metric('energy.x', 't', 5, abs),)", "(Metric('energy.x', 't', 'J', 1.0),)"),
    "(Metric('energy.x', 't', 'J', abs, 'often'),)",
)
TIMES = tuple(f"[({odd}, 'MNLI')]" for odd in NUMBERS)
# Kind, what it gives, which values are none; a property or a constant is marked so.
RETURNED = (
    ("bus", "cycles", NUMBERS),
    ("bus", "datasheet", (*ODD, *SHEETS)),
    ("bus", "servers", (*ODD, "{ANY: None}", "{1: ClockedServer}")),
    ("bus", "timing", ("[]", "{}")),
    ("accelerator", "gaps", (*ODD, "('bus',)")),
    ("accelerator", "start", (*ODD, "(Use('bus', 'move', None),)", "(Use(1, 'move', 2),)")),
    ("accelerator", "compile", ODD),
    ("accelerator", "settle", ODD),
    ("accelerator", "components =", (*ODD, "{'bus': 1}")),
    ("stream", "problems", ("None", "1", "'text'", "['requests']", "[('key', 'text')]")),
    ("stream", "trace", [odd for odd in ODD if odd != "None"]),
    ("stream", "horizon", [odd for odd in NUMBERS if odd != "None"]),
    ("stream", "source @", [odd for odd in ODD if odd != "'text'"]),
    ("stream", "closed_loop @", [odd for odd in ODD if odd != "True"]),
    ("stream", "make_requests", [odd for odd in ODD if odd != "[]"]),
    ("loop", "turns @", (*NUMBERS, "0")),
    ("loop", "pause @", NUMBERS),
    ("generated", "expected_requests", NUMBERS[:2] + NUMBERS[3:]),
    ("generated", "arrivals", (*(odd for odd in ODD if odd != "[]"), *TIMES, "[(0, None)]")),
    ("adaptation", "adapt", ODD),
    ("adaptation", "virtual_tokens @", NUMBERS),
    ("adaptation", "describe", [odd for odd in ODD if odd != "'text'"]),
    ("adaptation", "keeps_backbone =", [odd for odd in ODD if odd != "True"]),
    ("family of metrics", "metrics =", (*ODD, *METRICS)),
    ("family of metrics", "metrics @", (*ODD, *METRICS)),
    ("operator kind", "macs", NUMBERS),
    ("operator kind", "turns", NUMBERS),
    ("operator kind", "inputs", (*ODD, "((1, 2.0),)")),
)


def each(returned: Sequence[tuple[str, str, Sequence[str]]]) -> pytest.MarkDecorator:
    names = [f"{kind}: {given}" for kind, given, _ in returned]
    return pytest.mark.parametrize(("kind", "given", "values"), returned, ids=names)


@pytest.fixture(autouse=True)
def unloaded() -> Iterator[None]:
    with plugins_put_back():
        yield


def source(kind: str, given: str, value: str) -> str:
    """Return a file with a class that gives a value: by a method, ``@`` property or ``=``."""
    name, _, sort = given.partition(" ")
    lines = f"{name} = {value}" if sort == "=" else f"def {name}(self, *_, **__): return {value}"
    decorated = f"@property\n{lines}" if sort == "@" else lines
    head = f"from typing import Literal\n{KINDS[kind][0]}"
    return f"{head}{textwrap.indent(decorated, '    ')}\n"


def refused(folder: Path, capsys: Captured, kind: str, given: str, value: str) -> str:
    """Return what a run says where a plug-in gives what it may not."""
    file = write(folder, workload="plugins: [mine.py]", mine=source(kind, given, value))
    settings = [part for each in KINDS[kind][1] for part in ("--set", each)]
    options = [*settings, "--no-trace", "--quiet", "--out", str(folder / "out")]
    told = failure(capsys, "run", str(file), *options, code=7)
    assert not (folder / "out").exists()
    return told


@plugin_errors()
def ask(file: Path, name: str) -> object:
    """Return what a plug-in gives, all of what it yields included."""
    load_plugins([file])
    made = vars(loaded_plugins()[-1].module.Mine)[name]
    given = getattr(made, "fget", made)(None)
    return list(given) if isinstance(given, Iterator) else given


# No model of a workload places an operator kind of its own.
@each([one for one in RETURNED if one[0] != "operator kind"])
def test_a_run_ends_with_the_file_and_the_method(
    kind: str, given: str, values: Sequence[str], tmp_path: Path, capsys: Captured
) -> None:
    told = refused(tmp_path, capsys, kind, given, values[0])
    place = re.escape(f"plug-in '{tmp_path / 'mine.py'}': Mine.{given.split()[0]}: ")
    assert re.search(rf"{place}expected .*, got .*; correct the plug-in$", told)


@each(RETURNED)
def test_every_wrong_value_is_refused(
    kind: str, given: str, values: Sequence[str], tmp_path: Path
) -> None:
    name = given.split()[0]
    place = re.escape(f"plug-in '{tmp_path / 'mine.py'}': Mine.{name}")
    for value in values:
        (tmp_path / "mine.py").write_text(source(kind, given, value))
        told = rf"^{place}(, line \d+)?: .*; correct the plug-in$"
        with pytest.raises(PluginError, match=told):
            pytest.fail(f"{value}: {ask(tmp_path / 'mine.py', name)}")


def test_a_task_that_nobody_knows(tmp_path: Path, capsys: Captured) -> None:
    told = refused(tmp_path, capsys, "generated", "arrivals", "[(0, 'RTE'), (1, 'MNLI')]")
    assert "Mine.arrivals: expected tasks of MNLI, QNLI; got RTE; correct the plug-in" in told


@pytest.mark.parametrize("ticks", ["-1", "1.5", "None"])
def test_a_server_of_a_plugin_is_held_too(ticks: str, tmp_path: Path, capsys: Captured) -> None:
    server = (
        "class Slow(ClockedServer):\n    def occupancy(self, use, start):\n"
        f"        return {ticks}\n"
    )
    head, settings = KINDS["bus"]
    own = f"{head}    def servers(self, name, site):\n        return {{ANY: Slow(name, 9)}}\n"
    mine = f"from typing import Literal\n{own}{server}"
    file = write(tmp_path, workload="plugins: [mine.py]", mine=mine)
    options = ("--set", *settings, "--no-trace", "--quiet", "--out", str(tmp_path / "out"))
    told = failure(capsys, "run", str(file), *options, code=7)
    assert f"Slow.occupancy: expected NonNegativeInt, got {ticks}; correct the plug-in" in told


def test_what_a_mixin_brings_is_held_too() -> None:
    class Mixin:
        def cycles(self, use: object, site: object) -> int:
            return -1

    class Bus(Mixin, BusConfig):
        pass

    with pytest.raises(PluginError, match=r"Mixin\.cycles: expected NonNegativeInt, got -1"):
        Bus.cycles(None, None, None)  # type: ignore[arg-type]
    assert Mixin().cycles(None, None) == -1


def test_what_fits_is_handed_on_as_it_is(tmp_path: Path) -> None:
    head, settings = KINDS["generated"]
    mine = f"from typing import Literal\n{head}"
    file = write(tmp_path, workload="plugins: [mine.py]", mine=mine)
    assert run(file, *settings)["requests.all"] == 1


@pytest.mark.parametrize(
    ("annotation", "default"),
    [("int", "'x'"), ("int", "1.5"), ("float", "None"), ("SimulatedSeconds", "float('nan')")],
)
def test_a_default_is_of_its_type(
    annotation: str, default: str, tmp_path: Path, capsys: Captured
) -> None:
    head, settings = KINDS["stream"]
    start = "from typing import Literal\nfrom accelsim.inputs.quantities import SimulatedSeconds\n"
    mine = f"{start}{head}    key: {annotation} = {default}\n"
    file = write(tmp_path, workload="plugins: [mine.py]", mine=mine)
    options = ("--set", *settings, "--no-trace", "--quiet", "--out", str(tmp_path / "out"))
    told = failure(capsys, "run", str(file), *options, code=7)
    assert told.startswith(f"plug-in '{tmp_path / 'mine.py'}': Mine.key: expected ")


@pytest.mark.parametrize(
    "fitting", ["int = 1", "float = 1", "SimulatedSeconds = 0.5", "SimulatedSeconds | None = None"]
)
def test_a_default_that_fits_is_taken(fitting: str, tmp_path: Path, capsys: Captured) -> None:
    head, settings = KINDS["stream"]
    start = "from typing import Literal\nfrom accelsim.inputs.quantities import SimulatedSeconds\n"
    mine = f"{start}{head}    key: {fitting}\n"
    assert run(write(tmp_path, workload="plugins: [mine.py]", mine=mine), *settings)
    assert capsys.readouterr().err == ""


def test_methods_of_accelsim_are_as_they_are_written() -> None:
    assert not hasattr(BusConfig.cycles, "__wrapped__")


def test_what_accelsim_itself_promises_is_no_plugins_fault() -> None:
    error = broken_promise(BusConfig.cycles, "expected 1, got 2")
    assert type(error) is ConservationError
    assert str(error).endswith("bus.py': BusConfig.cycles: expected 1, got 2")
