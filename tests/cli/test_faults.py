"""``accelsim faults`` as a user meets it."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from small_workload import MAIN, SMALL, small_workload

from accelsim.cli.main import run_command_line
from accelsim.report.saved import restored
from accelsim.report.table import Chart
from accelsim.weights.synthetic import synthetic_weights

QUICK = [part for text in SMALL for part in ("--set", text)]
FAST = ["--seeds", "3", "--sentences", "6", "--tokens", "8", "--schemes", "slc,mixed2,mlc3"]
RATES = ["--fault-rates", "1e-5,1e-4,1e-2"]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


def faults(*arguments: str) -> int:
    return run_command_line(["faults", MAIN, *QUICK, *FAST, *arguments])


@lru_cache
def tensors() -> dict[str, np.ndarray]:
    config = small_workload().config
    encoder = config.model.build(sequence_length=32, classes=3)
    graph = small_workload().cases["adapter_mixed"].config.adaptation.adapt(encoder)
    return dict(synthetic_weights(graph, 7, "MNLI").tensors)


def write_weights(path: Path, **changes: np.ndarray) -> str:
    np.savez(path, **{**tensors(), **changes})
    return str(path)


def write_labels(path: Path, count: int = 6) -> str:
    rows = ({"input_ids": [2, 5 + n, 3], "label": n % 3} for n in range(count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.usefixtures("pages")
def test_a_study_in_tables_json_and_html(tmp_path: Path, capsys: Captured) -> None:
    assert faults(*RATES, "--write", "json,html") == 0
    shown = capsys.readouterr()
    # Three schemes, and the rates of three curves until their logits are lost.
    steps = shown.err.splitlines()
    assert steps[:3] == [
        "accelsim: simulating compression at other densities",
        "accelsim: simulating scheme 1 of 3: slc",
        "accelsim: simulating scheme 2 of 3: mixed2",
    ]
    assert all(step.startswith("accelsim: simulating ") for step in steps)
    lines = shown.out.splitlines()
    assert all(len(line) <= 80 for line in lines if not line.startswith("Wrote "))
    assert "…" not in shown.out
    folder = tmp_path / "out" / "mti_mnli_mrpc_qnli" / "faults"
    assert sorted(path.name for path in folder.glob("[!.]*")) == ["faults.html", "faults.json"]
    file = json.loads((folder / "faults.json").read_text())
    assert [one["scheme"]["name"] for one in file["schemes"]] == ["slc", "mixed2", "mlc3"]
    assert file["schemes"][0]["damage"] is None
    assert file["schemes"][2]["damage"]["logits_relative_error"]["mean"] > 0
    curves = file["sweep"]["curves"]
    points = [len(curve["points"]) for curve in curves]
    assert points[0] == 3
    assert len(steps) == 4 + sum(points)
    for curve in curves:
        errors = [
            point["damage"]["logits_relative_error"]["mean"]
            for point in curve["points"]
            if point["damage"]
        ]
        assert all(error < 1 for error in errors[:-1])
        assert len(curve["points"]) == 3 or errors[-1] >= 1
    stated, *denser = (file["compression"][key] for key in ("stated", "others"))
    assert stated["layers"][-1] < denser[0][-1]["layers"][-1] <= 1
    assert "compression alone, to a density of 0.2" in shown.out
    # Where the weights come from stands in every output.
    page = (folder / "faults.html").read_text()
    assert file["weights"].startswith("synthetic, seed 0")
    assert "synthetic, seed 0" in page
    assert "weights: synthetic, seed 0" in shown.out
    assert "agreement" in shown.out
    assert "all 6 inputs have the same class without faults" in " ".join(shown.out.split())
    assert "accuracy" not in re.sub("no accuracy", "", shown.out)


def test_charts_show_every_scheme_and_every_point_of_the_curves(tmp_path: Path) -> None:
    assert faults(*RATES, "--quiet", "--out", str(tmp_path / "o")) == 0
    report = restored(json.loads((tmp_path / "o" / "faults.json").read_text()))
    schemes, error, agreement = (one for one in report.sections if isinstance(one, Chart))
    assert len(schemes.table.rows) == 3
    assert len({row[0] for row in error.table.rows}) == 3
    assert 6 <= len(error.table.rows) == len(agreement.table.rows) <= 9
    for chart in (schemes, error, agreement):
        for row in chart.table.records:
            low, high = (row[key] for key in (chart.low, chart.high))
            assert low is None or low <= row[chart.y[0]] <= high


@pytest.mark.usefixtures("pages")
def test_the_same_seed_gives_the_same_files(tmp_path: Path, capsys: Captured) -> None:
    texts = []
    for seed in ("3", "3", "4"):
        out = tmp_path / f"run{len(texts)}"
        assert (
            faults(
                "--seed",
                seed,
                "--fault-rates",
                "1e-3",
                "--seeds",
                "1",
                "--json",
                "--out",
                str(out),
                "--write",
                "json,html",
            )
            == 0
        )
        texts.append([(out / name).read_text() for name in ("faults.json", "faults.html")])
        assert capsys.readouterr().out == texts[-1][0]
    assert texts[0] == texts[1]
    assert texts[0][1] != texts[2][1]


def test_quiet_prints_nothing(tmp_path: Path, capsys: Captured) -> None:
    assert faults("--quiet", "--fault-rates", "none", "--out", str(tmp_path / "o")) == 0
    assert capsys.readouterr() == ("", "")
    file = json.loads((tmp_path / "o" / "faults.json").read_text())
    assert file["sweep"] is None


def test_real_weights_and_labels_give_accuracy(tmp_path: Path, capsys: Captured) -> None:
    weights = write_weights(tmp_path / "w.npz")
    labels = write_labels(tmp_path / "l.jsonl")
    arguments = ("--fault-rates", "none", "--labelled", labels)
    assert faults("--weights", weights, *arguments, "--json") == 0
    file = json.loads(capsys.readouterr().out)
    assert file["weights"] == weights
    assert file["sentences"] == f"6 labelled sentences of {labels}"
    assert 0 <= file["accuracy_without_faults"] <= 1
    assert 0 <= file["schemes"][2]["damage"]["accuracy"]["mean"] <= 1
    assert faults("--task-weights", f"MNLI={weights}", *arguments) == 0
    assert "accuracy without faults:" in capsys.readouterr().out


def test_one_wrong_line_of_the_command(tmp_path: Path, capsys: Captured) -> None:
    weights = write_weights(tmp_path / "w.npz")
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(b"\x40\x00\x00\x00\x00\x00\x00\x00{}")
    name = "embeddings.word_embeddings.weight"
    spoilt = tensors()[name].copy()
    spoilt[1, 2] = np.nan
    wrong = write_weights(tmp_path / "nan.npz", **{name: spoilt})
    fewer = tmp_path / "few.npz"
    np.savez(fewer, **{k: v for k, v in tensors().items() if k != name})
    labels = write_labels(tmp_path / "l.jsonl")
    cases: dict[str, list[str]] = {
        r"--case: there is no case 'adapter'; did you mean .*\?": ["--case", "adapter"],
        r"unknown scheme 'mlc4'; did you mean 'mlc\d'\?": ["--schemes", "slc,mlc4"],
        r"--task: there is no task 'RTE'; .*": ["--task", "RTE"],
        rf"{re.escape(str(torn))}: .*cannot be read: .*": ["--weights", str(torn)],
        rf"{re.escape(wrong)}: 1 tensor with NaN: {name} \(1 of 32000\); repair the checkpoint": [
            "--weights",
            wrong,
        ],
        rf"{re.escape(str(fewer))}: 1 tensor missing: {name} \(1000 x 32\); .*": [
            "--weights",
            str(fewer),
        ],
        r"--labelled needs real weights: .*; add --weights or --task-weights": [
            "--labelled",
            labels,
        ],
        r"--task-weights: expected TASK=FILE such as .*, got 'MNLI'": ["--task-weights", "MNLI"],
        r"weights\.tasks\.RTE: no such task in the workload; .*": [
            "--task-weights",
            f"RTE={weights}",
        ],
        r"8 bits do not divide into cells of 3 bits: .*; choose other bits_per_cell or .*": [
            "--partial-cells",
            "refuse",
        ],
        r"--fault-rates: expected probabilities such as .*, got '1e-3;2'": [
            "--fault-rates",
            "1e-3;2",
        ],
        r"--fault-rates: 2 is no probability; expected more than 0, at most 1": [
            "--fault-rates",
            "1e-3,2",
        ],
        r"--fault-rates: expected rising rates, each once; sort them": [
            "--fault-rates",
            "1e-3,1e-4",
        ],
        r"--seed is -1; expected 0 or more": ["--seed", "-1"],
        r".*density: .*greater than 0.*": [
            "--set",
            "cases.adapter_mixed.storage.backbone.density=0",
        ],
        r"fault_scale 1e\+09 makes the probability of misreading .*": ["--fault-scale", "1e9"],
    }
    for message, arguments in cases.items():
        assert faults(*arguments) == 2, arguments
        shown = capsys.readouterr()
        assert shown.out == ""
        assert re.fullmatch(rf"accelsim: {message}\n", shown.err), shown.err
    assert not (tmp_path / "out").exists()


def test_the_weights_of_the_case_are_taken(tmp_path: Path, capsys: Captured) -> None:
    file = write_weights(tmp_path / "own.npz")
    chosen = f"cases.adapter_mixed.weights={{shared: [{file}], numbers: {{kind: symmetric}}}}"
    assert faults("--set", "tasks=[MNLI]", "--set", chosen, "--fault-rates", "none", "--json") == 0
    origin = json.dumps(json.loads(capsys.readouterr().out))
    assert "own.npz" in origin
    assert "symmetric" in origin


def test_retention_and_read_disturb_come_from_a_file(tmp_path: Path, capsys: Captured) -> None:
    model = tmp_path / "model.yaml"
    model.write_text("read_disturb: {probability: 1.0e-9, reads: 1000000, toward: up}\n")
    found = []
    for more in ([], ["--faults", str(model)]):
        assert faults("--fault-rates", "none", "--seeds", "1", "--json", *more) == 0
        document = json.loads(capsys.readouterr().out)
        found.append(document["schemes"][1]["expected_faults"])
    assert found[1]["value_cells"] > 100 * found[0]["value_cells"]
    model.write_text("read_disturb: {probability: 2.0, reads: 1, toward: up}\n")
    assert faults("--faults", str(model)) == 2
    assert "model.yaml:1: read_disturb.probability: " in capsys.readouterr().err


def test_levels_as_measured_and_their_age_are_options(tmp_path: Path, capsys: Captured) -> None:
    def rates(*options: str) -> dict[str, float]:
        assert faults("--fault-rates", "none", "--seeds", "1", "--json", *options) == 0
        found = json.loads(capsys.readouterr().out)["schemes"][1]["cell_fault_probability"]
        return {bits: float(rate) for bits, rate in found.items()}

    fresh = rates("--levels", "measured")
    assert fresh == pytest.approx({"1": 4e-4, "2": 2.6e-3})
    aged = rates("--levels", "measured", "--grade", "high", "--elapsed", "1e5 s")
    assert aged == pytest.approx({"1": 5.4e-4, "2": 0.0883})
    # An age on the command line goes into what a file says of relaxation.
    model = tmp_path / "model.yaml"
    model.write_text("levels: measured\nrelaxation: {elapsed: 1 s, temperature: 373 K}\n")
    warm = rates("--faults", str(model), "--elapsed", "60 d")
    assert warm["2"] > 5 * fresh["2"]
    assert faults("--grade", "low") == 2
    assert "grade belongs to levels: measured; leave it out" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--fault-scale", "--sigma-scale", "--one-bit-error-rate"])
def test_factors_are_finite(option: str, capsys: Captured) -> None:
    assert faults(option, "nan") == 2
    key = option.removeprefix("--").replace("-", "_")
    expected = f"{option} nan: {key}: expected a number, got the text 'nan'"
    assert expected in capsys.readouterr().err


def test_factors_have_their_range(capsys: Captured) -> None:
    assert faults("--sigma-scale", "0") == 2
    expected = "--sigma-scale 0: sigma_scale: input should be greater than 0, got 0.0"
    assert expected in capsys.readouterr().err
