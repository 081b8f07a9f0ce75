"""Rows in, rows out: the arguments that commands share, and the match between a file's columns and a model's."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from isthmus.errors import DataError

if TYPE_CHECKING:
    from isthmus.data import Table
    from isthmus.estimators import Autoencoder

__all__ = [
    "data_argument",
    "feature_names",
    "load_model",
    "matched",
    "model_argument",
    "output_options",
    "read_matched",
    "read_table",
    "reading_options",
    "unnamed",
    "write_table",
]

_FORMATS = "csv, tsv, parquet, npy or npz; by the suffix when not given, and csv for a dash"
_NAMED = 10


def model_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """The argument MODEL: a file that `isthmus fit` wrote."""
    return click.argument("model", type=click.Path(exists=True, dir_okay=False))(function)


def data_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """The argument DATA: a table, an array, a folder of images, or a dash for standard input."""
    return click.argument("data", type=click.Path(exists=True, allow_dash=True))(function)


def reading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """How to read the input: `format`, `key` and `header`."""
    options = (
        click.option("--format", metavar="FORMAT", help=f"Of the input: {_FORMATS}."),
        click.option("--key", metavar="NAME", help="The array of an NPZ archive."),
        click.option("--header/--no-header", default=None, help="Whether the first line of a CSV holds names; found out when not given."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def output_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where to write rows: `output` and `output_format`."""
    function = click.option("--output-format", metavar="FORMAT", help=f"Of the output: {_FORMATS}.")(function)
    path = click.Path(dir_okay=False, allow_dash=True)
    return click.option("-o", "--output", type=path, required=True, help="Where to write; a dash for standard output.")(function)


def load_model(path: str) -> "Autoencoder":
    """The estimator in the file `path`."""
    from isthmus.estimators import load

    return load(path)


def read_table(path: str, **reading: Any) -> "Table":
    """The rows of `path`, read as the options say."""
    from isthmus.data import read_rows

    return read_rows(path, **reading)


def read_matched(path: str, autoencoder: "Autoencoder", **reading: Any) -> "Table":
    """The rows of `path`, their columns in the order in which the model wants them."""
    return matched(read_table(path, **reading), feature_names(autoencoder), path)


def feature_names(autoencoder: "Autoencoder") -> tuple[str, ...] | None:
    """The names of the columns that the model was fitted on, if it knows any."""
    names = getattr(autoencoder, "feature_names_in_", None)
    return None if names is None else tuple(map(str, names))


def write_table(
    path: str, values: Any, names: Sequence[str] | None, *, row_names: Sequence[str] | None = None, output_format: str | None = None
) -> None:
    """Write rows, and say on standard error how many when they go to a file."""
    from isthmus.data import write_rows

    write_rows(path, values, names, row_names=row_names, format=output_format)
    if path != "-":
        click.echo(f"Wrote {len(values)} rows of {values[0].size} columns to {path!r}.", err=True)


def matched(table: "Table", expected: Sequence[str] | None, path: str) -> "Table":
    """The table with its columns in the order of `expected`, found by their names.

    Args:
        table: as read.
        expected: the model's names of columns, if it knows any.
        path: of the file, for an error.

    Raises:
        DataError: columns are missing, or there are others.
    """
    if expected is None or table.column_names is None:
        return table
    missing = [name for name in expected if name not in table.column_names]
    others = [name for name in table.column_names if name not in expected]
    if missing or others:
        faults = [f"lacks the columns {_listed(missing)}"] if missing else []
        faults += [f"has the unknown columns {_listed(others)}"] if others else []
        raise DataError(f"{path!r} {' and '.join(faults)}. Needed are, in any order: {_listed(expected)}. Rename, add or drop columns.")
    order = [table.column_names.index(name) for name in expected]
    return table._replace(values=table.values[:, order], column_names=tuple(expected))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(repr(str(name)) for name in names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


@contextlib.contextmanager
def unnamed() -> Iterator[None]:
    """Within it, arrays may be given to a model that knows the names of its columns: `matched` has looked at them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names", category=UserWarning)
        yield
