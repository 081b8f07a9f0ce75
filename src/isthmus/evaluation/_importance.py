import dataclasses
import html
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.feature_selection import RFE
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from isthmus.errors import DataError, PartError

from ._scores import shown
from ._subject import Subject, observed, table

__all__ = ["FeatureImportance", "eliminate_features", "feature_importance"]

_METHODS, _MEASURES = ("permutation", "ablation"), ("reconstruction", "likelihood")


@dataclasses.dataclass(frozen=True)
class FeatureImportance:
    """How much worse a model does without what each column says. Print it, or show it in a notebook: the largest stand first.

    Attributes:
        names: of the columns.
        values: how much the error (or minus the log-likelihood) of a row rises, mean over repeats, (columns,).
        spread: the standard deviation over repeats, (columns,); 0 for ablation, which has one.
        others: the part of the rise that falls on other columns, (columns,): what they owe to this one. NaN for a likelihood.
        base: the error (or minus the log-likelihood) of rows as they are.
        unit: of all of these.
        note: how they were measured.

    Example:
        >>> importance = FeatureImportance(("a", "b"), *np.array([[1.0, 2.0], [0.0, 0.0], [0.5, 0.0]]), base=3.0)
        >>> importance.ranking
        ('b', 'a')
    """

    names: tuple[str, ...]
    values: np.ndarray
    spread: np.ndarray
    others: np.ndarray
    base: float
    unit: str = "squared data units a row"
    note: str = ""

    @property
    def ranking(self) -> tuple[str, ...]:
        """Names, the most important first."""
        return tuple(self.names[index] for index in self._order())

    def __str__(self) -> str:
        width = max(len(name) for name in self.names)
        lines = [f"{'':{width}}  {'rise':>10}  {'spread':>10}  {'of others':>10}"]
        lines += [f"{name:{width}}  {rise:>10}  {spread:>10}  {others:>10}" for name, rise, spread, others in self._cells()]
        return "\n".join([*lines, f"in {self.unit}, from {shown(self.base)}; {self.note}"])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>" for cells in self._cells())
        head = "".join(f"<th>{name}</th>" for name in ("", "rise", "spread", "of others"))
        caption = html.escape(f"in {self.unit}, from {shown(self.base)}; {self.note}")
        return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def _order(self) -> np.ndarray:
        return np.argsort(-self.values, kind="stable")

    def _cells(self) -> list[tuple[str, ...]]:
        columns = (self.values, self.spread, self.others)
        return [(self.names[index], *(shown(float(column[index])) for column in columns)) for index in self._order()]


def feature_importance(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    by: str = "reconstruction",
    method: str = "permutation",
    n_repeats: int = 5,
    max_rows: int = 1000,
    random_state: int = 0,
) -> FeatureImportance:
    """How much a fitted model needs each column, without labels.

    Each column in turn is spoiled in what the model is given, and the result is measured against whole rows: the squared error of the
    reconstruction, summed over columns, or minus the log-likelihood. A column that others tell as well gets little, and so does one that
    the model ignores; `others` tells the two apart from a column that is only needed for itself.

    Args:
        model: fitted; for "likelihood" one with a density: a mixture, or a probabilistic bottleneck, of which the bound is taken.
        X: rows, best such as the model has not seen, (rows, columns) or (rows, ...).
        y: the class of each row, of a conditional model.
        by: what is measured, "reconstruction" or "likelihood".
        method: "permutation" gives a column the values of other rows, which keeps how it is distributed; "ablation" gives it its mean.
        n_repeats: permutations of each column.
        max_rows: that it is measured on.
        random_state: decides those rows, permutations and draws.

    Raises:
        DataError: rows that do not fit the model.
        PartError: the model has no likelihood.

    References:
        Breiman, Random Forests, Machine Learning 45, 2001, section 10, for permutations; there of a prediction, here of the rows
        themselves.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.decomposition import PCA
        >>> iris = load_iris(as_frame=True).data
        >>> feature_importance(PCA(1).fit(iris), iris).ranking[0]
        'petal length (cm)'
    """
    if method not in _METHODS or by not in _MEASURES:
        raise PartError(f"Unknown `method`={method!r} or `by`={by!r}. Choose a method of {_METHODS} and a measure of {_MEASURES}.")
    if n_repeats < 1:
        raise DataError(f"`n_repeats`={n_repeats} must be 1 or more. Give 5, say.")
    measure, subject = _measure(model, X, y, by, max_rows, random_state)
    x = table(subject.x[subject.rows]).astype(np.float64)
    base = measure(x)
    rng = np.random.default_rng(random_state)
    orders = [rng.permutation(len(x)) for _ in range(n_repeats)] if method == "permutation" else [None]
    rises = np.empty((len(orders), x.shape[1], 2))
    for column in range(x.shape[1]):
        for number, order in enumerate(orders):
            spoiled = x.copy()
            spoiled[:, column] = _middle(x[:, column]) if order is None else x[order, column]
            rise = measure(spoiled) - base
            rises[number, column] = rise.sum(), np.delete(rise, column).sum() if len(rise) > 1 else np.nan
    values, others = np.moveaxis(rises, -1, 0)
    how = f"{n_repeats} permutations" if method == "permutation" else "each column replaced by its mean"
    unit = "squared data units a row" if by == "reconstruction" else "nats a row"
    note = f"{len(x)} rows, {how}"
    return FeatureImportance(subject.feature_names, values.mean(0), values.std(0), others.mean(0), float(base.sum()), unit, note)


def eliminate_features(model: Any, X: Any, n_features: int, *, step: float = 1, random_state: int = 0, **options: Any) -> RFE:
    """The columns that an autoencoder needs most: it is fitted, loses the column that it needs least, and is fitted again.

    scikit-learn's recursive feature elimination, with `feature_importance` in the place of a supervised model's weights.

    Args:
        model: what to fit; it is cloned.
        X: rows, (rows, columns).
        n_features: how many columns to keep.
        step: how many to drop at a time; below 1 the share of all columns.
        random_state: of `feature_importance`.
        **options: further arguments of `feature_importance`.

    Returns:
        Scikit-learn's fitted `RFE`: `support_` says which columns are kept, `ranking_` in which order the others left, `transform`
        takes them.

    Raises:
        DataError: there are not that many columns.

    References:
        Guyon, Weston, Barnhill & Vapnik, Gene Selection for Cancer Classification using Support Vector Machines, Machine Learning 46, 2002.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.decomposition import PCA
        >>> eliminate_features(PCA(1), load_iris().data, 2).support_.tolist()
        [True, False, True, False]
    """
    x = check_array(X, dtype=[np.float64, np.float32])
    if not 1 <= n_features <= x.shape[1]:
        raise DataError(f"`n_features`={n_features} of {x.shape[1]} columns cannot be kept. Give a number from 1 to {x.shape[1]}.")
    judge = _Judged(model, {"random_state": random_state, **options})
    return RFE(judge, n_features_to_select=n_features, step=step).fit(X, x)


class _Judged(BaseEstimator):
    """A model that knows how important its columns are, as scikit-learn's selectors ask it."""

    def __init__(self, model: Any, options: Any) -> None:
        self.model = model
        self.options = options

    def fit(self, X: Any, y: Any = None) -> "_Judged":
        """Fit a clone, and judge it by its own rows."""
        fitted = clone(self.model).fit(X)
        self.feature_importances_ = feature_importance(fitted, X, **self.options).values
        return self


def _measure(model: Any, X: Any, y: Any, by: str, max_rows: int, random_state: int) -> tuple[Callable[[np.ndarray], np.ndarray], Subject]:
    """What tells how bad given rows are, by column or as one number; and the rows."""
    if by == "likelihood" and not (hasattr(model, "transform") and hasattr(model, "inverse_transform")):
        check_is_fitted(model)
        if not hasattr(model, "score_samples"):
            raise PartError(f"{type(model).__name__} has no likelihood. Pass a mixture or a model with a probabilistic bottleneck.")
        x = check_array(X)
        rows = np.sort(np.random.default_rng(random_state).permutation(len(x))[:max_rows])
        subject = Subject(model, x, None, None, rows, tuple(f"column {i}" for i in range(x.shape[1])), random_state)
        return lambda given: -np.atleast_1d(np.mean(model.score_samples(given), dtype=np.float64)), subject
    subject = observed(model, X, y, None, max_rows, random_state)
    whole, labels = table(subject.x[subject.rows]).astype(np.float64), subject.labels(subject.rows)

    def as_given(given: np.ndarray) -> np.ndarray:
        return given.reshape(-1, *subject.x.shape[1:]).astype(subject.x.dtype)

    def error(given: np.ndarray) -> np.ndarray:
        return np.mean(np.square(whole - subject.reconstructed(as_given(given), labels)), axis=0)

    def surprise(given: np.ndarray) -> np.ndarray:
        return -np.atleast_1d(subject.log_likelihood(as_given(given), labels))

    return (error if by == "reconstruction" else surprise), subject


def _middle(column: np.ndarray) -> Any:
    """The mean, or of whole numbers the whole number next to it, which losses of counts take too."""
    mean = column.mean()
    return np.round(mean) if np.all(column == np.round(column)) else mean
