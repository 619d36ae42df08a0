from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from accelsim.cli.main import run_command_line
from accelsim.cli.tech import tech
from accelsim.errors import ConfigError
from accelsim.inputs.document import read_document
from accelsim.inputs.shipped import shipped_folder
from accelsim.memory.arrays import find_array
from accelsim.memory.technology import list_technologies, load_technology

TEMPLATES = [Path(str(files("accelsim.inputs"))) / "templates" / "technology.yaml"]


def run(*arguments: str) -> Result:
    # Rich takes the width from COLUMNS, else 80 when the output is no terminal.
    result = CliRunner(env={"COLUMNS": "80"}).invoke(tech, arguments)
    if isinstance(result.exception, ConfigError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def read_json(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.stderr == ""
    found = json.loads(result.stdout)
    del found["report"]  # what readers see
    return found


def test_json_of_one_array_has_every_figure_with_its_unit() -> None:
    figures = read_json(
        "RRAM", "--bits-per-cell", "2", "--capacity", "4.5MiB", "--word", "128",
        "--target", "ReadEDP",
    )  # fmt: skip
    array = find_array(load_technology("RRAM"), capacity=4718592, word=128, bits_per_cell=2)
    assert figures == {
        "technology": "RRAM",
        "bits_per_cell": 2,
        "capacity_B": 4718592,
        "word_b": 128,
        "target": "ReadEDP",
        "node_nm": 22,
        "roadmap": "LOP",
        "temperature_K": 350,
        "grade": "typical",
        "area_mm2": pytest.approx(array.area * 1e6, rel=1e-11),
        "density_Mb_per_mm2": pytest.approx(array.density / 1e12, rel=1e-11),
        "read_latency_ns": pytest.approx(array.read_latency * 1e9, rel=1e-11),
        "write_latency_ns": pytest.approx(array.write_latency * 1e9, rel=1e-11),
        "read_energy_pJ": pytest.approx(array.read_energy * 1e12, rel=1e-11),
        "write_energy_pJ": pytest.approx(array.write_energy * 1e12, rel=1e-11),
        "least_charged_pJ": None,
        "leakage_mW": pytest.approx(array.leakage * 1e3, rel=1e-11),
        "retained_leakage_mW": None,
        "read_bandwidth_GB_per_s": pytest.approx(array.read_bandwidth / 1e9, rel=1e-11),
        "endurance_writes": 1e6,
        "retention_s": 3e6,
        "volatile": False,
        "composition": "4 MiB + 512 KiB",
        "source": array.source,
        "warnings": list(array.warnings),
    }


def test_options_reach_the_lookup() -> None:
    figures = read_json(
        "rram", "--capacity", "128 KiB", "--node", "45nm", "--temperature", "350 K",
        "--roadmap", "LOP", "--grade", "high", "--target", "Area",
    )  # fmt: skip
    array = find_array(
        load_technology("RRAM"), capacity=2**17, word=64, node=45e-9, grade="high",
        target="Area",
    )  # fmt: skip
    assert figures["node_nm"] == 45
    assert figures["read_latency_ns"] == pytest.approx(array.read_latency * 1e9, rel=1e-11)
    assert figures["composition"] == "128 KiB"


def test_silicon_is_asked_for() -> None:
    query = ("RRAM", "--capacity", "1MiB", "--grade", "high")
    nvsim, silicon = read_json(*query), read_json(*query, "--source", "silicon")
    # EMBER writes 64 bits in 64 x 510 pJ, NVSim's high grade in 4 pJ a cell and the array's own.
    assert silicon["write_energy_pJ"] == pytest.approx(64 * 510)
    assert nvsim["write_energy_pJ"] < 300
    assert silicon["source"].startswith("silicon.yaml: ")
    sram = read_json("SRAM", "--capacity", "1MiB", "--temperature", "300 K", "--source", "silicon")
    assert 0.02 < sram["retained_leakage_mW"] < 0.1 < sram["leakage_mW"] < 0.2


def test_extrapolation_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"^STT, .*: capacity 32 MiB is outside the table"):
        run("STT", "--capacity", "32MiB")
    assert read_json("STT", "--capacity", "32MiB", "--extrapolate")["composition"] == "2 x 16 MiB"
    # Asked for or not, an array smaller than the smallest is none.
    with pytest.raises(ConfigError, match=r"^SRAM_htree, .*: capacity 1 KiB is outside the table"):
        run("SRAM_htree", "--capacity", "1KiB", "--word", "512", "--extrapolate")


def test_one_array_as_text_states_source_and_warnings() -> None:
    output = run("RRAM", "--capacity", "2.5 MiB", "--word", "192").stdout
    assert "area_mm2" in output
    assert "\nsource: NVSim run: lpentecost/nvsim-merged 282038a" in output
    assert "\nwarning: a word of 192 b lies in the table's next wider one, 256 b" in output


def test_overview_lists_every_technology_and_bits_per_cell() -> None:
    figures = read_json()
    found = [(array["technology"], array["bits_per_cell"]) for array in figures["arrays"]]
    assert found == [
        (name, bits) for name in list_technologies() for bits in load_technology(name).devices
    ]
    assert {array["capacity_B"] for array in figures["arrays"]} == {2**20}
    lpddr4 = {part["name"]: part for part in figures["off_chip"]}["lpddr4_3200"]
    assert lpddr4["peak_bandwidth_GB_per_s"] == pytest.approx(6.4)
    # 75.0 pJ/B read and 47.5 pJ/B written: IDD method on the currents of DRAMSys' memspec.
    assert lpddr4["read_stream_energy_pJ_per_B"] == pytest.approx(75.0, abs=0.05)
    assert lpddr4["write_stream_energy_pJ_per_B"] == pytest.approx(47.5, abs=0.05)


def test_overview_names_what_has_no_such_array() -> None:
    output = " ".join(run("--roadmap", "HP").stdout.split())
    assert "no such arrays: FeFET, PCM, STT (" in output
    assert f"estimated, so not listed: {', '.join(list_technologies('estimate'))} (" in output
    with pytest.raises(
        ConfigError, match=r"(?s)^FeFET: no arrays of .*\nSTT: no arrays of .* 7 nm"
    ):
        run("--node", "7 nm")


def test_a_technology_alone_shows_device_rows_sources_and_ranges() -> None:
    output = " ".join(run("RRAM").stdout.split())
    assert "write_pulse 10.0 ns 100 ns 10.0 us" in output
    assert "verify_steps: mean pulses a cell of coarse-fine, FPPV and ISPP" in output
    assert "1 b/cell at 22 nm, LOP, 350 K 4 KiB to 16 MiB 64 128 256 512" in output
    assert "targets: Area, Leakage, ReadEDP," in output


@pytest.mark.parametrize(
    "arguments",
    [(), ("--grade", "high"), *((name,) for name in list_technologies())],
)
def test_output_fits_80_columns_and_is_plain(arguments: tuple[str, ...]) -> None:
    lines = run(*arguments).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("lpddr4_3200", ["stated"]), ("nor_quad", ["typical", "maximum"]), ("hyperram", ["maximum"])],
)
def test_a_part_off_the_chip_is_shown_in_each_kind_of_current_that_it_states(
    name: str, kinds: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["tech", name, "--temperature", "358 K", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["off_chip"]
    assert [part["currents"] for part in found] == kinds
    assert all(part["rest_power_mW"] > 0 for part in found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("RRAM", "--word", "128", "--bits-per-cell", "2"),
            r"^--word, --bits-per-cell: with a technology's name, add --capacity to .* array$",
        ),
        (("RRAM", "--json"), r"^--json: with a technology's name, add --capacity "),
        (("RRAM", "--capacity", "4"), r"^--capacity: expected a unit of B after 4, got none$"),
        (
            ("RRAM", "--capacity", "0.3 B"),
            r"^--capacity: expected a whole number of bytes, got '0\.3 B'$",
        ),
        (
            ("RRAM", "--capacity", "1e999 B"),
            r"^--capacity: expected a whole number of bytes, got '1e999 B'$",
        ),
        (("--node", "22"), r"^--node: expected a unit of m after 22, got none$"),
        (("rrma",), r"^unknown memory technology 'rrma': did you mean RRAM\? known: "),
        (("lpddr4_3200", "--word", "64"), r"^--word: a part off the chip takes --temperature "),
        (("silicon",), r"kind: expected a technology of kind 'array', got 'silicon'"),
    ],
)
def test_errors_say_what_to_do(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(*arguments)


def test_importing_the_command_loads_nothing_heavy() -> None:
    code = (
        "import sys, accelsim.cli.tech; "
        "print(sorted({'rich', 'pydantic', 'yaml', 'numpy'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_the_schema_knows_every_key_of_the_shipped_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_command_line(["schema", "technology"]) == 0
    schema = json.loads(capsys.readouterr().out)
    kinds = {
        kind: schema["$defs"][branch.rpartition("/")[2]]["properties"]
        for kind, branch in schema["discriminator"]["mapping"].items()
    }
    paths = [*shipped_folder("hwconfigs").glob("technologies/*.yaml"), *TEMPLATES]
    found = [document for path in paths if (document := read_document(path)).data["kind"] in kinds]
    assert {document.data["kind"] for document in found} == set(kinds)
    for document in found:
        assert document.data.keys() <= kinds[document.data["kind"]].keys(), document.path
