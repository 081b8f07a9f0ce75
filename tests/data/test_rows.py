import itertools

import hypothesis.strategies as st
import jax
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis.extra import numpy as hnp

from isthmus.data import Affine, bucket, padded_rows, row_blocks
from isthmus.errors import DataError

REAL = [bool, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float16, np.float32, np.float64]


@st.composite
def sources(draw):
    """An array of any real dtype, a selection of its rows, and an affine map for them."""
    dtype = np.dtype(draw(st.sampled_from([*REAL, np.longdouble])))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=5))
    kind = {"b": st.booleans(), "f": st.integers(-1000, 1000).map(lambda value: value / 8)}
    elements = kind.get(dtype.kind, st.integers(0 if dtype.kind == "u" else -100, 100))
    source = draw(hnp.arrays(dtype, shape, elements=elements))
    indices = st.lists(st.integers(-len(source), len(source) - 1), max_size=7).map(lambda rows: np.array(rows, int))
    rows = draw(st.one_of(indices, st.slices(len(source))))
    offset = draw(hnp.arrays(np.float64, shape[1:], elements=st.integers(-3, 3)))
    scale = draw(hnp.arrays(np.float64, shape[1:], elements=st.integers(1, 5)))
    return source, rows, draw(st.sampled_from([None, Affine(offset, scale)]))


def plain(source, rows, affine):
    chosen = source[rows]
    if source.dtype in (np.uint8, np.int8) or affine is None:
        return chosen if source.dtype in (np.uint8, np.int8) else chosen.astype(np.float32)
    return ((chosen.astype(np.float64) - affine.offset) / affine.scale).astype(np.float32)


@given(sources(), st.integers(0, 3))
def test_padded_rows_are_the_plain_formula_and_zeros(drawn, extra):
    source, rows, affine = drawn
    before = source.copy()
    expected = plain(source, rows, affine)
    padded = padded_rows(source, rows, affine, len(expected) + extra)
    np.testing.assert_array_equal(padded[: len(expected)], expected)
    assert padded.shape == (len(expected) + extra, *source.shape[1:])
    assert padded.dtype == expected.dtype
    assert not padded[len(expected) :].any()
    assert padded.flags.c_contiguous
    assert padded.ctypes.data % 64 == 0 or padded.size == 0
    np.testing.assert_array_equal(source, before)


@pytest.mark.parametrize("form", [scipy.sparse.csr_array, scipy.sparse.csr_matrix, scipy.sparse.csc_array, scipy.sparse.coo_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8, bool])
@pytest.mark.parametrize("rows", [slice(None), slice(1, None, 3), slice(None, None, -2), np.array([5, 0, 5]), [2]])
def test_sparse_rows_are_as_dense_ones(form, dtype, rows):
    rng = np.random.default_rng(0)
    dense = (rng.integers(1, 9, size=(40, 6)) * (rng.random((40, 6)) < 0.3)).astype(dtype)
    affine = Affine(np.arange(6.0), np.arange(1.0, 7.0))
    np.testing.assert_array_equal(padded_rows(form(dense), rows, affine, 64), padded_rows(dense, rows, affine, 64))
    sparse_blocks, dense_blocks = (np.concatenate(list(row_blocks(source, rows, 4))) for source in (form(dense), dense))
    np.testing.assert_array_equal(sparse_blocks, dense_blocks)


def test_many_chunks_are_as_one():
    # Rows of 1 MB: four to a chunk.
    source = np.random.default_rng(0).normal(size=(9, 2**17))
    affine = Affine(np.full(2**17, 0.5), np.full(2**17, 2.0))
    np.testing.assert_array_equal(padded_rows(source, slice(None), affine, 9), affine.scaled(source))
    np.testing.assert_array_equal(padded_rows(source, np.arange(9)[::-1], affine, 9), affine.scaled(source)[::-1])
    np.testing.assert_array_equal(padded_rows(source, slice(None, None, -1), affine, 9), affine.scaled(source)[::-1])
    assert [len(block) for block in row_blocks(source)] == [4, 4, 1]


@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_array])
def test_rows_take_the_shape_asked_for(make):
    flat = np.arange(24.0).reshape(2, 12)
    affine = Affine(np.ones((3, 4)), np.full((3, 4), 2.0))
    expected = affine.scaled(flat.reshape(2, 3, 4))
    np.testing.assert_array_equal(padded_rows(make(flat), slice(None), affine, 2, shape=(3, 4)), expected)
    np.testing.assert_array_equal(next(row_blocks(make(flat), shape=(3, 4))), flat.reshape(2, 3, 4))


@given(st.integers(0, 300), st.integers(1, 50))
def test_blocks_are_float64_and_together_the_rows(n, size):
    source = np.arange(2 * n, dtype=np.int16).reshape(n, 2)
    found = list(row_blocks(source, size=size))
    assert all(block.dtype == np.float64 and 1 <= len(block) <= size for block in found)
    np.testing.assert_array_equal(np.concatenate([np.zeros((0, 2)), *found]), source)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_bytes_stay_bytes(dtype):
    source = np.arange(12, dtype=dtype).reshape(4, 3)
    padded = padded_rows(source, [3, 1], Affine(np.zeros(3), np.full(3, 255.0)), 4)
    assert padded.dtype == dtype
    np.testing.assert_array_equal(padded[:2], source[[3, 1]])


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="an accelerator has memory of its own")
def test_jax_takes_padded_rows_without_a_copy():
    padded = padded_rows(np.ones((1000, 10)), slice(None), None, 1024)
    assert jax.device_put(padded).unsafe_buffer_pointer() == padded.ctypes.data


def test_more_rows_than_the_capacity_are_refused():
    with pytest.raises(DataError, match=r"Got 5 rows for an array of 4\. It must hold them all; use `bucket\(5\)`"):
        padded_rows(np.ones((5, 2)), slice(None), None, 4)


def test_values_too_large_for_float32_are_refused_without_a_scaling_too():
    with pytest.raises(DataError, match=r"as large as 1e\+39 after scaling, in columns 1\."):
        padded_rows(np.array([[1.0, 1e39]]), slice(None), None, 1)


ROOM = sorted({int(quarters * 2**k / 4) for k in range(6, 40) for quarters in (4, 5, 6, 7)})


@given(st.integers(0, 2**38))
def test_a_bucket_is_the_smallest_that_fits(n):
    size = bucket(n)
    assert size == next(room for room in ROOM if room >= n)


def test_neighbors_share_a_bucket_or_have_adjacent_ones():
    sizes = [bucket(n) for n in range(5000)]
    ranks = [ROOM.index(size) for size in sizes]
    assert all(after - before in (0, 1) for before, after in itertools.pairwise(ranks))
    assert all(n <= size for n, size in enumerate(sizes))
    assert all(size < 1.25 * n for n, size in enumerate(sizes) if n > 64)


def test_the_folds_of_a_cross_validation_share_a_bucket():
    assert bucket(1437) == bucket(1438)


def test_a_negative_number_of_rows_is_refused():
    with pytest.raises(DataError, match=r"must be 0 or more; got -1\. Pass the length"):
        bucket(-1)
