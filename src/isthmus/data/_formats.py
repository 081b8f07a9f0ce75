import contextlib
import functools
import io
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from isthmus._files import atomic_write
from isthmus.errors import DataError

from ._csv import read_csv, write_csv
from ._images import read_images
from ._numpy_files import read_npy, read_npz, write_npy, write_npz
from ._parquet import read_parquet, write_parquet
from ._places import listed
from ._table import Table, column_names


class _Format(NamedTuple):
    suffixes: tuple[str, ...]
    read: Callable[..., Table]
    write: Callable[..., None]


_FORMATS = {
    "csv": _Format((".csv", ".txt"), read_csv, write_csv),
    "tsv": _Format((".tsv", ".tab"), read_csv, functools.partial(write_csv, delimiter="\t")),
    "parquet": _Format((".parquet", ".pq"), read_parquet, write_parquet),
    "npy": _Format((".npy",), read_npy, write_npy),
    "npz": _Format((".npz",), read_npz, write_npz),
}


def read_rows(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002  # the word that pandas and pyarrow use too
    key: str | None = None,
    header: bool | None = None,
    stdin: BinaryIO | None = None,
) -> Table:
    r"""The rows of a file, of a folder of images or of standard input, as numbers.

    * CSV (`.csv`, `.txt`, `.tsv`, `.tab`): UTF-8, delimited by comma, semicolon, tab or bar, whichever makes regular columns. A first row
      that holds a text is the names of the columns, and a first column without a name is the names of the rows.
    * Parquet (`.parquet`, `.pq`; extra `data`): columns of numbers or booleans; an index of pandas is the names of the rows.
    * NPY and NPZ: arrays of two or more axes; nothing pickled is ever read.
    * A folder (extra `image`): its images, sorted by name, all of one size, as bytes of shape (n, height, width), or
      (n, height, width, 3) in color.

    Args:
        path: the file or folder; `-` is standard input.
        format: csv, tsv, parquet, npy or npz; by the suffix when None, and csv for standard input.
        key: the array of an NPZ archive; when None `X`, or the only one with two or more axes.
        header: whether the first row of a CSV holds names; found out when None.
        stdin: the binary stream to read for `-`; the process's own when None.

    Raises:
        DataError: the format is unknown, the file cannot be read, or cells are missing or not numeric; the columns are named.
        FileNotFoundError: there is nothing at `path`.
        MissingExtraError: the format needs an optional package.

    Example:
        >>> import io
        >>> table = read_rows("-", stdin=io.BytesIO(b"width,height\n1,2\n3,4\n"))
        >>> table.column_names, table.values.tolist()
        (('width', 'height'), [[1.0, 2.0], [3.0, 4.0]])
    """
    label = "Standard input" if os.fspath(path) == "-" else repr(os.fspath(path))
    if label != "Standard input" and Path(path).is_dir():
        return read_images(Path(path), label)
    if label != "Standard input" and not Path(path).exists():
        raise FileNotFoundError(f"There is no file or folder {label}. Give the path of one that is there, or '-' for standard input.")
    name = _format_name(path, format)
    options: dict[str, Any] = {"key": key} if name == "npz" else {"header": header} if name in ("csv", "tsv") else {}
    with _opened(path, stdin) as file:
        return _FORMATS[name].read(file, label, **options)


def write_rows(
    path: str | os.PathLike[str],
    values: np.ndarray,
    names: Sequence[str] | None = None,
    *,
    row_names: Sequence[str] | None = None,
    format: str | None = None,  # noqa: A002  # as in `read_rows`
    stdout: BinaryIO | None = None,
) -> None:
    r"""Write rows of numbers to a file that appears whole or not at all, or to standard output.

    `read_rows` gives back the same numbers (CSV as float64). Arrays of more than two axes stay so in NPY and NPZ; elsewhere each row is
    flattened.

    Args:
        path: the file; `-` is standard output.
        values: numbers, of shape (rows, *shape).
        names: a name for each column (of the flattened rows); `x0`, `x1`, ... when None.
        row_names: a name for each row, where the format has room for them.
        format: csv, tsv, parquet, npy or npz; by the suffix when None, and csv for standard output.
        stdout: the binary stream to write for `-`; the process's own when None.

    Raises:
        DataError: the format is unknown, `values` are not numbers in rows, or the names are not one each.
        MissingExtraError: the format needs an optional package.

    Example:
        >>> import io
        >>> import numpy as np
        >>> stream = io.BytesIO()
        >>> write_rows("-", np.array([[0.5, 2.0]]), ["a", "b"], stdout=stream)
        >>> stream.getvalue()
        b'a,b\n0.5,2.0\n'
    """
    name = _format_name(path, format)
    values = np.asarray(values)
    if values.ndim < 2 or values.dtype.kind not in "biuf":
        raise DataError(
            f"Cannot write an array of shape {values.shape} and dtype {values.dtype}. It must be rows of numbers; make it two-dimensional."
        )
    flat = values.reshape(len(values), -1)
    names = column_names(flat.shape[1]) if names is None else names
    for what, given, wanted in (("names", names, flat.shape[1]), ("row_names", row_names, len(flat))):
        if given is not None and len(given) != wanted:
            raise DataError(f"`{what}` has {len(given)} entries. It must have {wanted}, one each; pass None for none of your own.")
    twice = [repr(name) for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"`names` has {listed(twice)} more than once. Every column needs a name of its own; rename some.")
    content = values if name in ("npy", "npz") else flat
    if os.fspath(path) != "-":
        with atomic_write(path) as file:
            _FORMATS[name].write(file, content, names, row_names)
        return
    # NumPy and pyarrow ask a file for its position, which a pipe does not know.
    buffer = io.BytesIO()
    _FORMATS[name].write(buffer, content, names, row_names)
    stream = sys.stdout.buffer if stdout is None else stdout
    stream.write(buffer.getbuffer())
    stream.flush()


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str], stdin: BinaryIO | None) -> Iterator[BinaryIO]:
    if os.fspath(path) == "-":
        yield sys.stdin.buffer if stdin is None else stdin
    else:
        with Path(path).open("rb") as file:
            yield file


def _format_name(path: str | os.PathLike[str], name: str | None) -> str:
    by_suffix = {suffix: name for name, known in _FORMATS.items() for suffix in known.suffixes}
    if name is None and os.fspath(path) == "-":
        return "csv"
    if name is None:
        suffix = Path(path).suffix.lower()
        if suffix in by_suffix:
            return by_suffix[suffix]
        raise DataError(
            f"Unknown kind of file {os.fspath(path)!r}. Known are {', '.join(sorted(by_suffix))}, a folder of images for reading, and "
            f"'-' for standard input and output. Convert the file, or name its `format`: {', '.join(sorted(_FORMATS))}."
        )
    if name not in _FORMATS:
        raise DataError(
            f"Unknown `format` {name!r}. Choose one of: {', '.join(sorted(_FORMATS))}; or leave it out and let the suffix tell."
        )
    return name
