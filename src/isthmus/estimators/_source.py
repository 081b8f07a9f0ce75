"""What users pass as X, made into rows of one shape."""

import math
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d, validate_data

from isthmus._types import Shape
from isthmus.data import check_columns
from isthmus.errors import DataError, PartError

__all__ = ["Source", "labels_of", "read_source"]


class Source(NamedTuple):
    """Rows as they came: an array of any real type, or a SciPy sparse table in CSR form.

    Attributes:
        values: of shape (n_rows, n_features).
        shape: of one row, as the network sees it.
        labels: the class of each row, (n_rows,), as its number among the sorted classes; None for a model that is not told.
    """

    values: Any
    shape: Shape
    labels: np.ndarray | None = None

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return self.values.shape[0]

    @property
    def dtype(self) -> np.dtype:
        """What numbers computed from these rows are given back as."""
        return np.dtype(np.float32) if self.values.dtype in (np.float32, np.float16) else np.dtype(np.float64)


def read_source(estimator: Any, X: Any, *, reset: bool, name: str = "X") -> Source:
    """The rows of `X`, after every check that scikit-learn makes and ours of the columns.

    Args:
        estimator: whose `n_features_in_` and feature names are set or compared.
        X: a table, an array of two or more dimensions, or a sparse table.
        reset: whether this is the first time that the estimator sees data.
        name: what the user calls it.
    """
    X = check_columns(X, name)
    shape: Shape | None = estimator.sample_shape if reset else estimator.sample_shape_
    if shape is not None:
        shape = _checked_shape(shape)
    if getattr(X, "ndim", 0) > 2:
        X = np.asarray(X)  # JAX and PyTorch have arrays of several axes too
        shape = _agreed_shape(shape, X.shape[1:], name)
        X = X.reshape(len(X), math.prod(X.shape[1:]))
    options = {"accept_sparse": "csr", "ensure_all_finite": False}
    values = validate_data(estimator, X, reset=reset, **options) if name == "X" else check_array(X, input_name=name, **options)
    if name != "X" and values.shape[1] != estimator.n_features_in_:
        raise DataError(f"`{name}` has {values.shape[1]} features, but `X` has {estimator.n_features_in_}. Pass rows of one kind in both.")
    if shape is None:
        shape = (values.shape[1],)
    if math.prod(shape) != values.shape[1]:
        raise DataError(f"`{name}` has {values.shape[1]} values a row, which do not fill `sample_shape`={tuple(shape)}. Let them agree.")
    return Source(values, tuple(shape))


def labels_of(y: Any, classes: np.ndarray | None, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The class of each row as its number, and the sorted classes.

    Args:
        y: a class for each row, or one for all.
        classes: those that are known; None for those that are found.
        n_rows: how many rows there are.
    """
    if y is None:
        raise DataError("This model is conditional: it is told the class of each row. Pass `y`, a class for each row.")
    y = np.asarray(y)
    y = np.broadcast_to(y, n_rows) if y.ndim == 0 else column_or_1d(y)
    if len(y) != n_rows:
        raise DataError(f"`y` has {len(y)} classes for {n_rows} rows. Give one for each row.")
    if classes is None:
        check_classification_targets(y)
        classes = np.unique(y)
    unknown = sorted(set(np.unique(y).tolist()) - set(classes.tolist()))
    if unknown:
        raise DataError(f"`y` has classes that were not fitted: {unknown}. Give some of {classes.tolist()}, or fit again with all of them.")
    return np.searchsorted(classes, y), classes


def _checked_shape(shape: Any) -> Shape:
    if not isinstance(shape, list | tuple) or not all(isinstance(size, int | np.integer) and size > 0 for size in shape) or not shape:
        raise PartError(f"`sample_shape` must be a tuple of positive integers, such as (28, 28, 1); got {shape!r}.")
    return tuple(int(size) for size in shape)


def _agreed_shape(asked: Shape | None, found: Shape, name: str) -> Shape:
    if asked is not None and tuple(asked) != tuple(found) and len(asked) > 1:
        raise DataError(f"`{name}` has rows of shape {tuple(found)}; {tuple(asked)} is wanted. Reshape the data, or change `sample_shape`.")
    return tuple(found if asked is None else asked)
