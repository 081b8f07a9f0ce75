from typing import NamedTuple

import numpy as np


class Table(NamedTuple):
    """Rows read from a file.

    Attributes:
        values: the numbers, of shape (rows, *shape).
        column_names: the names of the columns, if the file has them.
        row_names: the names of the rows (of image files, say), if there are any.
    """

    values: np.ndarray
    column_names: tuple[str, ...] | None = None
    row_names: tuple[str, ...] | None = None


def column_names(width: int) -> tuple[str, ...]:
    """Names for columns that have none."""
    return tuple(f"x{index}" for index in range(width))
