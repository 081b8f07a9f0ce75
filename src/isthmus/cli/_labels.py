from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from isthmus.errors import DataError

from ._tables import matched, read_table

__all__ = ["labeled", "labels_option", "training_option", "unlabeled"]


def labels_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --labels."""
    text = "A label for each row: a column of DATA, or a file with one label a line (or an NPY)."
    return click.option("--labels", metavar="COLUMN|FILE", help=text)(function)


def training_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --training."""
    text = "The rows that MODEL was fitted on, if DATA are others."
    return click.option("--training", metavar="DATA2", type=click.Path(exists=True), help=text)(function)


def labeled(path: str, labels: str | None, expected: Any, reading: dict[str, Any]) -> tuple[Any, Any]:
    """Rows, their columns in the model's order, and their labels.

    Args:
        path: of the rows.
        labels: the name of a column there, or the path of a file; None for none.
        expected: names of the model's columns, if it knows them.
        reading: how files are read.
    """
    table = read_table(path, **reading)
    if labels is None:
        return matched(table, expected, path).values, None
    if Path(labels).is_file():
        return matched(table, expected, path).values, _labels_in(labels, len(table.values))
    names = table.column_names or ()
    if labels not in names:
        known = ", ".join(map(repr, names[:10])) or "none, for its columns have no names"
        raise DataError(f"There is no file {labels!r}, and {path!r} has no column of that name. Give a file, or one of: {known}.")
    return _without(table, labels, expected, path), table.values[:, names.index(labels)]


def unlabeled(path: str, labels: str | None, expected: Any, reading: dict[str, Any]) -> Any:
    """Rows as `labeled` gives them, of a file that may lack the labels.

    Args:
        path: of the rows.
        labels: the name of a column that is no part of them.
        expected: names of the model's columns, if it knows them.
        reading: how files are read.
    """
    return _without(read_table(path, **reading), labels, expected, path)


def _without(table: Any, column: str | None, expected: Any, path: str) -> Any:
    """The values without a column, unless the model was fitted on it."""
    names = table.column_names or ()
    if column in names and column not in (expected or ()):
        kept = [place for place, name in enumerate(names) if name != column]
        table = table._replace(values=table.values[:, kept], column_names=tuple(names[place] for place in kept))
    return matched(table, expected, path).values


def _labels_in(path: str, n_rows: int) -> Any:
    """One label a line, numbers where all are; a line too many is a heading."""
    import numpy as np

    if Path(path).suffix == ".npy":
        return np.load(path, allow_pickle=False)
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    found = lines[1:] if len(lines) == n_rows + 1 else lines
    try:
        return np.array([float(line) for line in found])
    except ValueError:
        return np.array(found)
