from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_tensors import homes
from weight_inputs import small_graph, weights

from accelsim.errors import ConfigError
from accelsim.memory.storage import StorageConfig, StorageFormat, StoredTensor, store
from accelsim.model.tensors import Parameter, Role
from accelsim.weights.compression import CompressedModel, CompressedTensor, compress
from accelsim.weights.number_formats import fit
from accelsim.weights.pruning import prune
from accelsim.weights.settings import NumberFormat
from accelsim.weights.synthetic import synthetic_weights
from accelsim.weights.weight_set import Values, WeightSet

GRAPH = small_graph()
WEIGHTS = synthetic_weights(GRAPH, 1)
DENSE = StorageFormat(format="dense", bits=8)


def masked(density: float, bits: int = 8) -> StorageFormat:
    return StorageFormat(format="bitmask", bits=bits, density=density)


def config(
    embedding: StorageFormat = DENSE,
    backbone: StorageFormat = DENSE,
    task: StorageFormat = DENSE,
) -> StorageConfig:
    return StorageConfig(embedding=embedding, backbone=backbone, task=task)


def compressed(
    storage: StorageConfig, weights: WeightSet = WEIGHTS, **numbers: Any
) -> CompressedModel:
    return compress(GRAPH, weights, storage, NumberFormat(**numbers))


def density(tensor: CompressedTensor) -> Fraction:
    return Fraction(tensor.nonzeros if tensor.masked else tensor.codes.size, tensor.codes.size)


def parameters(role: Role) -> list[Parameter]:
    return [p for p in GRAPH.parameters if p.role is role]


def stored(tensor: CompressedTensor) -> StoredTensor:
    """Return the tensor as placement sees it, with the measured density put in."""
    bits, kind = tensor.numbers.bits, "bitmask" if tensor.masked else "dense"
    places = homes(StorageFormat(format=kind, bits=bits), "rram", "sram")
    kept = places if tensor.masked else places[:1]
    return StoredTensor(tensor.parameter, bits, density(tensor), tuple(kept))


@given(weights, st.integers(1, 1000), st.integers(2, 16), st.booleans())
def test_sizes_are_those_of_the_placement_to_the_bit(
    values: Values, thousandths: int, bits: int, mask: bool
) -> None:
    pruned = prune(values, thousandths / 1000) if mask else values
    numbers = fit(pruned, bits, NumberFormat(kind="symmetric"))
    parameter = Parameter("w", values.shape, Role.TASK)
    tensor = CompressedTensor(parameter, numbers, numbers.encode(pruned), mask)
    assert tensor.value_bits == stored(tensor).value_bits == len(tensor.values) * bits
    assert tensor.mask_bits == stored(tensor).mask_bits == (values.size if mask else 0)


def test_the_sizes_of_a_model_are_those_of_the_placement() -> None:
    how = config(masked(0.37), masked(0.5, 5), masked(0.21))
    model = compressed(how)
    assert list(model.tensors) == [p.name for p in GRAPH.parameters]
    for tensor in model.tensors.values():
        role = getattr(how, tensor.parameter.role.value)
        analytic = store(tensor.parameter, role, homes(role, "rram", "sram"))
        assert analytic.masked == tensor.masked
        assert analytic.bits == tensor.numbers.bits
        assert stored(tensor).value_bits == tensor.value_bits
        # What rounds to zero is stored neither; nothing else differs from the stated density.
        rounded = np.count_nonzero(prune(WEIGHTS.tensors[tensor.parameter.name], role.density))
        lost = (rounded - tensor.nonzeros) if tensor.masked else 0
        assert tensor.value_bits + lost * tensor.numbers.bits == analytic.value_bits
        assert tensor.mask_bits == analytic.mask_bits


def test_measured_densities_are_exact_and_of_masked_tensors_alone() -> None:
    model = compressed(config(embedding=masked(0.37)))
    matrices = [p for p in parameters(Role.EMBEDDING) if len(p.shape) > 1]
    masks = {name for name, tensor in model.tensors.items() if tensor.masked}
    assert masks == {p.name for p in matrices}
    for p in matrices:
        decoded = model.tensors[p.name].decode()
        found = density(model.tensors[p.name])
        assert found == Fraction(np.count_nonzero(decoded), p.elements)
        assert 0.3 < found <= Fraction(37, 100) + Fraction(1, p.elements)
    dense = model.tensors["classifier.weight"]
    assert (density(dense), dense.mask_bits) == (1, 0)


def test_a_value_that_rounds_to_zero_is_a_zero_though_not_pruned() -> None:
    values = np.full((4, 8), 0.001, np.float32)
    values[0, :3] = [1, -1, 0.5]
    changed = WeightSet({**WEIGHTS.tensors, "classifier.weight": np.resize(values, (2, 24))}, "w")
    tensor = compressed(config(task=masked(1.0)), changed, kind="symmetric")
    found = tensor.tensors["classifier.weight"]
    above = np.count_nonzero(np.abs(changed.tensors["classifier.weight"]) > 0.01)
    assert found.nonzeros == above < found.parameter.elements
    assert density(found) == Fraction(above, 48)
    assert (found.mask == (found.decode() != 0)).all()


def test_vectors_and_dense_roles_are_quantised_only() -> None:
    model = compressed(config(backbone=masked(0.1)))
    for name, tensor in model.tensors.items():
        backbone_matrix = tensor.parameter.role is Role.BACKBONE and len(tensor.codes.shape) > 1
        assert tensor.masked == backbone_matrix, name
        assert tensor.value_bits == len(tensor.values) * 8
        if not tensor.masked:
            assert tensor.codes.size == len(tensor.values)


def test_the_parts_decode_to_the_tensor() -> None:
    for kind in ("symmetric", "affine", "adaptivfloat"):
        how = masked(0.4, 6)
        model = compressed(config(how, how, how), kind=kind, scale_per="row")
        for name, tensor in model.tensors.items():
            codes = np.zeros_like(tensor.codes)
            codes[tensor.mask if tensor.masked else ...] = tensor.values.reshape(
                -1 if tensor.masked else codes.shape
            )
            decoded = tensor.numbers.decode(codes)
            np.testing.assert_array_equal(decoded, tensor.decode())
            reference = WEIGHTS.tensors[name]
            kept = tensor.codes != 0
            step = np.abs(reference).max() / (8 if kind == "adaptivfloat" else 15)
            assert np.abs(decoded - reference)[kept].max(initial=0) <= step


def pruned_over(over: Literal["tensor", "role"]) -> CompressedModel:
    scaled = {
        name: values * (10 if "query" in name else 1) for name, values in WEIGHTS.tensors.items()
    }
    storage = config(backbone=masked(0.5, 16))
    return compress(GRAPH, WeightSet(scaled, "w"), storage, NumberFormat(), over)


def test_a_density_over_a_role_holds_in_sum_and_one_over_tensors_in_each() -> None:
    matrices = [p for p in parameters(Role.BACKBONE) if len(p.shape) > 1]
    elements = sum(p.elements for p in matrices)
    each, together = pruned_over("tensor"), pruned_over("role")
    assert all(density(each.tensors[p.name]) == Fraction(1, 2) for p in matrices)
    stored_values = sum(together.tensors[p.name].nonzeros for p in matrices)
    assert stored_values == math.ceil(elements / 2)
    query = next(p.name for p in matrices if "query" in p.name)
    assert density(together.tensors[query]) > Fraction(9, 10)
    assert min(map(density, together.tensors.values())) < Fraction(1, 2)


@pytest.mark.parametrize("kind", ["symmetric", "affine", "adaptivfloat"])
def test_more_bits_are_never_worse_and_sixteen_are_near_exact(kind: str) -> None:
    errors = []
    for bits in (4, 6, 8, 12, 16):
        how = StorageFormat(format="dense", bits=bits)
        decoded = compressed(config(how, how, how), kind=kind).decode()
        errors.append(
            max(
                float(np.abs(decoded.tensors[n] - v).max() / max(np.abs(v).max(), 1e-30))
                for n, v in WEIGHTS.tensors.items()
            )
        )
    assert errors == sorted(errors, reverse=True)
    # AdaptivFloat's smallest magnitude is 2^-7 of the largest's power of two: half of it is lost.
    assert errors[-1] <= 2**-8


def test_compressing_the_decoded_weights_changes_nothing() -> None:
    how = config(masked(0.3), masked(0.3), masked(0.3))
    once = compressed(how).decode()
    twice = compressed(how, once).decode()
    for name, values in once.tensors.items():
        np.testing.assert_array_equal(twice.tensors[name], values)
    assert once.origin == f"{WEIGHTS.origin}; compressed"


def test_weights_of_another_graph_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^synthetic, seed 1, .*: \d+ tensors not in the model: "
    ):
        compress(small_graph(method="full"), WEIGHTS, config(), NumberFormat())
