"""Faults of every family: pictures, frames and language models, cells to logits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_workload import small_workload

from accelsim.errors import ConfigError
from accelsim.placement.placement import place
from accelsim.study.faults.costs import occupied_bits, scheme_costs, storage_of
from accelsim.study.faults.damage import Judge, run_sentences
from accelsim.study.faults.schemes import SCHEMES
from accelsim.study.faults.stored_model import StoredModel
from accelsim.study.faults.study import study_faults, write
from accelsim.study.faults.subject import FaultOptions, Subject, load_subject
from accelsim.study.faults.sweep import uniform_faults

CASE = "adapter_slc"
OPTIONS = FaultOptions(case=CASE, schemes=("mlc3",), sentences=4, seeds=2, fault_rates=())
BYTES = "{format: dense, bits: 8}"
HEAD = f"cases.{CASE}.adaptation={{method: head}}"
PICTURE = ("sequence_length=1", "tasks={one: {classes: 5}, other: {classes: 3}}", HEAD)
CACHE = f"cases.{CASE}.hardware.placement.cache=sram"
GENERATE = (
    CACHE,
    "generate={new_tokens: 2}",
    "sequence_length=8",
    "tasks={one: {}, other: {}}",
    HEAD,
)
DECODER = (
    "vocabulary_size: 60, hidden_size: 32, layers: 2, heads: 2, maximum_positions: 64, "
    "intermediate_size: 64, tied_embeddings: false"
)
VIT = "patch_size: 8, hidden_size: 32, heads: 2, layers: 2, intermediate_size: 64"
FAMILIES = {
    "resnet-8": ("{name: resnet-8}", PICTURE),
    "norms": ("{name: resnet-8, batch_norm: separate}", PICTURE),
    "ds-cnn": ("{name: ds-cnn, width: 16}", PICTURE),
    "mobilenet": (
        "{name: mobilenet-v1-vww, image_height: 32, image_width: 32}",
        PICTURE,
    ),
    "vit": (f"{{name: vit-tiny, image_height: 32, image_width: 32, {VIT}}}", PICTURE),
    "autoencoder": ("{name: autoencoder}", (PICTURE[0], "tasks={one: {}, other: {}}", HEAD)),
    "gpt2": (f"{{name: custom, family: gpt2, type_vocabulary_size: 0, {DECODER}}}", GENERATE),
    "llama": (f"{{name: custom, family: llama, key_heads: 1, {DECODER}}}", GENERATE),
}


def subject(family: str, *overrides: str, options: FaultOptions = OPTIONS) -> Subject:
    model, others = FAMILIES[family]
    storage = f"{{embedding: {BYTES}, backbone: {BYTES}, task: {BYTES}}}"
    settings = (f"model={model}", *others, f"cases.{CASE}.storage={storage}", *overrides)
    kept = tuple(f"cases.{n}=null" for n in ("vanilla_slc", "vanilla_mixed", "adapter_mixed"))
    return load_subject(small_workload(*kept, *settings), options)


def stored(one: Subject) -> StoredModel:
    return write(one, SCHEMES["mlc3"], OPTIONS)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_wrong_cell_reaches_the_logits_and_no_fault_leaves_them(family: str) -> None:
    one = subject(family)
    judge, cells = Judge(one), stored(one)
    assert judge.unharmed.agreement == 1
    assert judge.unharmed.logits == 0
    assert not cells.read(uniform_faults(0.0, "values"), 0, "none").changed
    harms = [judge.judge(cells.read_flipped("values", seed, "none")) for seed in range(6)]
    assert max(each.logits for each in harms) > 0
    assert all(each.logits < 0.5 for each in harms)
    low, high = (
        judge.judge_seeds(
            lambda seed, rate=rate: cells.read(uniform_faults(rate, "values"), seed, "none"),
            range(6),
        )
        for rate in (1e-5, 1.0)
    )
    assert low.logits.mean < high.logits.mean
    # Of 3 classes and more a model of chance agrees in a third at most, and six seeds vary.
    assert high.agreement.mean < 0.7 <= low.agreement.mean
    # All numbers of faults agree with what the rate says.
    assert high.faults.values == cells.value_cells


@pytest.mark.parametrize("family", ["resnet-8", "llama"])
def test_a_study_has_costs_of_every_scheme(family: str) -> None:
    one = subject(family)
    found = study_faults(one.workload, replace(OPTIONS, fault_rates=(1e-2,)))
    assert found.sweep is not None
    assert [curve.name for curve in found.sweep.curves] == ["values"]
    assert not found.compression.others
    (result,) = found.schemes
    assert result.costs.run is not None
    assert result.costs.run.scopes["system"].energy > 0


def test_weights_without_masks_pay_for_no_memory_of_masks() -> None:
    one = subject("ds-cnn")
    plain, mixed = (
        scheme_costs(one, SCHEMES[name], write(one, SCHEMES[name], OPTIONS))
        for name in ("mlc2", "mixed2")
    )
    assert mixed.area == plain.area
    assert sum(mixed.capacities.values()) == sum(plain.capacities.values())


@pytest.mark.parametrize("scheme", ["slc", "mixed2", "mlc3"])
def test_scales_of_groups_are_stored_and_keep_small_weights(scheme: str) -> None:
    four = "{format: dense, bits: 4, groups: {size: 8}}"
    roles = f"{{embedding: {four}, backbone: {four}, task: {BYTES}}}"
    one = subject(
        "llama", f"cases.{CASE}.storage={roles}", options=replace(OPTIONS, numbers="symmetric")
    )
    written = write(one, SCHEMES[scheme], OPTIONS)
    storage = storage_of(one, SCHEMES[scheme])
    cells = one.case.hardware.memories["rram"].model_copy(
        update={"bits_per_cell": SCHEMES[scheme].values}
    )
    machine = one.case.hardware.model_copy(
        update={"memories": {**one.case.hardware.memories, "rram": cells}}
    )
    placed = place(one.graph, storage, machine).bits(task_specific=False)
    assert occupied_bits(written, SCHEMES[scheme]).total() == placed["rram"]
    for name in written.tensors:
        tensor, values = one.compressed.tensors[name], one.original.tensors[name]
        if len(values.shape) > 1:
            steps = np.abs(values.reshape(-1, 8)).max(axis=1, keepdims=True) / 7
            wrong = np.abs(tensor.decode() - values).reshape(-1, 8)
            assert (wrong <= steps * 0.5001).all()


def test_labelled_pictures_have_an_accuracy(tmp_path: Path) -> None:
    one = subject("resnet-8")
    weights = tmp_path / "weights.npz"
    np.savez(weights, **one.original.tensors)
    pixels = np.random.default_rng(3).standard_normal((4, 3, 32, 32)).astype(np.float32)
    file = tmp_path / "four.npz"
    np.savez(file, pixel_values=pixels, label=np.zeros(4, np.int64))
    options = replace(OPTIONS, weights=(str(weights),), labelled=file)
    read = subject("resnet-8", options=options)
    logits = run_sentences(read, read.compressed.decode().tensors).logits
    np.savez(file, pixel_values=pixels, label=logits.argmax(axis=1))
    assert Judge(subject("resnet-8", options=options)).unharmed.accuracy == 1
    np.savez(file, pixel_values=pixels[:, :, :16], label=np.zeros(4, np.int64))
    with pytest.raises(ConfigError, match=r"pixel_values have shape .*, expected 1024 pixels x 3"):
        subject("resnet-8", options=options)
    np.savez(file, pixel_values=np.zeros(4), label=np.zeros(4, np.int64))
    with pytest.raises(ConfigError, match=r"pixel_values have shape \(4,\), expected 1024 pixels"):
        subject("resnet-8", options=options)
    for content in (b"no archive", b"PK\x03\x04 cut short", b""):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=r"expected an npz of pixel_values and label"):
            subject("resnet-8", options=options)
    np.save(tmp_path / "one.npy", pixels)
    (tmp_path / "one.npy").replace(file)
    with pytest.raises(ConfigError, match=r"expected an npz of pixel_values and label"):
        subject("resnet-8", options=options)
    np.savez(file, pixel_values=pixels, label=np.full(4, 5))
    with pytest.raises(ConfigError, match=r"label: expected a class from 0 to 4 a picture"):
        subject("resnet-8", options=options)


def test_a_machine_whose_sizes_are_worked_out_has_them() -> None:
    room = f"cases.{CASE}.hardware.memories.rram.capacity="
    one, other = subject("resnet-8", f"{room}fit"), subject("resnet-8")
    assert not one.case.fits
    assert one.case.hardware.memories["rram"].capacity > 0
    assert one.compressed.origin == other.compressed.origin
