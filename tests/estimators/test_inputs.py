"""What may be given as rows, and how what may not is answered."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.base import clone

from isthmus import Autoencoder
from isthmus.errors import DataError


@pytest.fixture(scope="module")
def counts():
    """Whole numbers of 0 to 6, a third of them zero: exact in every type."""
    rng = np.random.default_rng(1)
    return rng.poisson(1.0, size=(90, 6)).clip(0, 6).astype(np.float64)


@pytest.fixture(scope="module")
def on_counts(small, counts):
    return clone(small).fit(counts)


NUMPY = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"]


@pytest.mark.parametrize("dtype", NUMPY)
def test_rows_of_every_real_type_mean_the_same(dtype, small, counts, on_counts):
    given = counts.astype(dtype)
    wanted = np.float32 if dtype in ("float16", "float32") else np.float64
    for method in ("transform", "reconstruct", "score_samples"):
        result = getattr(on_counts, method)(given)
        assert result.dtype == wanted
        np.testing.assert_allclose(result, getattr(on_counts, method)(counts), rtol=2e-5, atol=2e-5)
    refitted = clone(small).fit(given)
    np.testing.assert_allclose(refitted.transform(given), on_counts.transform(counts), rtol=1e-3, atol=1e-3)


def test_booleans_are_zeros_and_ones(small, counts):
    flags = counts > 0
    from_flags, from_numbers = clone(small).fit(flags), clone(small).fit(flags.astype(float))
    np.testing.assert_allclose(from_flags.transform(flags), from_numbers.transform(flags.astype(float)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "convert",
    [
        pd.DataFrame,
        lambda rows: pd.DataFrame(rows).astype("int8"),
        lambda rows: pd.DataFrame(rows).astype("Int64"),
        lambda rows: pl.DataFrame(rows, schema=list("abcdef")),
        lambda rows: pl.DataFrame(rows.astype(np.int16), schema=list("abcdef")),
        np.ndarray.tolist,
        np.asfortranarray,
        lambda rows: np.repeat(rows, 2, axis=0)[::2],
        lambda rows: rows.astype(object),
        scipy.sparse.csr_matrix,
        scipy.sparse.csc_array,
        scipy.sparse.coo_array,
    ],
    ids=["pandas", "pandas int8", "pandas Int64", "polars", "polars int16", "lists", "fortran", "strided", "objects", "csr", "csc", "coo"],
)
def test_tables_of_every_kind_mean_the_same(convert, small, counts, on_counts):
    given = convert(counts)
    autoencoder = clone(small).fit(given)
    np.testing.assert_allclose(autoencoder.transform(given), on_counts.transform(counts), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(autoencoder.score(given), on_counts.score(counts), rtol=1e-4)


def test_sparse_rows_give_the_bits_of_dense_ones(small, counts, on_counts):
    sparse = scipy.sparse.csr_array(counts)
    np.testing.assert_array_equal(clone(small).fit(sparse).transform(sparse), on_counts.transform(counts))


def test_rows_are_not_written_to(small, table):
    given = table.copy()
    given.flags.writeable = False
    autoencoder = clone(small).fit(given)
    autoencoder.score(given)
    autoencoder.inverse_transform(autoencoder.transform(given))
    np.testing.assert_array_equal(given, table)


def with_cell(value):
    frame = pd.DataFrame(np.ones((5, 3)), columns=["age", "height", "weight"])
    frame.loc[2, "height"] = value
    return frame


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (with_cell(np.nan), "Input X contains NaN or missing cells in 1 of its columns: 'height' (1 cell)."),
        (with_cell(np.inf), "Input X contains infinity in 1 of its columns: 'height' (1 cell)."),
        (with_cell(1.0).assign(color=list("abcde")), "1 of the columns of X is not numeric: 'color' ("),
        (with_cell(1.0).assign(kind=pd.Categorical(list("ababa"))), "1 of the columns of X is not numeric: 'kind' (Categorical)."),
        (pl.DataFrame({"a": [1.0, None], "b": ["x", "y"]}), "1 of the columns of X is not numeric: 'b' (String)."),
        (pl.DataFrame({"a": [1.0, None], "b": [1, 2]}), "Input X contains NaN or missing cells in 1 of its columns: 'a' (1 cell)."),
        (
            np.array([[1.0, np.nan], [np.nan, np.nan]]),
            "Input X contains NaN or missing cells in 2 of its columns: 0 (1 cell), 1 (2 cells).",
        ),
        (scipy.sparse.csr_array([[1.0, np.nan], [0.0, 2.0]]), "Input X contains NaN or missing cells in 1 of its columns: 1 (1 cell)."),
        (np.array([["a", "b"]]), "2 of the columns of X are not numeric: 0 (text), 1 (text)."),
        (np.ones((3, 2)) * 1j, "Complex data not supported. 2 of the columns of X are not numeric: 0 (complex128), 1 (complex128)."),
    ],
    ids=["nan", "infinity", "text", "category", "polars text", "polars null", "array", "sparse", "text array", "complex"],
)
def test_an_error_names_the_columns(X, message, fitted):
    for call in (Autoencoder().fit, Autoencoder().partial_fit, fitted.transform):
        with pytest.raises(DataError, match="^" + re.escape(message)):
            call(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((0, 3)), "Found array with 0 sample"),
        (np.zeros((3, 0)), r"Found array with 0 feature\(s\)"),
        (np.zeros(3), "Expected 2D array, got 1D array instead"),
        (np.float64(3), "Expected 2D array, got scalar array instead"),
        (None, "Expected 2D array, got scalar array instead"),
    ],
    ids=["no rows", "no columns", "one dimension", "a number", "nothing"],
)
def test_what_is_no_table_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder().fit(X)


def test_values_too_large_for_the_network_are_named(fitted, table):
    huge = table.copy()
    huge[0, 4] = 1e300
    with pytest.raises(DataError, match=r"Some values are as large as .* after scaling, in columns 4\. The network computes in float32"):
        fitted.transform(huge)


@pytest.mark.parametrize("shape", [(3, 2, 1), (3, 2), (2, 3, 1)], ids=["images", "series", "wide images"])
def test_rows_may_have_several_axes(shape, small, table, fitted):
    rows = table.reshape(-1, *shape)
    autoencoder = clone(small).fit(rows)
    np.testing.assert_allclose(autoencoder.transform(rows), fitted.transform(table), rtol=1e-4, atol=1e-5)
    assert autoencoder.sample_shape_ == shape
    assert autoencoder.n_features_in_ == 6
    assert autoencoder.reconstruct(rows).shape == rows.shape
    assert autoencoder.inverse_transform(autoencoder.transform(rows)).shape == rows.shape
    np.testing.assert_allclose(autoencoder.reconstruct(rows).reshape(-1, 6), fitted.reconstruct(table), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(autoencoder.score_samples(rows), fitted.score_samples(table), rtol=1e-4)


def test_a_flat_table_has_the_shape_that_is_asked_for(small, table):
    autoencoder = clone(small).set_params(sample_shape=(3, 2)).fit(table)
    assert autoencoder.sample_shape_ == (3, 2)
    assert autoencoder.reconstruct(table).shape == (150, 3, 2)
    np.testing.assert_array_equal(autoencoder.reconstruct(table), autoencoder.reconstruct(table.reshape(-1, 3, 2)))


def test_shapes_must_agree(small, table):
    with pytest.raises(DataError, match=r"`X` has 6 values a row, which do not fill `sample_shape`=\(5, 2\)\. Let them agree\."):
        clone(small).set_params(sample_shape=(5, 2)).fit(table)
    with pytest.raises(
        DataError, match=r"`X` has rows of shape \(2, 3\); \(3, 2\) is wanted\. Reshape the data, or change `sample_shape`\."
    ):
        clone(small).set_params(sample_shape=(3, 2)).fit(table.reshape(-1, 2, 3))
    autoencoder = clone(small).fit(table.reshape(-1, 3, 2))
    with pytest.raises(DataError, match=r"`X` has rows of shape \(2, 3\); \(3, 2\) is wanted"):
        autoencoder.transform(table.reshape(-1, 2, 3))


def test_bytes_are_scaled_as_their_values_are(small):
    rng = np.random.default_rng(2)
    images = (255 * rng.uniform(size=(90, 6)) ** 2).astype(np.uint8)
    small = clone(small).set_params(loss="bernoulli")
    raw = clone(small).fit(images)
    by_hand = clone(small).fit(images / 255.0)
    np.testing.assert_allclose(raw.transform(images), by_hand.transform(images / 255.0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(raw.reconstruct(images) / 255.0, by_hand.reconstruct(images / 255.0), rtol=1e-4)
    np.testing.assert_allclose(raw.score_samples(images), by_hand.score_samples(images / 255.0), rtol=1e-4)
    assert float(raw.scaling_.scale[0]) == 255.0


def test_bytes_are_scaled_as_their_values_are_for_squared_errors_too(small):
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, size=(90, 6), dtype=np.uint8)
    raw, floats = clone(small).fit(images), clone(small).fit(images.astype(np.float64))
    np.testing.assert_allclose(raw.transform(images), floats.transform(images.astype(np.float64)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(raw.score(images), floats.score(images.astype(np.float64)), rtol=1e-5)


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_a_few_rows_are_enough(n_rows, table):
    autoencoder = Autoencoder(2, max_epochs=2, random_state=0).fit(table[:n_rows])
    assert autoencoder.transform(table).shape == (150, 2)
    assert np.all(np.isfinite(autoencoder.reconstruct(table[:n_rows])))


@pytest.mark.parametrize("scaling", ["auto", "common", "standard", "min_max", "unit_range", None])
def test_constant_columns_come_back(scaling, small):
    rows = np.full((60, 6), 3.0)
    rows[:, 0] = np.linspace(0.0, 1.0, 60)
    rows[:, 1] = rows[:, 0] ** 2
    autoencoder = clone(small).set_params(scaling=scaling, learning_rate=0.01, max_epochs=100).fit(rows)
    np.testing.assert_allclose(autoencoder.reconstruct(rows)[:, 2:], 3.0, atol=0.1)


def test_no_column_varies(small):
    rows = np.full((40, 6), 7.0)
    autoencoder = clone(small).set_params(learning_rate=0.01, max_epochs=100).fit(rows)
    np.testing.assert_allclose(autoencoder.reconstruct(rows), 7.0, atol=0.1)
