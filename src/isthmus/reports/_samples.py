"""Rows beside what comes back: some at random, the best, the worst."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from isthmus.evaluation import shown

from ._figures import polyline
from ._images import Scale, color_bar, data_uri, difference_pixels, pixels, scale_of
from ._subject import Subject

__all__ = ["Cell", "Curves", "Sample", "SampleGroup", "Samples", "samples", "typical_rows"]

_SHOWN = {"image": 8, "series": 6, "table": 3}
_COLUMNS = 12
_SIDE = 160
_TYPICAL, _TYPICAL_VALUES = 1000, 2**25


class Cell(NamedTuple):
    """A column of a row of a table."""

    name: str
    value: str
    back: str
    difference: str


class Curves(NamedTuple):
    """The points of polylines: a series, what came back, and the difference."""

    value: str
    back: str
    difference: str


class Sample(NamedTuple):
    """A row and what came back.

    Attributes:
        row: its number.
        label: what it is, if known.
        error: its mean squared error.
        images: addresses of the original, the reconstruction and the difference, of an image.
        curves: of a series.
        cells: of a table, the largest differences first.
    """

    row: int
    label: str
    error: str
    images: tuple[str, ...] = ()
    curves: Curves | None = None
    cells: tuple[Cell, ...] = ()


class SampleGroup(NamedTuple):
    """Samples that were chosen in one way."""

    name: str
    text: str
    samples: tuple[Sample, ...]


class Samples(NamedTuple):
    """All groups and how to read them.

    Attributes:
        groups: random, best, worst.
        note: how values are shown.
        bar: colors of the differences, for images.
        most: the difference with the strongest color.
        n_hidden: columns of a table that are not shown.
    """

    groups: tuple[SampleGroup, ...]
    note: str
    bar: str
    most: str
    n_hidden: int


def samples(subject: Subject, errors: np.ndarray, random_state: int) -> Samples:
    """The groups.

    Args:
        subject: the model and its rows.
        errors: of each row, (rows,).
        random_state: decides the random ones.
    """
    n = min(_SHOWN[subject.kind], subject.n_rows)
    order = np.argsort(errors, kind="stable")
    rng = np.random.default_rng(random_state)
    chosen = {
        ("At random", f"Drawn with random_state={random_state}."): np.sort(rng.choice(subject.n_rows, n, replace=False)),
        ("Best", "The smallest mean squared errors."): order[:n],
        ("Worst", "The largest mean squared errors, the worst first."): order[::-1][:n],
    }
    index = np.concatenate(list(chosen.values()))
    rows, back = subject.rows(index), subject.reconstruct(index)
    typical = typical_rows(subject, random_state)
    scale, spread = scale_of(np.concatenate([rows, typical])), typical.std(axis=0)
    # A few pixels that are far off would leave all others pale.
    most = float(np.quantile(np.abs(back - rows), 0.995)) or 1.0
    drawn = iter(_drawn(subject, index, rows, back, errors, scale, spread, most))
    groups = tuple(SampleGroup(*names, tuple(next(drawn) for _ in which)) for names, which in chosen.items())
    n_columns = rows[0].size
    return Samples(groups, _note(subject, scale), color_bar("difference"), shown(most), max(0, n_columns - _COLUMNS))


def typical_rows(subject: Subject, random_state: int) -> np.ndarray:
    """A seeded thousand of the rows, fewer where they are wide, by which scales of pictures are set."""
    rng = np.random.default_rng(random_state)
    n = min(_TYPICAL, subject.n_rows, max(_TYPICAL_VALUES // math.prod(subject.shape), 1))
    return subject.rows(np.sort(rng.choice(subject.n_rows, n, replace=False)))


def _drawn(
    subject: Subject, index: np.ndarray, rows: Any, back: Any, errors: Any, scale: Scale, spread: Any, most: float
) -> Iterator[Sample]:
    is_image = subject.kind == "image"
    images = (pixels(rows, scale), pixels(back, scale), difference_pixels(back - rows, most)) if is_image else ()
    for place, row in enumerate(index):
        label = "" if subject.labels is None else subject.label_of(int(row))
        sample = Sample(int(row), label, shown(float(errors[row])))
        if is_image:
            yield sample._replace(images=tuple(data_uri(each[place], most=_SIDE) for each in images))
        elif subject.kind == "series":
            yield sample._replace(curves=_curves(rows[place], back[place], scale))
        else:
            yield sample._replace(cells=_cells(subject, rows[place], back[place], spread))


def _curves(row: np.ndarray, back: np.ndarray, scale: Scale) -> Curves:
    first, again = row.reshape(len(row), -1)[:, 0], back.reshape(len(back), -1)[:, 0]
    half = 0.5 * (scale.high - scale.low)
    return Curves(polyline(first, *scale), polyline(again, *scale), polyline(again - first, -half, half, height=20.0))


def _cells(subject: Subject, row: np.ndarray, back: np.ndarray, spread: np.ndarray) -> tuple[Cell, ...]:
    row, back = row.ravel(), back.ravel()
    # In the unit of each column's spread, so that a column of large numbers does not always come first.
    off = np.abs(back - row) / np.where(spread.ravel() > 0.0, spread.ravel(), 1.0)
    order = np.argsort(-off, kind="stable")[:_COLUMNS]
    return tuple(
        Cell(subject.names[column], *(shown(float(value)) for value in (row[column], back[column], back[column] - row[column])))
        for column in order
    )


def _note(subject: Subject, scale: Scale) -> str:
    span = f"{shown(scale.low)} to {shown(scale.high)}"
    if subject.kind == "image":
        return f"Originals and reconstructions share one scale: black is {shown(scale.low)}, white is {shown(scale.high)}."
    if subject.kind == "series":
        channels = " Of several channels the first is drawn." if len(subject.shape) > 1 and subject.shape[-1] > 1 else ""
        return f"All curves share one scale, {span}; differences have the same unit.{channels}"
    return "Columns are ordered by the size of the difference in units of the column's standard deviation, the largest first."
