import datetime as dt
import decimal
import math
import numbers
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from isthmus.errors import DataError

from ._places import listed, place

_BLOCK_VALUES = 2**20
_ALLOWED_TYPES = (
    "Every column must hold real numbers or booleans. Encode the others first (categories for instance with "
    "sklearn.preprocessing.OneHotEncoder, dates as numbers of days), or drop them."
)
_ALLOWED_CELLS = (
    "Every cell must be a finite number. Fill such cells first (for instance with sklearn.impute.SimpleImputer), or drop their rows."
)
# Of other objects in an array of objects scikit-learn's own check says what it wants to say, as a TypeError.
_REFUSED_CELLS = (str, bytes, dt.date, dt.time, dt.timedelta, np.datetime64, np.timedelta64, complex, np.complexfloating)


def check_columns(X: Any, name: str = "X") -> Any:
    """The table `X`, if every column is numeric and every cell is there; else an error that names the columns.

    It is to be called before scikit-learn's validation, which knows neither columns' names nor their types. Tables of pandas, polars and
    pyarrow, arrays, SciPy sparse tables and nested lists are looked at; whatever else is wrong with them (the number of
    dimensions, say) is left to scikit-learn, and so is anything of another kind.

    Args:
        X: what the user gave.
        name: what the user calls it.

    Returns:
        `X` itself; or, for a table with columns of decimals, the same with those as float64, because NumPy would make objects of them.

    Raises:
        DataError: columns of text, categories, dates or complex numbers; cells that are missing or infinite; two columns of one name;
            rows, or series, of different lengths.

    Example:
        >>> import numpy as np
        >>> check_columns(np.array([[1.0, 2.0]]))
        array([[1., 2.]])
        >>> check_columns([["red", 2.0]])
        Traceback (most recent call last):
            ...
        isthmus.errors.DataError: 1 of the columns of X is not numeric: 0 (str). ...
    """
    if not isinstance(X, np.ndarray):
        table = _as_table(X, name)
        if isinstance(table, nw.LazyFrame):
            raise DataError(f"`{name}` is a lazy table, {type(X)!r}, without rows yet. Pass a table that has them; try `{name}.collect()`.")
        if isinstance(table, nw.DataFrame):
            return _checked_table(X, table, name)
    if hasattr(X, "tocsr"):
        _check_sparse(X, name)
        return X
    _check_lengths(X, name)
    try:
        values = np.asarray(X)
        if values.dtype.kind in "SU" and not isinstance(X, np.ndarray):
            # NumPy has made text of every number beside a text; the cells themselves tell which column it was.
            values = np.asarray(X, dtype=object)
    except (TypeError, ValueError):
        return X
    if values.ndim > 1:
        _check_array(values, name)
        masked = np.ma.getmaskarray(X).sum(axis=0) if np.ma.is_masked(X) else np.zeros(0)
        refuse_columns(name, missing=_by_place(masked))
    return X


def refuse_columns(
    name: str,
    *,
    types: Mapping[Hashable, str] | None = None,
    missing: Mapping[Hashable, int] | None = None,
    infinite: Mapping[Hashable, int] | None = None,
) -> None:
    """Raise one error for all that is wrong with the columns of `name`; do nothing when nothing is.

    Args:
        name: what the user calls the table.
        types: the type of each column that is not numeric.
        missing: the number of missing cells of each column; zeros are passed over.
        infinite: the number of infinite cells of each column; zeros are passed over.
    """
    # "Complex data not supported" and "Input X contains NaN" are scikit-learn's own words, which its users and its checks look for.
    sentences = []
    if types:
        opening = "Complex data not supported. " if any("complex" in kind for kind in types.values()) else ""
        labels = listed(f"{column!r} ({kind})" for column, kind in types.items())
        verb = "is" if len(types) == 1 else "are"
        sentences += [f"{opening}{len(types)} of the columns of {name} {verb} not numeric: {labels}.", _ALLOWED_TYPES]
    n_sentences = len(sentences)
    for what, all_counts in (("NaN or missing cells", missing), ("infinity", infinite)):
        counts = {column: count for column, count in (all_counts or {}).items() if count}
        if counts:
            labels = listed(f"{column!r} ({count} cell{'s' if count > 1 else ''})" for column, count in counts.items())
            sentences += [f"Input {name} contains {what} in {len(counts)} of its columns: {labels}."]
    if len(sentences) > n_sentences:
        sentences += [_ALLOWED_CELLS]
    if sentences:
        raise DataError(" ".join(sentences))


def _checked_table(X: Any, table: nw.DataFrame, name: str) -> Any:
    types, missing, infinite, decimals = {}, {}, {}, []
    for series in table.iter_columns():
        column, dtype = series.name, series.dtype
        if dtype == nw.Object:
            kind, missing[column], infinite[column] = _examined(series.to_list(), refused=(object,))
            types |= {column: kind} if kind else {}
        elif dtype.is_numeric() or dtype == nw.Boolean or _numpy_kind(series) in "biuf":
            missing[column] = int(series.null_count())
            if dtype.is_float():
                values = series.drop_nulls().to_numpy()
                missing[column] += int(np.isnan(values).sum())
                infinite[column] = int(np.isinf(values).sum())
            decimals += [column] if dtype.is_decimal() else []
        elif dtype == nw.Unknown and _numpy_kind(series) != "c" and series.null_count() == len(series):
            missing[column] = len(series)
        else:
            types[column] = str(series.to_native().dtype) if dtype == nw.Unknown else type(dtype).__name__
    refuse_columns(name, types=types, missing=missing, infinite=infinite)
    return table.with_columns(nw.col(*decimals).cast(nw.Float64)).to_native() if decimals else X


def _as_table(X: Any, name: str) -> Any:
    """`X` as a narwhals table if it is one of the kinds that narwhals knows; else `X` itself."""
    try:
        return nw.from_native(X, pass_through=True)
    except nw.exceptions.DuplicateError:
        twice = [repr(column) for column, count in Counter(getattr(X, "column_names", X.columns)).items() if count > 1]
        raise DataError(
            f"{name} has several columns of one name: {listed(twice)}. Every column needs a name of its own; rename or drop them."
        ) from None


def _numpy_kind(series: Any) -> str:
    """The kind of a NumPy-backed column that narwhals has no name for (complex, or pandas' sparse columns), or "O"."""
    return getattr(getattr(series.to_native(), "dtype", None), "kind", "O") if series.dtype == nw.Unknown else "O"


def _check_sparse(X: Any, name: str) -> None:
    if X.dtype.kind == "c":
        refuse_columns(name, types={column: str(X.dtype) for column in range(X.shape[-1])})
    if X.dtype.kind == "f":
        cells = X.tocoo(copy=False)
        columns, missing, infinite = cells.coords[-1], np.isnan(cells.data), np.isinf(cells.data)
        counts = np.zeros((2, X.shape[-1]), int)
        np.add.at(counts[0], columns[missing], 1)
        np.add.at(counts[1], columns[infinite], 1)
        refuse_columns(name, missing=_by_place(counts[0]), infinite=_by_place(counts[1]))


def _check_lengths(X: Any, name: str) -> None:
    """Refuse rows, or series, of different lengths, of which NumPy makes no table."""
    nested = isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1)
    if not nested or not all(isinstance(row, list | tuple | np.ndarray) for row in X):
        return
    lengths = Counter(len(row) for row in X if getattr(row, "ndim", 1))
    if len(lengths) > 1:
        counts = [f"{length} ({count} row{'s' if count > 1 else ''})" for length, count in sorted(lengths.items())]
        raise DataError(
            f"The rows of `{name}` have different lengths: {listed(counts)}. All must have one: cut series into windows of equal length, "
            "resample them, or continue the shorter ones (a network sees what they are continued by)."
        )


def _check_array(values: np.ndarray, name: str) -> None:
    kind = values.dtype.kind
    if kind == "O":
        types, missing, infinite = {}, {}, {}
        for index in np.ndindex(values.shape[1:]):
            cells = values[(slice(None), *index)]
            odd, missing[place(index)], infinite[place(index)] = _examined(cells, refused=_REFUSED_CELLS)
            types |= {place(index): odd} if odd else {}
        refuse_columns(name, types=types, missing=missing, infinite=infinite)
    elif kind == "f":
        if not np.isfinite(_total(values)):
            missing, infinite = np.zeros((2, *values.shape[1:]), int)
            rows = max(1, _BLOCK_VALUES // max(1, missing.size))
            for start in range(0, len(values), rows):
                block = values[start : start + rows]
                missing += np.isnan(block).sum(axis=0)
                infinite += np.isinf(block).sum(axis=0)
            refuse_columns(name, missing=_by_place(missing), infinite=_by_place(infinite))
    elif kind not in "biu":
        label = "text" if kind in "SU" else str(values.dtype)
        refuse_columns(name, types={place(index): label for index in np.ndindex(values.shape[1:])})


def _total(values: np.ndarray) -> Any:
    """The sum, which is finite only if every value is: no memory is needed to see that all is well."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sum(values)


def _examined(cells: Iterable[Any], refused: tuple[type, ...]) -> tuple[str | None, int, int]:
    """The type of the first cell that is of a `refused` type and no number; how many cells are missing; how many are infinite."""
    odd, missing, infinite = None, 0, 0
    for cell in cells:
        # pandas' own missing values compare as neither equal nor unequal to themselves.
        if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
            missing += 1
        elif isinstance(cell, numbers.Integral | np.bool_):
            continue
        elif isinstance(cell, numbers.Real | decimal.Decimal):
            missing += math.isnan(cell)
            infinite += math.isinf(cell)
        elif isinstance(cell, refused):
            odd = odd or type(cell).__name__
    return odd, missing, infinite


def _by_place(counts: np.ndarray) -> dict[Hashable, int]:
    return {place(index): int(counts[tuple(index)]) for index in np.argwhere(counts)}
