import dataclasses
import functools
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus.errors import DataError
from isthmus.evaluation import shown

__all__ = ["Kind", "Subject", "read_subject"]

Kind = Literal["image", "series", "table"]
_BLOCK_VALUES = 2**21
_SERIES_ARCHITECTURES = ("Recurrent", "Convolutional1d", "Transformer")


@dataclasses.dataclass(frozen=True)
class Subject:
    """A fitted model, rows, and what the model makes of them.

    Attributes:
        model: the estimator.
        values: the rows as the model takes them: an array, or a sparse table.
        labels: one for each row, or None.
        codes: of all rows, (rows, width).
        shape: of one row.
        kind: how a row is shown.
        names: of the columns, for tables.
    """

    model: Any
    values: Any
    labels: np.ndarray | None
    codes: np.ndarray
    shape: tuple[int, ...]
    kind: Kind
    names: tuple[str, ...]

    @property
    def core(self) -> Any:
        """The autoencoder within a model of several steps; else the model itself."""
        return getattr(self.model, "autoencoder_", self.model)

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return self.values.shape[0]

    @property
    def is_conditional(self) -> bool:
        """Whether the model is told each row's class."""
        return bool(getattr(self.model, "conditional", False))

    def label_of(self, row: int) -> str:
        """The label of one row, as it is shown.

        Args:
            row: its number.
        """
        assert self.labels is not None
        label = self.labels[row]
        return shown(float(label)) if isinstance(label, float | np.floating) else str(label)

    def rows(self, index: Any) -> np.ndarray:
        """The chosen rows, dense, (n, *shape).

        Args:
            index: whole numbers, or a slice.
        """
        return _dense(self.values[index]).reshape(-1, *self.shape)

    def decode(self, codes: np.ndarray, labels: Any = None) -> np.ndarray:
        """The rows that codes stand for, (n, *shape).

        Args:
            codes: (n, width).
            labels: a class for each or one for all, of a conditional model.
        """
        extra = (labels,) if self.is_conditional else ()
        with _unnamed():
            return _dense(self.model.inverse_transform(codes.astype(np.float64), *extra)).reshape(-1, *self.shape)

    def reconstruct(self, index: Any) -> np.ndarray:
        """What the model gives back of the chosen rows, (n, *shape).

        Args:
            index: whole numbers, or a slice.
        """
        extra = (_taken(self.labels, index),) if self.is_conditional else ()
        with _unnamed():
            if hasattr(self.model, "reconstruct"):
                return _dense(self.model.reconstruct(self.values[index], *extra)).reshape(-1, *self.shape)
        return self.decode(self.codes[index], *extra)

    @functools.cached_property
    def own_row_errors(self) -> np.ndarray:
        """The mean squared error of each row, (rows,), a block of rows at a time."""
        errors = np.empty(self.n_rows)
        for block in _blocks(self.n_rows, math.prod(self.shape)):
            difference = (self.reconstruct(block) - self.rows(block)).reshape(-1, math.prod(self.shape))
            errors[block] = np.mean(np.square(difference), axis=1)
        return errors


def read_subject(model: Any, X: Any, y: Any) -> Subject:
    """Everything checked, and all rows encoded.

    Args:
        model: a fitted estimator with `transform` and `inverse_transform`.
        X: rows of the kind that was fitted.
        y: a label for each, or None.

    Raises:
        DataError: the model cannot give rows back, rows and labels do not fit together, or codes are not finite.
        sklearn.exceptions.NotFittedError: the model is not fitted.
    """
    missing = [name for name in ("transform", "inverse_transform") if not hasattr(model, name)]
    if missing:
        raise DataError(
            f"`model` is a {type(model).__name__} without {' and '.join(f'`{name}`' for name in missing)}. A report needs a model that "
            "encodes and decodes. Pass an `Autoencoder`, a `LatentMixture`, or a transformer such as PCA."
        )
    check_is_fitted(model)
    labels = _checked_labels(y, X)
    if getattr(model, "conditional", False) and labels is None:
        raise DataError("This model is conditional: it is told the class of each row. Pass `y`, a class for each row.")
    extra = (labels,) if getattr(model, "conditional", False) else ()
    codes = np.asarray(model.transform(X, *extra), dtype=np.float64)
    codes = codes.reshape(len(codes), -1)
    strange = np.flatnonzero(~np.isfinite(codes).all(axis=1))
    if len(strange):
        raise DataError(
            f"The codes of {len(strange)} of {len(codes)} rows are not finite, the first of them row {strange[0]}. Fit the model again, "
            "or drop these rows."
        )
    values = X.tocsr() if hasattr(X, "tocsr") else np.asarray(X)
    core = getattr(model, "autoencoder_", model)
    shape = tuple(getattr(core, "sample_shape_", None) or values.shape[1:])
    return Subject(model, values, labels, codes, shape, _kind(shape, core), _column_names(X, model, math.prod(shape)))


def _checked_labels(y: Any, X: Any) -> np.ndarray | None:
    if y is None:
        return None
    labels = np.asarray(y)
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(f"`y` has the shape {labels.shape}; a report shows one label for each row. Pass one column.")
    if len(labels) != n_rows:
        raise DataError(f"`y` has {len(labels)} labels, but `X` has {n_rows} rows. Give one label for each row.")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise DataError(f"`y` has {int((~np.isfinite(labels)).sum())} labels that are NaN or infinite. Drop those rows, or name the class.")
    return labels


def _kind(shape: Sequence[int], core: Any) -> Kind:
    """How rows of a shape are shown: two axes are an image unless the second is a few channels, or the network reads series."""
    if len(shape) == 3:
        return "image" if min(shape[:2]) > 1 else "series"
    architecture = getattr(getattr(getattr(core, "model_", None), "parts", None), "architecture", None)
    reads_series = type(architecture).__name__ in _SERIES_ARCHITECTURES
    if len(shape) == 2:
        return "series" if reads_series or 4 * shape[1] <= shape[0] else "image"
    return "series" if reads_series else "table"


def _column_names(X: Any, model: Any, width: int) -> tuple[str, ...]:
    for names in (getattr(X, "columns", None), getattr(model, "feature_names_in_", None)):
        if names is not None and len(names) == width:
            return tuple(map(str, names))
    return tuple(f"column {number}" for number in range(width))


def _dense(values: Any) -> np.ndarray:
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, dtype=np.float64)


def _taken(labels: np.ndarray | None, index: Any) -> Any:
    assert labels is not None
    return labels[index]


def _blocks(n_rows: int, width: int) -> Iterator[slice]:
    size = max(64, _BLOCK_VALUES // max(1, width))
    return (slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size))


def _unnamed() -> Any:
    """Within it, arrays may be given to a model that knows the names of its columns: the first `transform` has looked at them."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
