from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from weight_inputs import small_graph

from accelsim.errors import ConfigError
from accelsim.model.tensors import Role
from accelsim.weights.synthetic import synthetic_weights
from accelsim.weights.tasks import load_task_weights
from accelsim.weights.weight_set import WeightSet

GRAPH = small_graph()
TASKS = ("MNLI", "QNLI")
TABLE = "embeddings.word_embeddings.weight"


def save(path: Path, weights: WeightSet, *roles: Role, **changes: Any) -> str:
    names = [p.name for p in GRAPH.parameters if p.role in roles]
    save_file({name: weights.tensors[name] for name in names} | changes, path)
    return path.name


def load(folder: Path, shared: list[str], **tasks: str) -> dict[str, WeightSet]:
    return load_task_weights(shared, tasks, dict.fromkeys(TASKS, GRAPH), folder)


@pytest.fixture
def sets() -> dict[str, WeightSet]:
    return {task: synthetic_weights(GRAPH, 5, task) for task in TASKS}


def check_loaded(loaded: dict[str, WeightSet], sets: dict[str, WeightSet]) -> None:
    assert list(loaded) == list(TASKS)
    for task, weights in sets.items():
        assert loaded[task].tensors.keys() == weights.tensors.keys()
        for name, values in weights.tensors.items():
            np.testing.assert_array_equal(loaded[task].tensors[name], values)


def test_shared_and_own_parts_are_joined(tmp_path: Path, sets: dict[str, WeightSet]) -> None:
    shared = save(tmp_path / "shared.safetensors", sets["MNLI"], Role.EMBEDDING, Role.BACKBONE)
    own = {t: save(tmp_path / f"{t}.safetensors", sets[t], Role.TASK) for t in TASKS}
    loaded = load(tmp_path, [shared], **own)
    check_loaded(loaded, sets)
    assert loaded["QNLI"].origin == f"{tmp_path / shared}, {tmp_path / own['QNLI']}"


def test_complete_checkpoints_need_no_shared_file(
    tmp_path: Path, sets: dict[str, WeightSet]
) -> None:
    check_loaded(load(tmp_path, [], **complete(tmp_path, sets)), sets)


def complete(folder: Path, sets: dict[str, WeightSet], **changes: Any) -> dict[str, str]:
    return {
        t: save(folder / f"{t}.safetensors", sets[t], *Role, **(changes if t == "QNLI" else {}))
        for t in TASKS
    }


def test_a_task_replaces_its_own_tensors_of_a_shared_checkpoint(
    tmp_path: Path, sets: dict[str, WeightSet]
) -> None:
    pretrained = save(tmp_path / "pretrained.safetensors", synthetic_weights(GRAPH, 5, "x"), *Role)
    check_loaded(load(tmp_path, [pretrained], **complete(tmp_path, sets)), sets)


def test_what_tasks_share_must_be_equal(tmp_path: Path, sets: dict[str, WeightSet]) -> None:
    changes = {"pooler.bias": sets["MNLI"].tensors["pooler.bias"] + 1}
    own = complete(tmp_path, sets, **changes)
    message = (
        "tensor that tasks share, but with other values: pooler.bias; "
        "share one or adapt with 'full'"
    )
    with pytest.raises(ConfigError, match=f"^.*MNLI.safetensors; .*QNLI.safetensors: 1 {message}$"):
        load(tmp_path, [], **own)
    with pytest.raises(ConfigError, match=f"^.*: 1 {message}$"):
        load(tmp_path, [own["MNLI"]], QNLI=own["QNLI"])


def test_a_backbone_alone_gets_seeded_adapters_and_heads(tmp_path: Path) -> None:
    drawn = {task: synthetic_weights(GRAPH, 9, task).tensors for task in TASKS}
    own = ("adapters.", "classifier.")
    pretrained = {n: v + 1 for n, v in drawn["MNLI"].items() if not n.startswith(own)}
    save_file(pretrained, tmp_path / "backbone.safetensors")
    loaded = load_task_weights(
        ["backbone.safetensors"], {}, dict.fromkeys(TASKS, GRAPH), tmp_path, 9
    )
    for task, weights in loaded.items():
        assert weights.origin.endswith(
            f"backbone.safetensors; adapters and classifier synthetic, seed 9 for task {task}"
        )
        for name, values in weights.tensors.items():
            wanted = drawn[task][name] if name.startswith(own) else pretrained[name]
            np.testing.assert_array_equal(values, wanted)
    with pytest.raises(ConfigError, match=r"tensors missing: adapters"):
        load(tmp_path, ["backbone.safetensors"])


@pytest.mark.parametrize("lost", ["adapters.ffn.up.bias", "pooler.bias", TABLE])
def test_what_lacks_a_part_of_a_part_is_refused(tmp_path: Path, lost: str) -> None:
    tensors = {n: v for n, v in synthetic_weights(GRAPH, 9).tensors.items() if n != lost}
    save_file(tensors, tmp_path / "torn.safetensors")
    with pytest.raises(ConfigError, match=f"1 tensor missing: {lost}"):
        load_task_weights(["torn.safetensors"], {}, dict.fromkeys(TASKS, GRAPH), tmp_path, 9)


def test_a_task_without_weights_is_named(tmp_path: Path, sets: dict[str, WeightSet]) -> None:
    own = complete(tmp_path, sets)
    with pytest.raises(ConfigError, match=r"^weights\.tasks: no file for task QNLI, and none is "):
        load(tmp_path, [], MNLI=own["MNLI"])
    with pytest.raises(ConfigError, match=r"^weights\.tasks\.QNL: no such .*; did you mean 'QNLI'"):
        load(tmp_path, [], MNLI=own["MNLI"], QNL=own["QNLI"])
    shared = save(tmp_path / "shared.safetensors", sets["MNLI"], Role.EMBEDDING, Role.BACKBONE)
    with pytest.raises(ConfigError, match=r"^\S+shared\.safetensors: \d+ tensors missing: embed"):
        load(tmp_path, [shared], MNLI=own["MNLI"])
