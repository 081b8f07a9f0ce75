"""What the decoder makes of codes that no row has: along each dimension, and drawn at random."""

import warnings
from typing import Any, NamedTuple

import numpy as np

from isthmus.errors import DataError, PartError
from isthmus.evaluation import shown

from ._figures import polyline
from ._images import Scale, data_uri, pixels, scale_of, strip
from ._samples import typical_rows
from ._subject import Subject

__all__ = ["Draws", "Traversal", "Traversals", "draws", "traversals"]

_MOST_DIMS = 8
_STEPS = 9
_ENDS = (0.02, 0.98)
_CURVES = 5
_COLUMNS = 5
_SIDE = 96
_DRAWN = {"image": 16, "series": 8, "table": 5}
_TABLE_COLUMNS = 8


class Traversal(NamedTuple):
    """Rows along one dimension of the code.

    Attributes:
        dim: which, counted from 0.
        low: the code at the beginning.
        high: at the end.
        image: the address of a strip of images.
        curves: points of polylines, from low to high.
        cells: names of columns, each with the values at low, middle and high.
        text: what changes, in words.
    """

    dim: int
    low: str
    high: str
    image: str = ""
    curves: tuple[str, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()
    text: str = ""


class Traversals(NamedTuple):
    """All of them, and what is held still."""

    dims: tuple[Traversal, ...]
    note: str


class Draws(NamedTuple):
    """Rows drawn from the model, or why there are none.

    Attributes:
        reason: why there are none.
        images: addresses.
        curves: points of polylines.
        names: of the columns of a table.
        rows: its cells.
        note: where codes came from.
    """

    reason: str = ""
    images: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""


def traversals(subject: Subject, random_state: int) -> Traversals:
    """Each of the first dimensions from its 2nd to its 98th percentile, the others as the median row has them.

    Args:
        subject: the model and its rows.
        random_state: decides by which rows scales are set.
    """
    codes = subject.codes
    median = int(np.argmin(np.sum(np.square(codes - np.median(codes, axis=0)), axis=1)))
    # Those that vary most; a dimension that stands still has nothing to show.
    dims = np.sort(np.argsort(-codes.std(axis=0), kind="stable")[:_MOST_DIMS])
    low, high = np.quantile(codes, _ENDS, axis=0)
    typical = typical_rows(subject, random_state)
    scale, spread = scale_of(typical), typical.std(axis=0)
    label = subject.labels[median] if subject.is_conditional and subject.labels is not None else None
    found = []
    for dim in dims:
        path = np.repeat(codes[median : median + 1], _STEPS, axis=0)
        path[:, dim] = np.linspace(low[dim], high[dim], _STEPS)
        found.append(_traversal(subject, int(dim), path, subject.decode(path, label), (scale, spread)))
    left_out = f" Of {codes.shape[1]} dimensions the {len(dims)} that vary most are shown." if len(dims) < codes.shape[1] else ""
    told = f" All are told the class {label!s}." if label is not None else ""
    return Traversals(
        tuple(found),
        f"One dimension of the code goes from its 2nd to its 98th percentile in {_STEPS} steps; the others stay as in row {median}, whose "
        f"code is nearest to the median.{left_out}{told}",
    )


def _traversal(subject: Subject, dim: int, path: np.ndarray, rows: np.ndarray, scales: tuple[Scale, np.ndarray]) -> Traversal:
    scale, spread = scales
    change = np.abs(rows[-1] - rows[0])
    ends = shown(float(path[0, dim])), shown(float(path[-1, dim]))
    text = f"Dimension {dim} from {ends[0]} to {ends[1]}: values change by {shown(float(change.mean()))} in the mean."
    traversal = Traversal(dim, *ends, text=text)
    if subject.kind == "image":
        return traversal._replace(image=strip(pixels(rows, scale), most=_SIDE))
    if subject.kind == "series":
        kept = rows[np.round(np.linspace(0, _STEPS - 1, _CURVES)).astype(int)].reshape(_CURVES, rows.shape[1], -1)
        return traversal._replace(curves=tuple(polyline(curve[:, 0], *scale) for curve in kept))
    off = (change / np.where(spread > 0.0, spread, 1.0)).ravel()
    order = np.argsort(-off, kind="stable")[:_COLUMNS]
    flat = rows.reshape(_STEPS, -1)
    cells = tuple((subject.names[column], *(shown(float(flat[step, column])) for step in (0, _STEPS // 2, -1))) for column in order)
    return traversal._replace(cells=cells)


def draws(subject: Subject, random_state: int) -> Draws:
    """Rows that the model draws, where it can.

    Args:
        subject: the model and its rows.
        random_state: decides the draws.
    """
    n = _DRAWN[subject.kind]
    try:
        rows, note = _drawn(subject, n, random_state)
    except (AttributeError, PartError, DataError) as error:
        return Draws(reason=f"This model draws no rows. {error}")
    rows = np.asarray(rows, float).reshape(n, *subject.shape)
    scale = scale_of(typical_rows(subject, random_state))
    if subject.kind == "image":
        return Draws(images=tuple(data_uri(image, most=_SIDE) for image in pixels(rows, scale)), note=note)
    if subject.kind == "series":
        curves = rows.reshape(n, rows.shape[1], -1)[:, :, 0]
        return Draws(curves=tuple(polyline(curve, *scale) for curve in curves), note=note)
    flat = rows.reshape(n, -1)[:, :_TABLE_COLUMNS]
    cells = tuple(tuple(shown(float(value)) for value in row) for row in flat)
    hidden = (
        "" if subject.codes.shape[1] == 0 or len(subject.names) <= _TABLE_COLUMNS else f" The first {_TABLE_COLUMNS} columns are shown."
    )
    return Draws(names=subject.names[:_TABLE_COLUMNS], rows=cells, note=note + hidden)


def _drawn(subject: Subject, n: int, random_state: int) -> tuple[Any, str]:
    model = subject.model
    if not hasattr(model, "sample"):
        raise AttributeError(f"A {type(model).__name__} has no `sample`. Fit an `Autoencoder` and call `fit_density(X)`.")
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        if hasattr(model, "mixture_"):
            return model.sample(n)[0], "Codes were drawn from the model's mixture."
        labels = subject.labels if subject.is_conditional else None
        classes = None if labels is None else np.resize(np.unique(labels), n)
        rows = model.sample(n, classes, random_state=random_state)
    source = "from what `fit_density` found" if hasattr(model, "density_") else "from the prior"
    told = " Classes take turns." if classes is not None else ""
    return rows, f"Codes were drawn {source}, with random_state={random_state}; each row is the mean that the decoder gives.{told}"
