from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from weight_inputs import small_graph

from accelsim.errors import ConfigError
from accelsim.weights.files import load_weights
from accelsim.weights.synthetic import synthetic_weights
from accelsim.weights.weight_set import WeightSet, check_weights

X = np.array([[1.5, -2.0], [0.25, 3.0]], np.float32)


def write(path: Path, tensors: dict[str, Any]) -> Path:
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    elif path.suffix == ".npz":
        np.savez(path, **tensors)
    else:
        path.mkdir()
        for name, values in tensors.items():
            np.save(path / f"{name}.npy", values)
    return path


def write_raw(path: Path, header: Any, data: bytes) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def error_of(path: Any) -> str:
    with pytest.raises(ConfigError) as error:
        load_weights(path)
    return str(error.value)


def assert_equal(weights: WeightSet, expected: dict[str, Any]) -> None:
    assert weights.tensors.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(weights.tensors[name], values)
        assert weights.tensors[name].dtype == np.float32


@pytest.mark.parametrize("name", ["w.safetensors", "w.npz", "folder"])
def test_what_is_written_is_loaded(tmp_path: Path, name: str) -> None:
    graph = small_graph()
    written = dict(synthetic_weights(graph, 3).tensors)
    weights = load_weights(write(tmp_path / name, written))
    assert_equal(weights, written)
    assert weights.origin == str(tmp_path / name)
    check_weights(weights, graph)
    with pytest.raises(ValueError, match="read-only"):
        weights.tensors["classifier.bias"][0] = 1


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8", ">f4"])
@pytest.mark.parametrize("name", ["w.safetensors", "w.npz", "folder"])
def test_all_floating_point_types_are_read(tmp_path: Path, name: str, kind: str) -> None:
    assert_equal(load_weights(write(tmp_path / name, {"x": X.astype(kind)})), {"x": X})


def test_bfloat16_is_the_upper_half_of_float32(tmp_path: Path) -> None:
    halves = (X.view(np.uint32) >> 16).astype("<u2").tobytes()
    entry = {"x": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}
    assert_equal(load_weights(write_raw(tmp_path / "w.safetensors", entry, halves)), {"x": X})


def test_columns_first_is_the_same_matrix(tmp_path: Path) -> None:
    weights = load_weights(write(tmp_path / "w.npz", {"x": np.asfortranarray(X)}))
    assert_equal(weights, {"x": X})
    assert weights.tensors["x"].flags.c_contiguous


def test_names_are_those_of_hugging_face(tmp_path: Path) -> None:
    names = {
        "albert.pooler.weight": "pooler.weight",
        "bert.embeddings.LayerNorm.gamma": "embeddings.LayerNorm.weight",
        "bert.embeddings.LayerNorm.beta": "embeddings.LayerNorm.bias",
        "classifier.weight": "classifier.weight",
        "adapters.ffn.up.bias": "adapters.ffn.up.bias",
    }
    weights = load_weights(write(tmp_path / "w.safetensors", dict.fromkeys(names, X)))
    assert weights.tensors.keys() == set(names.values())


def test_pretraining_heads_and_index_buffers_are_left_out(tmp_path: Path) -> None:
    extra = ("albert.embeddings.position_ids", "bert.embeddings.token_type_ids")
    heads = ("predictions.decoder.weight", "sop_classifier.classifier.bias", "cls.predictions.bias")
    tensors = {"x": X, **dict.fromkeys(extra, np.arange(4)), **dict.fromkeys(heads, X)}
    assert_equal(load_weights(write(tmp_path / "w.safetensors", tensors)), {"x": X})


def test_several_files_are_one_set(tmp_path: Path) -> None:
    first = write(tmp_path / "a.safetensors", {"x": X})
    second = write(tmp_path / "b.npz", {"y": -X})
    weights = load_weights([first, str(second)])
    assert_equal(weights, {"x": X, "y": -X})
    assert weights.origin == f"{first}, {second}"
    third = write(tmp_path / "c.npz", {"albert.x": X})
    assert error_of([first, third]) == (
        f"{first}, {third}: 1 tensor given twice: albert.x; keep one of each"
    )


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["w.npz", "folder", "folder2", "w.safetensors", "w.bin", "w.pt"])
def test_nothing_in_a_file_is_executed(tmp_path: Path, name: str) -> None:
    trap = tmp_path / "trap"
    content = pickle.dumps(Malicious(trap))
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
        (path / "x.npy").write_bytes(content)
    elif name in ("folder2", "w.npz"):
        write(path, {"x": np.array([Malicious(trap)], object)})
    else:
        path.write_bytes(content)
    message = error_of(path)
    assert not trap.exists()
    assert message.startswith(str(path))
    assert "cannot be read: " in message or "convert it to safetensors" in message
    # The trap works where it is sprung.
    pickle.loads(content)
    assert trap.is_dir()


def test_nan_and_infinity_are_named_and_counted(tmp_path: Path) -> None:
    tensors = {
        "x": np.array([1, np.nan, np.nan, np.inf], np.float64),
        "y": np.array([1e300, 2], np.float64),
        "z": np.array([1.0, 2.0]),
    }
    path = write(tmp_path / "w.npz", tensors)
    assert error_of(path) == (
        f"{path}: 1 tensor with NaN: x (2 of 4); repair the checkpoint\n"
        f"{path}: 2 tensors with infinite values as float32: x (1 of 4), y (1 of 2); "
        "repair the checkpoint"
    )


@pytest.mark.parametrize("name", ["w.safetensors", "w.npz"])
def test_other_types_are_named(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, {"x": np.arange(3, dtype=np.int64), "y": X})
    shown = "I64" if name.endswith("s") else "int64"
    assert error_of(path) == (
        f"{path}: 1 tensor of a wrong type: x ({shown}); expected float16, bfloat16 "
        "(safetensors only) or wider"
    )


@pytest.mark.parametrize("cut", [0, 4, 8, 30, -1])
@pytest.mark.parametrize("name", ["w.safetensors", "w.npz"])
def test_a_truncated_file_is_one_clear_error(tmp_path: Path, name: str, cut: int) -> None:
    path = write(tmp_path / name, {"x": X})
    path.write_bytes(path.read_bytes()[:cut])
    message = error_of(path)
    assert message.startswith(f"{path}: cannot be read: ")
    assert message.endswith("; the file is truncated, damaged or of another kind")
    assert "\n" not in message


def content_of(name: str) -> bytes:
    if name == "npy":
        buffer = io.BytesIO()
        np.save(buffer, X)
    elif name == "npz":
        buffer = io.BytesIO()
        np.savez(buffer, x=X, y=X)
    else:
        from safetensors.numpy import save

        return save({"x": X, "y": X})
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["npy", "npz", "safetensors"])
@settings(max_examples=150)
@given(data=st.data())
def test_a_damaged_file_is_an_error_or_other_weights(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    content = bytearray(content_of(name))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    path = folder if name == "npy" else folder / f"w.{name}"
    (folder / f"w.{name}").write_bytes(content)
    weights, problem = WeightSet({}, ""), str(path)
    try:
        weights = load_weights(path)
    except ConfigError as error:
        problem = str(error)
    assert problem.startswith(str(path))
    assert all(values.dtype == np.float32 for values in weights.tensors.values())


def test_a_path_that_is_no_file_of_weights(tmp_path: Path) -> None:
    none = tmp_path / "none.safetensors"
    assert error_of(none) == f"{none}: cannot be read: No such file or directory"
    text = tmp_path / "w.txt"
    assert error_of(text) == (
        f"{text}: unknown kind of file '.txt'; give .safetensors, .npz or a folder of .npy files"
    )
    assert error_of(tmp_path) == (
        f"{tmp_path}: expected a folder of .npy files or of .safetensors files, found 0 and 0; "
        "leave one kind"
    )
    # A safetensors file by another name.
    wrong = write(tmp_path / "w.safetensors", {"x": X}).rename(tmp_path / "w.npz")
    assert error_of(wrong).startswith(f"{wrong}: cannot be read: ")


def test_an_archive_of_other_files_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"no array")
    assert error_of(path).startswith(f"{path}: cannot be read: the magic string is not correct")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", content_of("npy"))
    assert error_of(path).startswith(f"{path}: cannot be read: x.npy is compressed in a way that")


def test_a_sharded_checkpoint_is_one_set(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    write(folder / "model-00001-of-00002.safetensors", {"albert.x": X})
    write(folder / "model-00002-of-00002.safetensors", {"y": X})
    assert_equal(load_weights(folder), {"x": X, "y": X})
