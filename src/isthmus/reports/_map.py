"""The codes as points in a plane: what the page's program draws, packed into few bytes."""

import base64
import warnings
from typing import Any, NamedTuple

import numpy as np

from isthmus._optional import optional
from isthmus.errors import DataError
from isthmus.evaluation import shown

from ._images import pixels, scale_of, sprite
from ._samples import typical_rows
from ._subject import Subject

__all__ = ["PROJECTIONS", "CodeMap", "code_map"]

PROJECTIONS = ("pca", "umap")
_MOST_POINTS = 50_000
_MOST_SAMPLES = 2000
_SAMPLE_VALUES = 1_600_000  # of all thumbnails together: a page of a few megabytes
_DENSE_VALUES = 2**25  # of the rows behind them
_THUMBNAIL = 40
_SERIES_POINTS = 64
_COLUMNS = 10
_MOST_CATEGORIES = 20
_CLUSTERS = 8
_STEPS = 65_535


class CodeMap(NamedTuple):
    """The map and what is said about it.

    Attributes:
        data: what the page's program reads.
        notes: sentences on what is shown.
    """

    data: dict[str, Any]
    notes: tuple[str, ...]


class _Plane(NamedTuple):
    points: np.ndarray  # (n, 2)
    x_name: str
    y_name: str
    note: str
    is_isometric: bool = True


def code_map(subject: Subject, errors: np.ndarray, *, projection: str, max_rows: int, random_state: int) -> CodeMap:
    """The points, their colors, and the samples that are shown when a point is pointed at.

    Args:
        subject: the model and its rows.
        errors: of each row, (rows,).
        projection: "pca" or "umap", for codes of three and more dimensions.
        max_rows: on how many rows costly steps are done.
        random_state: decides which rows are shown, and starts.
    """
    rng = np.random.default_rng(random_state)
    width = subject.codes.shape[1]
    most = min(_MOST_POINTS, max_rows if projection == "umap" and width > 2 else _MOST_POINTS)
    # In random order, so that no group of rows lies on top of the others.
    rows = rng.permutation(subject.n_rows)[:most]
    plane = _plane(subject.codes[rows], projection, random_state, rng)
    if len(rows) == max_rows < min(subject.n_rows, _MOST_POINTS):
        plane = plane._replace(note=f"{plane.note} It takes long, and was done for max_rows={max_rows} of the rows.")
    pictured, samples = _samples(subject, rows, random_state)
    low = plane.points.min(axis=0)
    span = np.ptp(plane.points, axis=0)
    span = np.full(2, span.max()) if plane.is_isometric else span
    span = np.where(span > 0.0, span, 1.0)
    steps = np.round((plane.points - low) / span * _STEPS).astype("<u2")
    colors = _colors(subject, rows, errors, max_rows, random_state)
    data = {
        "n": len(rows),
        "rows": _packed(rows, "<u4"),
        "x": _packed(steps[:, 0], "<u2"),
        "y": _packed(steps[:, 1], "<u2"),
        "axes": [
            {"name": name, "low": float(low[axis]), "high": float(low[axis] + span[axis])}
            for axis, name in enumerate((plane.x_name, plane.y_name))
        ],
        "colors": [{key: value for key, value in color.items() if key != "note"} for color in colors],
        "pictured": pictured,
        "samples": samples,
    }
    shown_rows = "All rows are" if len(rows) == subject.n_rows else f"{len(rows):,} of {subject.n_rows:,} rows, drawn at random, are"
    which = "each of them" if pictured == len(rows) else f"{pictured:,} of the points"
    notes = (f"{shown_rows} shown.", plane.note, f"Pointing shows the row itself for {which}.")
    return CodeMap(data, (*notes, *(color["note"] for color in colors if color["note"])))


def _plane(codes: np.ndarray, projection: str, random_state: int, rng: np.random.Generator) -> _Plane:
    if projection not in PROJECTIONS:
        raise DataError(f"Unknown `projection`: {projection!r}. Choose one of: {', '.join(PROJECTIONS)}.")
    width = codes.shape[1]
    if width == 1:
        heights = _histogram_heights(codes[:, 0]) * rng.random(len(codes))
        note = "The code has one dimension. The upright axis is the histogram: within it points are spread at random."
        return _Plane(np.column_stack([codes[:, 0], heights]), "code", "share of the fullest bin", note, is_isometric=False)
    if width == 2:
        return _Plane(codes, "code 0", "code 1", "The code has two dimensions, shown as they are.")
    if projection == "umap" and len(codes) > 15:
        places = _neighbor_places(codes, random_state)
        note = f"UMAP puts the {width} dimensions of the code into a plane: neighbors stay neighbors, distances mean little."
        return _Plane(places, "UMAP 1", "UMAP 2", note)
    centered = codes - codes.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centered, full_matrices=False)
    total = float(np.sum(sizes**2)) or 1.0
    # The sign of an axis is free; the largest weight is made positive, so that a page comes out the same everywhere.
    axes = axes[:2] * np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    shares = sizes[:2] ** 2 / total
    names = [f"component {number} ({share:.0%} of the variance)" for number, share in enumerate(shares, 1)]
    note = f"The {width} dimensions of the code by their first two principal components, which hold {shares.sum():.0%} of the variance."
    return _Plane(centered @ axes.T, names[0], names[1], note)


def _neighbor_places(codes: np.ndarray, random_state: int) -> np.ndarray:
    with warnings.catch_warnings(action="ignore"):  # of packages that UMAP itself can do without, and of its threads
        return np.asarray(optional("umap", "manifold").UMAP(random_state=random_state, n_jobs=1).fit_transform(codes), float)


def _histogram_heights(values: np.ndarray) -> np.ndarray:
    counts, edges = np.histogram(values, bins=min(100, max(1, len(values) // 4)))
    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(counts) - 1)
    return counts[bins] / counts.max()


def _colors(subject: Subject, rows: np.ndarray, errors: np.ndarray, max_rows: int, random_state: int) -> list[dict[str, Any]]:
    colors = []
    if subject.labels is not None:
        colors.append(_by_label(subject.labels[rows]))
    cluster = _by_cluster(subject, rows, len(colors[0].get("names", ())) if colors else 0, max_rows, random_state)
    error = _by_value("error", errors[rows], "mean squared error, in the data's unit squared")
    # The mixture's own clusters are part of the model, and come before errors; those of k-means are only a guess.
    colors += [cluster, error] if hasattr(subject.model, "mixture_") else [error, cluster]
    return colors


def _by_label(labels: np.ndarray) -> dict[str, Any]:
    values, numbers, counts = np.unique(labels.astype(str) if labels.dtype == object else labels, return_inverse=True, return_counts=True)
    is_number = values.dtype.kind in "iuf"
    if len(values) > _MOST_CATEGORIES and is_number:
        return _by_value("label", labels.astype(float), "label")
    note = ""
    if len(values) > _MOST_CATEGORIES:
        kept = np.sort(np.argsort(-counts, kind="stable")[: _MOST_CATEGORIES - 1])
        place = np.full(len(values), len(kept))
        place[kept] = np.arange(len(kept))
        note = f"Of {len(values)} labels the {len(kept)} most frequent have a color of their own."
        values, numbers = np.append(values[kept].astype(str), "other"), place[numbers]
    return _categories("label", [_plain(value) for value in values], numbers, note)


def _by_cluster(subject: Subject, rows: np.ndarray, n_labels: int, max_rows: int, random_state: int) -> dict[str, Any]:
    if hasattr(subject.model, "mixture_"):
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            numbers = np.asarray(subject.model.predict(subject.values[rows]))
        note = "Clusters are the components of the model's mixture."
    else:
        from sklearn.cluster import KMeans

        codes = subject.codes[rows]
        n_clusters = min(n_labels if n_labels > 1 else _CLUSTERS, len(np.unique(codes[:max_rows], axis=0)))
        found = KMeans(n_clusters, n_init=3, random_state=random_state).fit(codes[:max_rows])
        numbers = found.predict(codes)
        why = "as many as labels" if n_clusters == n_labels else "a number chosen without looking"
        note = f"Clusters are those of k-means on the codes, {n_clusters} of them, {why}."
    found_numbers, places = np.unique(numbers, return_inverse=True)
    if len(found_numbers) > _MOST_CATEGORIES:
        return {**_by_value("cluster", numbers.astype(float), "cluster"), "note": note}
    return _categories("cluster", [str(number) for number in found_numbers], places, note)


def _categories(name: str, names: list[str], numbers: np.ndarray, note: str) -> dict[str, Any]:
    counts = np.bincount(numbers, minlength=len(names))
    values = _packed(numbers, "u1")
    return {"name": name, "kind": "categories", "names": names, "counts": counts.tolist(), "values": values, "note": note}


def _by_value(name: str, values: np.ndarray, text: str) -> dict[str, Any]:
    low, high = float(values.min()), float(np.quantile(values, 0.99))
    high = high if high > low else low + 1.0
    steps = np.round(255.0 * np.clip((values - low) / (high - low), 0.0, 1.0))
    beyond = " and more" if values.max() > high else ""
    ends = {"low": shown(low), "high": shown(high) + beyond}
    exact = _packed(values, "<f4")
    return {"name": name, "kind": "scale", "text": text, **ends, "values": _packed(steps, "u1"), "exact": exact, "note": ""}


def _samples(subject: Subject, rows: np.ndarray, random_state: int) -> tuple[int, dict[str, Any]]:
    """How many points, the first ones, show their sample; and the samples, with what the model gives back of them."""
    size = int(np.prod(subject.shape))
    if subject.kind == "image":
        sides, channels = subject.shape[:2], 3 if subject.shape[-1] == 3 and len(subject.shape) == 3 else 1
        shrink = min(1.0, _THUMBNAIL / max(sides))
        size = max(1, int(sides[0] * shrink * sides[1] * shrink)) * channels
    elif subject.kind == "series":
        size = 2 * min(_SERIES_POINTS, subject.shape[0])
    else:
        size = 2 * min(_COLUMNS, size)
    n = max(1, min(_MOST_SAMPLES, _SAMPLE_VALUES // size, _DENSE_VALUES // int(np.prod(subject.shape)), len(rows)))
    index = rows[:n]
    originals, back = subject.rows(index), subject.reconstruct(index)
    if subject.kind == "image":
        scale = scale_of(typical_rows(subject, random_state))
        both = (sprite(pixels(images, scale), most=_THUMBNAIL) for images in (originals, back))
        first, second = both
        return n, {"kind": "image", **first, "back": second["uri"]}
    if subject.kind == "series":
        return n, _series(originals, back)
    return n, _columns(subject, originals, back)


def _series(originals: np.ndarray, back: np.ndarray) -> dict[str, Any]:
    place = np.round(np.linspace(0, originals.shape[1] - 1, min(_SERIES_POINTS, originals.shape[1]))).astype(int)
    scale = scale_of(originals)
    curves = [rows.reshape(*rows.shape[:2], -1)[:, place, 0] for rows in (originals, back)]
    steps = [np.round(255.0 * np.clip((curve - scale.low) / (scale.high - scale.low), 0.0, 1.0)) for curve in curves]
    return {"kind": "series", "length": len(place), "values": _packed(steps[0], "u1"), "back": _packed(steps[1], "u1")}


def _columns(subject: Subject, originals: np.ndarray, back: np.ndarray) -> dict[str, Any]:
    originals, back = originals.reshape(len(originals), -1), back.reshape(len(back), -1)
    spread = originals.std(axis=0)
    off = np.mean(np.abs(back - originals), axis=0) / np.where(spread > 0.0, spread, 1.0)
    chosen = np.sort(np.argsort(-off, kind="stable")[:_COLUMNS])
    return {
        "kind": "table",
        "names": [subject.names[column] for column in chosen],
        "n_columns": originals.shape[1],
        "values": _packed(originals[:, chosen], "<f4"),
        "back": _packed(back[:, chosen], "<f4"),
    }


def _packed(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values).astype(kind).tobytes()).decode("ascii")


def _plain(value: Any) -> str:
    number = value.item() if hasattr(value, "item") else value
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)
