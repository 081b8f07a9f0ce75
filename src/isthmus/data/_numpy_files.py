import io
import zipfile
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from isthmus._types import Shape
from isthmus.errors import DataError

from ._columns import check_columns
from ._places import listed
from ._table import Table

_DEFAULT_KEY = "X"
_NAMES = ("column_names", "row_names")
_UNREADABLE = (ValueError, EOFError, OSError, zipfile.BadZipFile)


def read_npy(file: BinaryIO, label: str) -> Table:
    """The one array of an NPY file; see `read_rows`."""
    try:
        values = np.load(_seekable(file), allow_pickle=False)
    except _UNREADABLE as error:
        raise _unreadable(label, "NPY", error) from error
    if not isinstance(values, np.ndarray):
        values.close()
        raise DataError(f"{label} is an NPZ archive, not an NPY file. Name it with the suffix .npz, or give its format as 'npz'.")
    return _checked(values, label)


def read_npz(file: BinaryIO, label: str, *, key: str | None = None) -> Table:
    """One array of an NPZ archive; see `read_rows`."""
    file = _seekable(file)
    try:
        shapes = _shapes(file)
        key = _only_key(shapes, label) if key is None else key
        if key not in shapes:
            raise DataError(f"{label} has no array {key!r}. It has: {', '.join(sorted(shapes))}. Name one of them as `key`.")
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            values = archive[key]
            columns, rows = (tuple(archive[name].tolist()) if name in shapes else None for name in _NAMES)
    except _UNREADABLE as error:
        if isinstance(error, DataError):
            raise
        raise _unreadable(label, "NPZ", error) from error
    table = _checked(values, f"{label} ({key})")
    fits = columns is not None and values.ndim == 2 and len(columns) == values.shape[1]
    return table._replace(column_names=columns if fits else None, row_names=rows if rows is not None and len(rows) == len(values) else None)


def write_npy(file: BinaryIO, values: np.ndarray, names: Sequence[str], row_names: Sequence[str] | None) -> None:
    """The array alone: an NPY file has no room for names."""
    np.save(file, values, allow_pickle=False)


def write_npz(file: BinaryIO, values: np.ndarray, names: Sequence[str], row_names: Sequence[str] | None) -> None:
    """The array as `X`, with the names of its columns, and of its rows if there are any."""
    arrays: dict[str, Any] = {_DEFAULT_KEY: values, _NAMES[0]: np.array(names, dtype=str)}
    if row_names is not None:
        arrays[_NAMES[1]] = np.array(row_names, dtype=str)
    np.savez(file, **arrays)


def _seekable(file: BinaryIO) -> BinaryIO:
    """`file`, or its bytes in memory when it is a pipe: both formats are read by jumping."""
    return file if file.seekable() else io.BytesIO(file.read())


def _shapes(file: BinaryIO) -> dict[str, Shape]:
    """The shapes of the arrays in an archive, from their headers alone."""
    shapes = {}
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                read_header = npy.read_array_header_1_0 if npy.read_magic(member) == (1, 0) else npy.read_array_header_2_0
                shapes[name.removesuffix(".npy")] = read_header(member)[0]
    return shapes


def _only_key(shapes: dict[str, Shape], label: str) -> str:
    tables = [key for key, shape in shapes.items() if len(shape) > 1]
    if _DEFAULT_KEY in shapes:
        return _DEFAULT_KEY
    if len(tables) == 1:
        return tables[0]
    found = listed(f"{key!r} {shape}" for key, shape in shapes.items())
    raise DataError(
        f"{label} has {len(tables)} arrays with two or more axes and none is {_DEFAULT_KEY!r}; it holds: {found}. Name one as `key`."
    )


def _checked(values: np.ndarray, label: str) -> Table:
    if values.ndim < 2 or not len(values):
        raise DataError(
            f"{label} has the shape {values.shape}. It must have rows and at least one axis of features. Save an array of two or more axes."
        )
    check_columns(values, label)
    return Table(values)


def _unreadable(label: str, kind: str, error: Exception) -> DataError:
    return DataError(
        f"{label} is no readable {kind} file of numbers: {error}. It must hold plain numbers, nothing pickled. Save it anew with NumPy."
    )
