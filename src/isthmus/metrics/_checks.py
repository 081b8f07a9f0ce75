from typing import Any

import numpy as np

from isthmus.errors import DataError

__all__ = ["pair_of_tables", "table_of"]


def table_of(values: Any, name: str, *, least: int = 2) -> np.ndarray:
    """The values as a finite float64 table (rows, columns).

    Args:
        values: what was given.
        name: of the argument, for messages.
        least: how many rows it must have.
    """
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or len(table) < least or not table.shape[1]:
        raise DataError(
            f"`{name}` must be a table of {least} rows or more and a column or more; got the shape {table.shape}. Give such a table."
        )
    if not np.isfinite(table).all():
        raise DataError(f"`{name}` has values that are missing or infinite. Drop those rows first.")
    return table


def pair_of_tables(first: Any, second: Any, names: tuple[str, str], *, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Two tables of as many rows.

    Args:
        first: what was given.
        second: likewise.
        names: of the arguments, for messages.
        least: how many rows they must have.
    """
    pair = table_of(first, names[0], least=least), table_of(second, names[1], least=least)
    if len(pair[0]) != len(pair[1]):
        raise DataError(f"`{names[0]}` has {len(pair[0])} rows, `{names[1]}` has {len(pair[1])}. Give the same rows in both.")
    return pair
