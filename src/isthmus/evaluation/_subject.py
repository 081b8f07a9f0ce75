import contextlib
import dataclasses
import warnings
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse
from sklearn.utils.validation import check_is_fitted

from isthmus.errors import DataError, PartError

__all__ = ["Rows", "Subject", "as_rows", "block_size", "observed", "table", "unnamed"]

Rows: TypeAlias = Any  # an array (rows, ...), or a SciPy sparse table in CSR form

_LEAST_BLOCK, _MOST_BLOCK, _BLOCKS, _MOST_VALUES = 256, 4096, 16, 2**24
_SERIES = ("Recurrent", "Convolutional1d", "Transformer")
_MOST_DENSE = 2**30  # bytes of the rows of costly scores, of a sparse table, as float64


@dataclasses.dataclass(frozen=True)
class Subject:
    """A fitted model and the rows that it is judged by.

    Attributes:
        model: with `transform` and `reconstruct` or `inverse_transform`.
        x: the rows as they came, (rows, ...); a sparse table stays sparse.
        y: what is known of each row, (rows,), or None.
        training: the rows that the model was fitted to, where they are others, (rows, ...).
        rows: numbers of the rows that costly scores are computed on, sorted.
        feature_names: of the columns of a flat table.
        random_state: decides all draws.
    """

    model: Any
    x: Rows
    y: np.ndarray | None
    training: Rows | None
    rows: np.ndarray
    feature_names: tuple[str, ...]
    random_state: int

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return self.x.shape[0]

    @property
    def core(self) -> Any:
        """The autoencoder within; None for a transformer of another kind."""
        found = getattr(self.model, "autoencoder_", self.model)
        return found if hasattr(found, "model_") else None

    @property
    def is_conditional(self) -> bool:
        """Whether the model is told each row's class."""
        return bool(getattr(self.core, "conditional", False))

    @property
    def is_image(self) -> bool:
        """Whether rows are images, (height, width) or (height, width, channels): no series, nor what a network for series reads."""
        shape = self.shape
        if len(shape) == 2:
            architecture = None if self.core is None else type(self.core.model_.parts.architecture).__name__
            return min(shape) > 2 and 4 * shape[1] > shape[0] and architecture not in _SERIES
        return len(shape) == 3 and shape[-1] in (1, 3, 4) and min(shape[:2]) > 2

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row, as the model sees it."""
        return tuple(getattr(self.core, "sample_shape_", self.x.shape[1:]))

    @property
    def some(self) -> np.ndarray:
        """The rows of costly scores, as a float table (rows, columns)."""
        return table(self.x[self.rows])

    @property
    def own_y(self) -> np.ndarray | None:
        """Their y."""
        return None if self.y is None else self.y[self.rows]

    def blocks(self) -> Iterator[slice]:
        """Places of some rows each, which together are all: what is computed of one takes a fraction of the memory of all."""
        size = block_size(self.x)
        yield from (slice(start, start + size) for start in range(0, self.n_rows, size))

    def encoded(self, x: Any, y: Any = None) -> np.ndarray:
        """Codes as a float table (rows, dims).

        Raises:
            DataError: codes that are not finite.
        """
        with unnamed():
            found = table(self.model.transform(x, y) if self.is_conditional else self.model.transform(x))
        bad = np.count_nonzero(~np.isfinite(found).all(axis=1))
        if bad:
            raise DataError(f"The codes of {bad} of {len(found)} rows are not finite. Fit the model again, with a smaller `learning_rate`.")
        return found

    def reconstructed(self, x: Any, y: Any = None) -> np.ndarray:
        """Rows as the model gives them back, as a float table (rows, columns)."""
        with unnamed():
            if self.is_conditional:
                return table(self.core.reconstruct(x, y))
            if hasattr(self.model, "reconstruct"):
                return table(self.model.reconstruct(x))
            return table(self.model.inverse_transform(self.model.transform(x)))

    def drawn(self, n: int) -> np.ndarray:
        """Rows drawn from the model, as a float table (rows, columns); of a conditional one of the classes that `y` begins with."""
        with unnamed():
            if self.core is self.model:
                return table(self.model.sample(n, self.labels(self.rows[:n]), random_state=self.random_state))
            found = self.model.sample(n)
        return table(found[0] if isinstance(found, tuple) else found)

    def log_likelihood(self, x: Any, y: Any = None) -> float:
        """The mean over rows, in nats: of the bound, or of the density of codes.

        Raises:
            PartError: the model has none.
        """
        with unnamed():
            if self.core is self.model and self.core.model_.parts.bottleneck.is_probabilistic:
                return float(np.mean(self.core.elbo(x, y=y, random_state=self.random_state)["elbo"], dtype=np.float64))
            if self.core is not self.model and hasattr(self.model, "score_samples"):
                return float(np.mean(self.model.score_samples(x), dtype=np.float64))
        raise PartError("The model has no likelihood. Use by='reconstruction', or a model with a probabilistic bottleneck.")

    def labels(self, place: Any) -> np.ndarray | None:
        """What a conditional model is to be told of these rows."""
        return self.y[place] if self.is_conditional and self.y is not None else None


def observed(model: Any, X: Any, y: Any, training: Any, max_rows: int, random_state: int) -> Subject:
    """What was given, checked.

    Args:
        model: a fitted model.
        X: rows to judge by.
        y: of each of them, or None.
        training: the rows that the model was fitted to, or None.
        max_rows: that costly scores are computed on.
        random_state: decides which.

    Raises:
        DataError: rows that cannot be used.
        PartError: the model cannot be used.
    """
    if not hasattr(model, "transform") or not (hasattr(model, "reconstruct") or hasattr(model, "inverse_transform")):
        raise PartError(
            f"{type(model).__name__} cannot encode and decode. Pass a model with `transform` and `inverse_transform`: an `Autoencoder`, a "
            "`LatentMixture`, or one such as scikit-learn's PCA. A mixture alone is judged by its `score` and `bic`."
        )
    check_is_fitted(model)
    known = getattr(model, "feature_names_in_", None)
    names = _column_names(X)
    if known is not None and names is not None and list(known) != list(names):
        raise DataError(
            f"`X` has columns {list(names)[:6]}, the model was fitted to {list(known)[:6]}. Pass the same columns in the same order."
        )
    x = _rows(X, "X")
    others = None if training is None else _rows(training, "training")
    if others is not None and others.shape[1:] != x.shape[1:]:
        raise DataError(f"Rows of `training` have the shape {others.shape[1:]}, those of `X` {x.shape[1:]}. Pass rows of one kind.")
    own = getattr(model, "autoencoder_", model)
    expected = tuple(getattr(own, "sample_shape_", (getattr(own, "n_features_in_", int(np.prod(x.shape[1:]))),)))
    if np.prod(expected) != np.prod(x.shape[1:]):
        raise DataError(f"Rows of `X` have the shape {x.shape[1:]}; the model takes {expected}. Pass rows of the kind that was fitted.")
    if max_rows < 10:
        raise DataError(f"`max_rows`={max_rows} leaves too few rows to judge by. Give 10 or more.")
    labels = None if y is None else _labels(y, x.shape[0])
    if labels is None and getattr(getattr(model, "autoencoder_", model), "conditional", False):
        raise DataError("A conditional model is told the class of each row. Pass `y`.")
    rows = np.sort(np.random.default_rng(random_state).permutation(x.shape[0])[:max_rows])
    _check_width(x, len(rows))
    given = names if names is not None else known
    columns = [f"column {number}" for number in range(int(np.prod(x.shape[1:])))] if given is None else [str(name) for name in given]
    return Subject(model, x, labels, others, rows, tuple(columns), random_state)


def block_size(x: Rows) -> int:
    """How many rows are looked at together."""
    n_rows = min(max(x.shape[0] // _BLOCKS, _LEAST_BLOCK), _MOST_BLOCK)
    return max(min(n_rows, _MOST_VALUES // int(np.prod(x.shape[1:]))), 1)


def as_rows(values: Any) -> Rows:
    """Values as an array, or as a sparse table whose rows can be chosen."""
    return values.tocsr() if scipy.sparse.issparse(values) else np.asarray(values)


def table(values: Any) -> np.ndarray:
    """Values as a dense table of floats (rows, columns); float32 stays so."""
    array = values.toarray() if scipy.sparse.issparse(values) else np.asarray(values)
    if array.dtype != np.float32:
        array = array.astype(np.float64, copy=False)
    return array.reshape(len(array), -1)


def _rows(values: Any, name: str) -> Rows:
    array = as_rows(values)
    if array.ndim < 2 or array.shape[0] < 2 or not np.prod(array.shape[1:]) or array.dtype.kind not in "biuf":
        raise DataError(f"`{name}` must be two or more rows of numbers; got {array.dtype} of shape {array.shape}. Pass such a table.")
    # The least value is NaN where any is.
    stored = array.data if scipy.sparse.issparse(array) else array
    if stored.size and stored.dtype.kind == "f" and not (np.isfinite(stored.min()) and np.isfinite(stored.max())):
        raise DataError(f"`{name}` has values that are missing or infinite. Drop those rows, or fill them in first.")
    return array


def _check_width(x: Rows, n_rows: int) -> None:
    n_bytes = 8 * n_rows * x.shape[1]
    if scipy.sparse.issparse(x) and n_bytes > _MOST_DENSE:
        raise DataError(
            f"`X` is sparse; the {n_rows} rows of costly scores, made dense, would take {n_bytes / 2**30:.1f} GiB, and 1 is allowed. Give "
            f"`max_rows={max(_MOST_DENSE // (8 * x.shape[1]), 10)}`, or fewer columns."
        )


def _labels(y: Any, n_rows: int) -> np.ndarray:
    labels = np.asarray(y)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.shape != (n_rows,):
        raise DataError(f"`y` has the shape {labels.shape}; it must hold one value for each of the {n_rows} rows. Pass ({n_rows},).")
    is_missing = labels.dtype.kind == "f" and not np.isfinite(labels).all()
    if is_missing or (labels.dtype.kind == "O" and any(value is None for value in labels)):
        raise DataError("`y` has values that are missing. Drop those rows, or pass y=None.")
    return labels


def _column_names(values: Any) -> list[str] | None:
    columns = getattr(values, "columns", None)
    return None if columns is None else [str(name) for name in columns]


@contextlib.contextmanager
def unnamed() -> Iterator[None]:
    """Within it, arrays may be given to a model that knows the names of its columns: they were compared at the door."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names", category=UserWarning)
        yield
