"""The house rules that a reader relies on, enforced on the source."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "accelsim"
FILES = sorted(PACKAGE.rglob("*.py"))

# The rooms of the house, the highest first: each imports only rooms below it.
ORDER = (
    "__main__", "cli", "report", "study", "evaluation", "workload", "account", "engine",
    "accelerators", "mapping", "placement", "inference", "policies", "requests", "machine",
    "program", "weights", "memory", "model", "inputs", "errors", "units", "version",
)  # fmt: skip
OWNERS = {
    "simpy": {"engine"},
    "networkx": {"model"},
    "yaml": {"inputs"},
    "safetensors": {"weights"},
}


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports_of(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} uses a relative import"
            found.append(node.module or "")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = part_of(path)
    if path == PACKAGE / "__init__.py":
        return  # the public names, imported when they are first used
    below = ORDER[ORDER.index(own) + 1 :]
    for name in imports_of(path):
        first, _, rest = name.partition(".")
        if first == "accelsim":
            assert rest, f"{path} imports the package as a whole"
            assert rest.split(".")[0] in (own, *below), f"{path} imports {name}"


def test_every_room_is_in_the_order() -> None:
    assert {part_of(path) for path in FILES} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize(("library", "owners"), OWNERS.items())
def test_each_heavy_library_has_one_home(library: str, owners: set[str]) -> None:
    users = {
        part_of(path)
        for path in FILES
        if library in {name.split(".")[0] for name in imports_of(path)}
    }
    assert users == owners


def test_files_are_short() -> None:
    long = {path.name: n for path in FILES if (n := len(path.read_text().splitlines())) > 400}
    assert not long


def test_functions_are_short() -> None:
    lengths = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                first = node.body[0]
                documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
                body = node.body[1:] if documented else node.body
                lengths.append(body[-1].end_lineno - body[0].lineno + 1 if body else 1)
    assert statistics.median(lengths) <= 8
    assert statistics.quantiles(lengths, n=20)[-1] <= 25


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_importing_accelsim_is_light_and_silent() -> None:
    code = (
        "import sys, accelsim; "
        "heavy = {'simpy', 'numpy', 'networkx', 'yaml', 'pydantic', 'rich'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert run_python(code) == "[]\n"


def test_help_imports_no_modelling() -> None:
    code = (
        "import sys; from accelsim.cli.main import run_command_line as r; r(['--help']); "
        "print(sorted({'simpy','numpy','networkx','yaml','pydantic'} & set(sys.modules)))"
    )
    assert run_python(code).endswith("[]\n")


def test_a_run_without_a_timeline_imports_no_libraries_of_numbers_and_graphs(
    tmp_path: Path,
) -> None:
    code = (
        "import sys; from accelsim.cli.main import run_command_line as r; "
        "r(['run', 'workloads/mti_mnli_mrpc_qnli.yaml', '--cases', 'adapter_mixed', '--quiet', "
        f"'--no-trace', '--out', {str(tmp_path)!r}]); "
        "print(sorted({'numpy','networkx','pandas','plotly','jinja2'} & set(sys.modules)))"
    )
    assert run_python(code).endswith("[]\n")


# What a run of two tasks on EdgeBERT with an LPDDR has no use for.
NOT_OF_THIS_RUN = (
    "accelerators.ne16_cluster", "accelerators.systolic_npu", "cli.sweep", "evaluation.single",
    "inference", "machine.components.burst_memory", "machine.components.ne16",
    "machine.components.simple_dram", "machine.components.systolic_array", "memory.burst_memory",
    "memory.imports", "memory.macro", "memory.silicon", "model.adaptations.lora",
    "model.families.bert", "model.families.llama", "model.families.resnet",
    "model.importers.onnx", "report.timeline", "requests.patterns.poisson", "requests.times",
    "study", "weights.files",
)  # fmt: skip


def test_a_run_imports_what_it_names_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from accelsim.cli.main import run_command_line as r; "
        "r(['run', 'workloads/mti_mnli_mrpc_qnli.yaml', '--cases', 'adapter_mixed', '--quiet', "
        f"'--no-trace', '--out', {str(tmp_path)!r}]); "
        f"print(sorted({{f'accelsim.{{name}}' for name in {NOT_OF_THIS_RUN}}} & set(sys.modules)))"
    )
    assert run_python(code).endswith("[]\n")
    for name in NOT_OF_THIS_RUN:
        assert (PACKAGE / name.replace(".", "/")).is_dir() or (
            PACKAGE / f"{name.replace('.', '/')}.py"
        ).is_file(), name


def test_an_operator_alone_imports_no_mapper() -> None:
    code = (
        "import sys; from accelsim.cli.main import run_command_line as r; "
        "r(['op', 'matmul', '--rows=16', '--columns=16', '--depth=16']); "
        "rooms = {name.split('.')[1] for name in sys.modules if name.startswith('accelsim.')}; "
        "print(sorted(rooms & {'placement', 'workload', 'policies', 'requests', 'study'}), "
        "'accelsim.mapping.compiler' in sys.modules)"
    )
    assert run_python(code).endswith("[] False\n")


def test_public_names_exist() -> None:
    import accelsim

    for name in accelsim.__all__:
        assert callable(getattr(accelsim, name))
    with pytest.raises(AttributeError, match=r"^module 'accelsim' has no attribute 'simulat'$"):
        accelsim.simulat  # noqa: B018
