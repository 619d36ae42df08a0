"""Weights from safetensors or NumPy files, by the names of Hugging Face; no code is executed."""

from __future__ import annotations

import re
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
import safetensors

from accelsim.errors import ConfigError
from accelsim.inputs.files import is_file, is_there, names_in, read_bytes
from accelsim.model.families import MODEL_FAMILIES, name_prefixes
from accelsim.model.families.huggingface import HuggingFace
from accelsim.model.importers.onnx.file import onnx_parameters
from accelsim.model.tensors import Parameter
from accelsim.weights.weight_set import Values, WeightSet, check_finite, report

# PEFT wraps the model, and the modules that it saves whole.
_PEFT_PREFIXES = ("base_model.model.", "base_model.")
_PEFT_SAVED = (".modules_to_save.default.", ".modules_to_save.")
_PEFT_WRAPPERS = (*_PEFT_SAVED, ".base_layer.", ".ln_tuning_layers.")
_PEFT_UNUSED = ".original_module."
# Names of checkpoints that were converted from TensorFlow; transformers renames them as well.
_OLD_ENDINGS = {".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"}
_SAFETENSORS_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
# [ours] Weights with 95 % zeros pack to a twelfth; zeros alone to a thousandth.
_MOST_RATIO, _SMALL, _MOST_UNPACKED = 50, 1 << 26, 1 << 32
_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
# What batch norms keep beside their parameters.
_STATISTICS, _COUNTERS = (".running_mean", ".running_var"), (".num_batches_tracked",)
# Everything that numpy and zipfile raise for damaged files, as found by spoiling bytes.
_UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, SyntaxError, MemoryError, OverflowError),
    *(RuntimeError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)

_Raw = tuple[str, "np.ndarray[Any, Any] | str"]


def load_weights(paths: str | Path | Sequence[str | Path]) -> WeightSet:
    """Return the tensors of a file or of several together, as float32.

    A path is one of:

    ``*.safetensors``  float16, bfloat16, float32 or float64
    ``*.npz``          arrays by name; nothing is unpickled
    a folder           of ``NAME.npy`` files, or of safetensors files
    ``*.onnx``         parameters of a graph, by the names that it has as a model

    Names are those of Hugging Face transformers, with or without the prefix of a family such as
    ``albert.``; adapters are named as in ``model.adaptations``. Pretraining heads and index buffers
    are left out. Raises ConfigError for a file that cannot be read, a type that is no floating
    point, a tensor that stands twice, NaN and infinite values.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    files = [Path(path) for path in given]
    origin = ", ".join(str(file) for file in files)
    tensors: dict[str, Values] = {}
    wrong, twice = [], []
    known = [each.huggingface for each in MODEL_FAMILIES.all().values() if each.huggingface]
    # What is of no use to a classifier.
    left_out = tuple(dict.fromkeys(begins for each in known for begins in each.left_out))
    for file in (file for file in files if file.suffix == ".onnx"):
        tensors |= {name: _as_float32(each) for name, each in onnx_parameters(file).items()}
    raw = [pair for file in files if file.suffix != ".onnx" for pair in _read(file)]
    renamed, epsilon = _known_by([name for name, _ in raw])
    # PEFT saves the bias of a module that it saves as a whole once more.
    plain = {own_name(name) for name, _ in raw if not _is_saved(name)}
    raw = [(name, each) for name, each in raw if not (_is_saved(name) and own_name(name) in plain)]
    for name, values in raw:
        own = own_name(name)
        for pattern, other in renamed.items():
            own = re.sub(pattern, other, own)
        if own.startswith(left_out) or own.endswith(_COUNTERS) or _PEFT_UNUSED in own:
            continue
        if isinstance(values, str):
            wrong.append(f"{name} ({values})")
            continue
        adopted = _adopted(own, values)
        if adopted.keys() & tensors.keys():
            twice.append(name)
        tensors |= {ours: _as_float32(each) for ours, each in adopted.items()}
    report(
        origin,
        ("of a wrong type", wrong, "expected float16, bfloat16 (safetensors only) or wider"),
        ("given twice", twice, "keep one of each"),
    )
    weights = WeightSet(_scaled_norms(tensors, epsilon), origin)
    check_finite(weights)
    return weights


def _is_saved(name: str) -> bool:
    return any(wrapper in name for wrapper in _PEFT_SAVED)


def _known_by(names: Sequence[str]) -> tuple[Mapping[str, str], float]:
    """Return how names of files of a family change, and what its batch norms add."""
    for words in (each.huggingface for each in MODEL_FAMILIES.all().values()):
        if words and words.known_by and any(re.search(words.known_by, name) for name in names):
            return words.renamed, words.batch_norm_epsilon
    return {}, HuggingFace.batch_norm_epsilon


def _scaled_norms(tensors: dict[str, Values], epsilon: float) -> dict[str, Values]:
    """Return tensors with mean and variance of batch norms in their scales and shifts."""
    made = {name: each for name, each in tensors.items() if not name.endswith(_STATISTICS)}
    for module in (name.removesuffix(_STATISTICS[1]) for name in tensors):
        parts = (f"{module}{_STATISTICS[1]}", f"{module}{_STATISTICS[0]}")
        scale, shift = f"{module}.weight", f"{module}.bias"
        if all(name in tensors for name in (*parts, scale, shift)):
            variance, mean = (tensors[name] for name in parts)
            made[scale] = _as_float32(tensors[scale] / np.sqrt(variance + np.float32(epsilon)))
            made[shift] = _as_float32(tensors[shift] - mean * made[scale])
    return made


def _adopted(name: str, values: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the parameters that a tensor holds, as the families that know it have them."""
    found = {name: values}
    for family in MODEL_FAMILIES.all().values():
        pairs = (family.adopt(at, given).items() for at, given in found.items())
        found = {own: each for adopted in pairs for own, each in adopted}
    return found


def own_name(name: str) -> str:
    """Return our name of a tensor or module of a checkpoint."""
    if name.startswith(_PEFT_PREFIXES):
        for prefix in _PEFT_PREFIXES:
            name = name.removeprefix(prefix)
        for wrapper in _PEFT_WRAPPERS:
            name = name.replace(wrapper, ".")
    for prefix in name_prefixes():
        name = name.removeprefix(prefix)
    for old, new in _OLD_ENDINGS.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def parted(tensors: Mapping[str, Values], wanted: Iterable[Parameter]) -> dict[str, Values]:
    """Return tensors with those cut whose rows belong to several parameters, in their order."""
    made = dict(tensors)
    parts: dict[str, list[Parameter]] = {}
    for parameter in wanted:
        inner = parameter.name.removeprefix(f"{parameter.module}.")
        if inner.count("."):
            whole = f"{parameter.module}.{inner.partition('.')[2]}"
            parts.setdefault(whole, []).append(parameter)
    for whole, each in parts.items():
        runs, rows = each[0].runs, np.cumsum([part.shape[0] // part.runs for part in each])
        if whole in made and len(made[whole]) == runs * rows[-1]:
            values = made.pop(whole)
            blocks = values.reshape(runs, rows[-1], *values.shape[1:])
            for part, cut in zip(each, np.split(blocks, rows[:-1], axis=1), strict=True):
                made[part.name] = np.ascontiguousarray(cut.reshape(-1, *values.shape[1:]))
    return made


def _as_float32(values: np.ndarray[Any, Any]) -> Values:
    # A float64 beyond float32 becomes infinite, and is refused as such.
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(values, dtype=np.float32)
    converted.flags.writeable = False
    return converted


def _read(path: Path) -> Iterator[_Raw]:
    """Yield (name, array), or (name, its type) for a type that is not supported."""
    if is_there(path) and not is_file(path):
        yield from _read_folder(path)
        return
    if path.suffix in _PICKLES:
        raise ConfigError(
            f"{path}: files of this kind can execute code; convert it to safetensors "
            "(save_pretrained of transformers, or safetensors.torch.save_file)"
        )
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise ConfigError(
            f"{path}: unknown kind of file '{path.suffix}'; give {', '.join(_READERS)} or a "
            "folder of .npy files"
        )
    yield from _guarded(reader, path)


def _read_folder(folder: Path) -> Iterator[_Raw]:
    files = [folder / name for name in names_in(folder)]
    arrays, parts = ([f for f in files if f.suffix == kind] for kind in (".npy", ".safetensors"))
    if bool(arrays) == bool(parts):
        raise ConfigError(
            f"{folder}: expected a folder of .npy files or of .safetensors files, found "
            f"{len(arrays)} and {len(parts)}; leave one kind"
        )
    for array in arrays:
        yield from _guarded(_read_array, array)
    for part in parts:
        yield from _guarded(_read_safetensors, part)


def _guarded(reader: Callable[[Path], list[_Raw]], path: Path) -> list[_Raw]:
    try:
        with warnings.catch_warnings():
            # A header of Python 2 is read, with a warning that is of no use here.
            warnings.simplefilter("ignore")
            return reader(path)
    except (*_UNREADABLE, safetensors.SafetensorError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ConfigError(
            f"{path}: cannot be read: {reason}; the file is truncated, damaged or of another kind"
        ) from None


def _read_safetensors(path: Path) -> list[_Raw]:
    # The library checks that header and data fit together; its numpy loader lacks bfloat16.
    entries = safetensors.deserialize(read_bytes(path))  # type: ignore[no-untyped-call]
    return [(name, _view(entry)) for name, entry in entries]


def _view(entry: dict[str, Any]) -> np.ndarray[Any, Any] | str:
    kind = _SAFETENSORS_TYPES.get(entry["dtype"])
    if kind is None:
        return str(entry["dtype"])
    values = np.frombuffer(entry["data"], kind).reshape(entry["shape"])
    if entry["dtype"] == "BF16":
        # bfloat16 is the upper half of float32.
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values


def _read_archive(path: Path) -> list[_Raw]:
    # numpy.load leaves a damaged archive open.
    with zipfile.ZipFile(BytesIO(read_bytes(path))) as archive:
        _check_size(path, archive)
        return [_read_member(archive, name) for name in archive.namelist()]


def _check_size(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse an archive that would unpack to more than weights can, before anything is."""
    packed, unpacked = path.stat().st_size, sum(each.file_size for each in archive.infolist())
    if unpacked > _MOST_UNPACKED or unpacked > max(_SMALL, _MOST_RATIO * packed):
        raise ValueError(
            f"{packed} bytes would unpack to {unpacked}, which no weights do; save it with "
            "numpy.savez"
        )


def _read_member(archive: zipfile.ZipFile, name: str) -> _Raw:
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in a way that numpy does not write")
    with archive.open(name) as member:
        return name.removesuffix(".npy"), _read_numpy(member)


def _read_array(path: Path) -> list[_Raw]:
    return [(path.stem, _read_numpy(BytesIO(read_bytes(path))))]


def _read_numpy(file: IO[bytes]) -> np.ndarray[Any, Any] | str:
    # An array of objects would be unpickled, and pickles execute code.
    values = np.lib.format.read_array(file, allow_pickle=False)
    # numpy reads a bfloat16 array that another library has saved as two bytes of no type.
    floating = values.dtype.kind == "f" and values.dtype.itemsize in (2, 4, 8)
    return values if floating else str(values.dtype)


_READERS: dict[str, Callable[[Path], list[_Raw]]] = {
    ".safetensors": _read_safetensors,
    ".npz": _read_archive,
}
