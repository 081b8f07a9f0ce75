import datetime as dt
import decimal
import fractions

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from sklearn.utils import check_array

from isthmus.data import check_columns
from isthmus.errors import DataError

HALF = decimal.Decimal("1.50")
GOOD_TABLES = {
    "pandas": pd.DataFrame({"a": [1, 2], "b": [True, False], "c": np.array([1, 2], np.float16)}),
    "pandas nullable": pd.DataFrame(
        {"a": pd.array([1, 2], "Int64"), "b": pd.array([True, False], "boolean"), "c": pd.array([1, 2], "Float32")}
    ),
    "pandas of arrow": pd.DataFrame({"a": pd.Series([1.5, 2.0], dtype=pd.ArrowDtype(pa.float64()))}),
    "pandas of objects": pd.DataFrame({"a": pd.Series([1, 2.5], dtype=object), "b": pd.Series([HALF, HALF], dtype=object)}),
    "pandas with counted columns": pd.DataFrame(np.eye(2)),
    "polars": pl.DataFrame({"a": [1, 2], "b": [True, False], "c": [1.5, 2.0]}),
    "polars of bytes": pl.DataFrame({"a": pl.Series([1, 2], dtype=pl.UInt8)}),
    "polars of decimals": pl.DataFrame({"a": [1, 2], "b": [HALF, HALF]}),
    "pyarrow": pa.table({"a": [1, 2], "b": [True, False], "c": pa.array(np.array([1, 2], np.float16))}),
    "pyarrow of decimals": pa.table({"a": [1, 2], "b": [HALF, HALF]}),
}


def message(X, name="X"):
    with pytest.raises(DataError) as caught:
        check_columns(X, name)
    return str(caught.value)


@pytest.mark.parametrize("kind", GOOD_TABLES)
def test_tables_of_numbers_pass_and_scikit_learn_makes_numbers_of_them(kind):
    X = GOOD_TABLES[kind]
    checked = check_columns(X)
    assert type(checked) is type(X)
    assert (checked is X) == ("decimals" not in kind)
    assert check_array(checked).dtype.kind in "uf"


def test_decimals_keep_their_values():
    checked = check_columns(GOOD_TABLES["polars of decimals"])
    assert checked["b"].to_list() == [1.5, 1.5]


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float16, np.float32, np.float64, np.longdouble, object])
def test_arrays_of_every_real_type_pass(dtype):
    X = np.array([[0, 1], [1, 0]], dtype)
    assert check_columns(X) is X


def test_objects_that_are_numbers_pass():
    X = np.array([[1, 2.5, HALF], [True, fractions.Fraction(1, 2), 10**30]], dtype=object)
    assert check_columns(X) is X


def test_a_pandas_table_names_its_columns_and_their_types():
    text = message(
        pd.DataFrame(
            {
                "fine": [1.0, 2.0],
                "color": pd.Categorical(["red", "blue"]),
                "city": ["Rome", None],
                "when": pd.to_datetime(["2020-01-01", None]),
                "mixed": pd.Series([1, dt.date(2020, 1, 1)], dtype=object),
            }
        )
    )
    listed = "4 of the columns of X are not numeric: 'color' (Categorical), 'city' (String), 'when' (Datetime), 'mixed' (date)."
    assert listed in text
    assert "Every column must hold real numbers or booleans." in text
    assert "OneHotEncoder" in text
    assert "drop them" in text
    assert "fine" not in text


def test_a_pandas_table_counts_its_missing_cells():
    text = message(
        pd.DataFrame(
            {
                "nan": [np.nan, 1.0, np.nan],
                "fine": [1, 2, 3],
                "na": pd.array([1, None, 3], "Int64"),
                "flag": pd.array([True, None, None], "boolean"),
                "object": pd.Series([1, None, pd.NA], dtype=object),
                "arrow": pd.Series([1.5, None, 1.0], dtype=pd.ArrowDtype(pa.float64())),
            }
        )
    )
    listed = (
        "NaN or missing cells in 5 of its columns: 'nan' (2 cells), 'na' (1 cell), 'flag' (2 cells), 'object' (2 cells), 'arrow' (1 cell)."
    )
    assert text.startswith(f"Input X contains {listed}")
    assert "Every cell must be a finite number." in text
    assert "SimpleImputer" in text
    assert "drop their rows" in text


def test_a_polars_table_names_its_columns():
    text = message(
        pl.DataFrame(
            {
                "empty": [None, None],
                "null": [None, 1.0],
                "nan": [float("nan"), 1.0],
                "word": ["a", "b"],
                "list": [[1], [2]],
                "category": pl.Series(["a", "b"], dtype=pl.Categorical),
                "infinite": [float("inf"), 0.0],
            }
        )
    )
    assert "3 of the columns of X are not numeric: 'word' (String), 'list' (List), 'category' (Categorical)." in text
    assert "missing cells in 3 of its columns: 'empty' (2 cells), 'null' (1 cell), 'nan' (1 cell)." in text
    assert "Input X contains infinity in 1 of its columns: 'infinite' (1 cell)." in text


def test_a_pyarrow_table_names_its_columns():
    text = message(pa.table({"a": [1.0, None], "b": pa.nulls(2), "c": pa.array(["x", "y"]).dictionary_encode()}), "target")
    assert "1 of the columns of target is not numeric: 'c' (Categorical)." in text
    assert "Input target contains NaN or missing cells in 2 of its columns: 'a' (1 cell), 'b' (2 cells)." in text


def test_complex_columns_are_refused_in_scikit_learn_s_words():
    assert "Complex data not supported" in message(pd.DataFrame({"a": [1.0, 2.0], "z": [1j, 2j]}))
    assert "Complex data not supported. 1 of the columns of X is not numeric: 0 (complex128)." in message(np.array([[1j]]))
    assert "Complex data not supported" in message(scipy.sparse.csr_array(np.eye(2) * 1j))
    assert "Complex data not supported" in message(np.array([[1j, 2]], dtype=object))


def test_ten_columns_are_named_and_the_rest_counted():
    text = message(pd.DataFrame({f"column {index}": ["a"] for index in range(13)}))
    assert "'column 9' (String) and 3 more." in text
    assert "column 10" not in text


@pytest.mark.parametrize("X", [pd.DataFrame(np.eye(2), columns=["a", "a"]), pa.table([[1], [2]], names=["a", "a"])])
def test_two_columns_of_one_name_are_refused(X):
    assert "X has several columns of one name: 'a'. Every column needs a name of its own; rename or drop them." in message(X)


def test_a_lazy_table_is_refused():
    assert "Pass a table that has them; try `X.collect()`" in message(pl.LazyFrame({"a": [1]}))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_arrays_count_nan_and_infinity_by_column(dtype):
    X = np.zeros((5, 4), dtype)
    X[[0, 3], 1] = np.nan
    X[2, 3] = -np.inf
    text = message(X)
    assert "Input X contains NaN or missing cells in 1 of its columns: 1 (2 cells)." in text
    assert "Input X contains infinity in 1 of its columns: 3 (1 cell)." in text


def test_infinities_that_cancel_are_seen():
    assert "infinity in 2 of its columns: 0 (1 cell), 1 (1 cell)" in message(np.array([[np.inf, -np.inf]]))


def test_finite_values_whose_sum_is_not_pass():
    X = np.full((3, 2), 1e308)
    assert check_columns(X) is X
    halves = np.full((3, 2), 6e4, np.float16)
    assert check_columns(halves) is halves


def test_pixels_are_named_by_their_place():
    X = np.zeros((2, 3, 4, 1))
    X[1, 2, 3, 0] = np.nan
    assert "(2, 3, 0) (1 cell)." in message(X)


def test_many_rows_are_counted_together():
    X = np.zeros((2**19, 3), np.float16)
    X[::2, 2] = np.nan
    assert f"2 ({2**18} cells)." in message(X)


@pytest.mark.parametrize("X", [[["a", 1], ["b", 2]], np.array([["a", 1], ["b", 2]], dtype=object)])
def test_text_beside_numbers_names_its_own_column_only(X):
    assert "1 of the columns of X is not numeric: 0 (str)." in message(X)


@pytest.mark.parametrize(("X", "kind"), [(np.array([["a"]]), "text"), (np.array([["2020-01-01"]], "datetime64[D]"), "datetime64[D]")])
def test_arrays_of_text_and_dates_are_refused(X, kind):
    assert f"0 ({kind})." in message(X)


def test_cells_missing_from_objects_are_counted():
    X = np.array([[None, 1], [np.nan, 2], [pd.NaT, float("inf")]], dtype=object)
    text = message(X)
    assert "missing cells in 1 of its columns: 0 (3 cells)." in text
    assert "infinity in 1 of its columns: 1 (1 cell)." in text


def test_masked_cells_are_missing():
    assert "0 (1 cell)." in message(np.ma.masked_equal([[1.0, 2.0], [3.0, 4.0]], 3.0))


@pytest.mark.parametrize(
    "X",
    [
        [[1, 2], [3], [4, 5]],
        [(1, 2), (3,), (4, 5)],
        [np.zeros((2, 3)), np.zeros((1, 3)), np.ones((2, 3))],
        np.array([np.zeros(2), np.zeros(1), np.ones(2)], dtype=object),
    ],
    ids=["lists", "tuples", "series", "objects"],
)
def test_rows_of_different_lengths_are_counted(X):
    text = message(X)
    assert text.startswith("The rows of `X` have different lengths: 1 (1 row), 2 (2 rows). All must have one: cut series into windows")


@pytest.mark.parametrize("form", [scipy.sparse.csr_array, scipy.sparse.csr_matrix, scipy.sparse.csc_array, scipy.sparse.lil_matrix])
def test_sparse_tables_name_their_columns(form):
    X = np.eye(3)
    assert check_columns(form(X)).shape == (3, 3)
    X[0, 2], X[1, 0] = np.nan, np.inf
    text = message(form(X))
    assert "missing cells in 1 of its columns: 2 (1 cell)." in text
    assert "infinity in 1 of its columns: 0 (1 cell)." in text


@pytest.mark.parametrize(
    "X", [pd.Series([1, 2]), [1, 2], [np.float64(1), np.float64(2)], np.array([[{"a": 1}]], dtype=object), "text", None, 3, np.zeros(3)]
)
def test_what_else_is_wrong_is_left_to_scikit_learn(X):
    assert check_columns(X) is X
