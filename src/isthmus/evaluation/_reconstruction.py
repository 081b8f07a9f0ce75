from typing import Any, NamedTuple

import numpy as np

from isthmus._optional import optional
from isthmus.errors import DataError, MissingExtraError

from ._sheet import Sheet
from ._subject import Rows, Subject, block_size, table

__all__ = ["Errors", "PrincipalAxes", "add_reconstruction", "principal_axes"]

# More columns than this have principal axes of a part of the rows, since a square table of all columns would be too large.
_MOST_COLUMNS = 4096
_IMAGES = 1000


class PrincipalAxes(NamedTuple):
    """The linear autoencoder of least squared error.

    Attributes:
        mean: of the columns, (columns,).
        axes: orthonormal, (width, columns).
        n_rows: that they were found from.
    """

    mean: np.ndarray
    axes: np.ndarray
    n_rows: int

    def encoded(self, x: np.ndarray) -> np.ndarray:
        """Codes (rows, width)."""
        return (x - self.mean) @ self.axes.T

    def reconstructed(self, x: np.ndarray) -> np.ndarray:
        """Rows, projected."""
        return self.encoded(x) @ self.axes + self.mean


class Errors(NamedTuple):
    """Of reconstructions.

    Attributes:
        rows: the mean squared error of each row.
        features: of each column.
        absolute: the mean absolute error.
        beside: the mean squared and mean absolute error of each baseline.
        variance: the mean variance of columns, around their own means.
        span: the largest value less the smallest.
    """

    rows: np.ndarray
    features: np.ndarray
    absolute: float
    beside: dict[str, tuple[float, float]]
    variance: float
    span: float


def principal_axes(x: Rows, width: int, *, random_state: int = 0) -> PrincipalAxes:
    """The mean and the first principal axes of rows, with no copy of them all.

    Args:
        x: (rows, ...).
        width: how many; there are no more than rows and columns.
        random_state: decides which rows are taken where columns are too many for all.
    """
    n_rows, n_columns = x.shape[0], int(np.prod(x.shape[1:]))
    if n_columns > _MOST_COLUMNS:
        part = np.sort(np.random.default_rng(random_state).permutation(n_rows)[:_MOST_COLUMNS])
        some = table(x[part]).astype(np.float64)
        mean = some.mean(axis=0)
        some -= mean
        # By way of the square table of rows, so that there is no second table as wide as the data.
        values, vectors = np.linalg.eigh(some @ some.T)
        kept = np.arange(len(part))[::-1][: min(width, int(np.count_nonzero(values > 1e-10 * values[-1])))]
        return PrincipalAxes(mean, vectors[:, kept].T @ some / np.sqrt(values[kept])[:, None], len(part))
    step = block_size(x)
    parts = [slice(start, start + step) for start in range(0, n_rows, step)]
    mean = sum(table(x[part]).sum(axis=0, dtype=np.float64) for part in parts) / n_rows
    scatter = np.zeros((n_columns, n_columns))
    for part in parts:
        deviation = table(x[part]) - mean
        scatter += deviation.T @ deviation
    _, vectors = np.linalg.eigh(scatter)
    return PrincipalAxes(np.asarray(mean), vectors[:, ::-1][:, : min(width, n_rows)].T, n_rows)


def add_reconstruction(sheet: Sheet, subject: Subject, axes: PrincipalAxes) -> Errors:
    """Errors of the model beside those of the mean and of principal axes.

    Args:
        sheet: to write into.
        subject: whose.
        axes: as wide as the model's code.
    """
    errors = _errors(subject, axes)
    pca = f"PCA, {len(axes.axes)} wide"
    source = "on the rows that they are measured on, which favors them" if subject.training is None else "on the training rows"
    if axes.n_rows < (subject.x if subject.training is None else subject.training).shape[0]:
        source += f", PCA to {axes.n_rows} of them"
    note = f"all {subject.n_rows} rows; baselines fitted {source}"
    mse = float(errors.rows.mean())
    named = {"mean": errors.beside["mean"], pca: errors.beside["pca"]}
    squares, sizes = ({name: pair[index] for name, pair in named.items()} for index in range(2))
    add = _adder(sheet, note)
    add("mean squared error", mse, "squared data units", "lower", squares)
    add("root mean squared error", mse**0.5, "data units", "lower", {name: value**0.5 for name, value in squares.items()})
    add("mean absolute error", errors.absolute, "data units", "lower", sizes)
    if errors.variance > 0.0:
        shares = {name: 1.0 - value / errors.variance for name, value in squares.items()}
        add("R2", 1.0 - mse / errors.variance, "share of variance", "higher", shares)
    else:
        sheet.omitted["R2"] = "The rows are all the same: there is no variance to explain."
    if errors.span > 0.0 and mse > 0.0:
        ratios = {name: _decibels(errors.span, value) for name, value in squares.items()}
        add("peak signal-to-noise ratio", _decibels(errors.span, mse), "dB", "higher", ratios)
    if subject.is_image:
        with sheet.attempt("structural similarity"):
            _add_images(sheet, subject, axes, errors.span, pca)
    else:
        reason = "Rows are no images. Where they are, give a model their shape, as sample_shape=(height, width, channels)."
        sheet.omitted["structural similarity, sharpness"] = reason
    with sheet.attempt("generalization gap"):
        _add_gap(sheet, subject, mse)
    return errors


def _add_gap(sheet: Sheet, subject: Subject, mse: float) -> None:
    if subject.training is None:
        raise DataError("It needs `training`, the rows that the model was fitted to.")
    if subject.is_conditional:
        raise DataError("The model is told classes, and those of training rows are not known here. Evaluate it on either set of rows.")
    part = np.sort(np.random.default_rng(subject.random_state).permutation(subject.training.shape[0])[: subject.n_rows])
    learned = _training_error(subject, part)
    note = f"error on {subject.n_rows} rows over that on {len(part)} training rows; 1 is no gap"
    sheet.add("reconstruction", "generalization gap", mse / learned if learned else float("nan"), "ratio", "lower", note=note)


def _adder(sheet: Sheet, note: str) -> Any:
    def add(name: str, value: float, unit: str, better: Any, baselines: dict[str, float]) -> None:
        sheet.add("reconstruction", name, value, unit, better, baselines=baselines, note=note)

    return add


def _errors(subject: Subject, axes: PrincipalAxes) -> Errors:
    n_rows, n_columns = subject.n_rows, len(axes.mean)
    rows, features = np.empty(n_rows), np.zeros(n_columns)
    sums = {"model": np.zeros(2), "mean": np.zeros(2), "pca": np.zeros(2)}
    first, low, high = np.zeros(n_columns), np.inf, -np.inf
    for place in subject.blocks():
        x = table(subject.x[place]).astype(np.float64)
        found = {"model": subject.reconstructed(subject.x[place], subject.labels(place)), "mean": axes.mean, "pca": axes.reconstructed(x)}
        if found["model"].shape != x.shape:
            raise DataError(f"Rows of {x.shape[1]} values come back with {found['model'].shape[1]}. Pass rows of the kind that was fitted.")
        for name, prediction in found.items():
            difference = x - prediction
            squares = np.square(difference)
            sums[name] += squares.sum(), np.abs(difference).sum()
            if name == "model":
                rows[place] = squares.mean(axis=1)
                features += squares.sum(axis=0)
        first += (x - axes.mean).sum(axis=0)
        low, high = min(low, float(x.min())), max(high, float(x.max()))
    size = n_rows * n_columns
    own_mean = first / n_rows  # of these rows, beside the baseline's
    variance = max(float(sums["mean"][0] / size - np.mean(np.square(own_mean))), 0.0)
    beside = {name: (float(sums[name][0] / size), float(sums[name][1] / size)) for name in ("mean", "pca")}
    return Errors(rows, features / n_rows, float(sums["model"][1] / size), beside, variance, high - low)


def _training_error(subject: Subject, part: np.ndarray) -> float:
    assert subject.training is not None
    total = 0.0
    size = block_size(subject.training)
    for start in range(0, len(part), size):
        x = subject.training[part[start : start + size]]
        total += float(np.sum(np.square(table(x) - subject.reconstructed(x), dtype=np.float64)))
    return total / (len(part) * int(np.prod(subject.x.shape[1:])))


def _add_images(sheet: Sheet, subject: Subject, axes: PrincipalAxes, span: float, pca: str) -> None:
    rows = subject.rows[:: max(1, len(subject.rows) // _IMAGES)][:_IMAGES]
    x = table(subject.x[rows]).astype(np.float64)
    found = {
        "model": subject.reconstructed(subject.x[rows], subject.labels(rows)),
        "mean": np.broadcast_to(axes.mean, x.shape),
        pca: axes.reconstructed(x),
    }
    shape = subject.shape if len(subject.shape) == 3 else (*subject.shape, 1)
    images = {name: np.asarray(values, np.float64).reshape(-1, *shape) for name, values in {"truth": x, **found}.items()}
    detail = {
        name: float(np.mean(np.square(np.diff(own, axis=1))) + np.mean(np.square(np.diff(own, axis=2)))) for name, own in images.items()
    }
    if detail["truth"] > 0.0:
        shares = {name: own / detail["truth"] for name, own in detail.items()}
        note = f"squared differences of neighboring pixels, over those of the originals; {len(rows)} images; below 1 is blurred"
        sheet.add(
            "reconstruction",
            "sharpness",
            shares["model"],
            "ratio",
            "neither",
            baselines={name: shares[name] for name in ("mean", pca)},
            note=note,
        )
    try:
        similarity = optional("skimage.metrics", "image").structural_similarity
    except MissingExtraError as error:
        raise DataError(str(error)) from error
    size = min(7, min(subject.shape[:2]) - 1 + min(subject.shape[:2]) % 2)

    def mean_similarity(own: np.ndarray) -> float:
        pairs = zip(images["truth"], own, strict=True)
        return float(np.mean([similarity(a, b, win_size=size, data_range=span, channel_axis=-1) for a, b in pairs]))

    note = f"scikit-image's, windows of {size} pixels; {len(rows)} images"
    scores = {name: mean_similarity(images[name]) for name in found}
    sheet.add("reconstruction", "structural similarity", scores.pop("model"), "", "higher", baselines=scores, note=note)


def _decibels(span: float, mse: float) -> float:
    return float(10.0 * np.log10(span**2 / mse)) if mse > 0.0 else float("inf")
