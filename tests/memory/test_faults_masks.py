from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from accelsim.memory.faults.stored import decode_with_faulty_mask, row_counts


@st.composite
def tensors(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A tensor of distinct non-zeros, its mask, and a mask with some bits flipped."""
    shape = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    mask = generator.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.7, 1.0]))
    tensor = np.where(mask, np.arange(1, mask.size + 1).reshape(shape), 0)
    flips = generator.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.5]))
    return tensor, mask, mask ^ flips


def slow_decode(mask: list[bool], values: list[int]) -> list[int]:
    """Take the next value for every set bit, zero when there is none left."""
    left = iter(values)
    return [next(left, 0) if bit else 0 for bit in mask]


@given(tensors())
def test_the_mask_as_written_decodes_exactly(case: tuple[np.ndarray, ...]) -> None:
    tensor, mask, _ = case
    assert np.array_equal(decode_with_faulty_mask(mask, tensor[mask]), tensor)
    assert np.array_equal(decode_with_faulty_mask(mask, tensor[mask], row_counts(mask)), tensor)


@given(tensors())
def test_a_faulty_mask_takes_the_values_in_order(case: tuple[np.ndarray, ...]) -> None:
    tensor, mask, faulty = case
    found = decode_with_faulty_mask(faulty, tensor[mask])
    assert found.shape == tensor.shape
    assert found.ravel().tolist() == slow_decode(faulty.ravel().tolist(), tensor[mask].tolist())


@given(tensors())
def test_with_row_counts_every_row_starts_afresh(case: tuple[np.ndarray, ...]) -> None:
    tensor, mask, faulty = case
    found = decode_with_faulty_mask(faulty, tensor[mask], row_counts(mask))
    rows = (array.reshape(-1, tensor.shape[-1]) for array in (found, faulty, mask, tensor))
    for row, wrong, right, whole in zip(*rows, strict=True):
        assert row.tolist() == slow_decode(wrong.tolist(), whole[right].tolist())


def test_one_flipped_bit_harms_all_that_follows_or_its_row() -> None:
    tensor = np.arange(1, 101).reshape(10, 10)
    mask = tensor % 3 > 0
    values = tensor[mask]
    faulty = mask.copy()
    faulty[4, 5] ^= True
    wanted = np.where(mask, tensor, 0)
    through = decode_with_faulty_mask(faulty, values) != wanted
    assert not through.ravel()[:45].any()
    assert through.ravel()[45:].sum() == mask.ravel()[45:].sum()
    by_row = decode_with_faulty_mask(faulty, values, row_counts(mask)) != wanted
    assert np.flatnonzero(by_row.any(axis=1)).tolist() == [4]
