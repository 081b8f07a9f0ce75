from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from isthmus._optional import optional
from isthmus.errors import DataError

from ._columns import check_columns
from ._table import Table

_ROW_NAME = "row_name"


def read_parquet(file: BinaryIO, label: str) -> Table:
    """The columns of a Parquet file; see `read_rows`."""
    parquet, pyarrow = optional("pyarrow.parquet", "data"), optional("pyarrow", "data")
    try:
        table = parquet.read_table(file if file.seekable() else pyarrow.BufferReader(file.read()))
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"{label} is no readable Parquet file: {error}. It must be a whole one; check what wrote it, or write it anew."
        ) from error
    table, row_names = _without_index(table)
    if not table.num_rows or not table.num_columns:
        raise DataError(
            f"{label} has {table.num_rows} rows and {table.num_columns} columns. It must have some of both; check what wrote it."
        )
    table = check_columns(table, label)
    columns = [column.to_numpy() for column in table.itercolumns()]
    values = np.empty((table.num_rows, table.num_columns), np.result_type(*columns))
    for index, column in enumerate(columns):
        values[:, index] = column
    return Table(values, tuple(table.column_names), row_names)


def write_parquet(file: BinaryIO, values: np.ndarray, names: Sequence[str], row_names: Sequence[str] | None) -> None:
    """Columns of the array's own type, after a column `row_name` with the names of rows if there are any."""
    parquet, pyarrow = optional("pyarrow.parquet", "data"), optional("pyarrow", "data")
    if row_names is not None:
        if _ROW_NAME in names:
            raise DataError(
                f"A column has the name {_ROW_NAME!r}, which Parquet files keep for `row_names`. Pass other `names`, or no row names."
            )
        names = [_ROW_NAME, *names]
    columns = [*([] if row_names is None else [list(row_names)]), *values.T]
    table = pyarrow.table(columns, names=list(names))
    parquet.write_table(table, file)


def _without_index(table: Any) -> tuple[Any, tuple[str, ...] | None]:
    """The table without names of rows (ours, or those in which pandas keeps its index), and the names if they are one column."""
    kept = (table.schema.pandas_metadata or {}).get("index_columns", [])
    index = [name for name in table.column_names if name == _ROW_NAME or name in kept]
    row_names = tuple(map(str, table.column(index[0]).to_pylist())) if len(index) == 1 else None
    return table.drop_columns(index), row_names
