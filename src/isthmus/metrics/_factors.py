from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC

from isthmus.errors import DataError

from ._checks import pair_of_tables

__all__ = ["Disentanglement", "disentanglement", "mutual_information_gap", "separated_attribute_predictability"]

_MOST_CLASSES = 20  # a factor of more different values counts as continuous


class Disentanglement(NamedTuple):
    """How codes and known factors belong together.

    Attributes:
        disentanglement: whether each dimension of the code speaks of one factor only, from 0 to 1.
        completeness: whether each factor is told by one dimension only, from 0 to 1.
        informativeness: how well factors are predicted from whole codes, on rows held out: accuracy, or R2 of a continuous factor.
    """

    disentanglement: float
    completeness: float
    informativeness: float


def mutual_information_gap(codes: Any, factors: Any, *, n_bins: int = 20) -> float:
    """How much more the best dimension of a code knows of a factor than the second best does, as a share of what there is to know.

    `mean over factors of (I(z_a; v) - I(z_b; v)) / H(v)`, `a` and `b` the two dimensions that know most, by histograms. From 0 to 1.

    Args:
        codes: (rows, dims), of two dimensions or more.
        factors: what generated the rows, (rows, factors). One of more than 20 values is cut into as many bins as a code.
        n_bins: of equal width, that each dimension is cut into.

    Raises:
        DataError: tables that do not fit, a single dimension, or a factor that does not vary.

    References:
        Chen, Li, Grosse & Duvenaud, Isolating Sources of Disentanglement in Variational Autoencoders, 2018, arXiv:1802.04942. They draw
        codes from the posterior; given codes are taken here as they are, as Locatello et al. do, arXiv:1811.12359.

    Example:
        >>> import numpy as np
        >>> factors = np.random.default_rng(0).integers(4, size=(1000, 2))
        >>> round(mutual_information_gap(factors, factors), 1)
        1.0
    """
    code, factor = _checked(codes, factors)
    binned = [_binned(column, n_bins) for column in code.T]
    gaps = []
    for column in factor.T:
        values = column if _is_discrete(column) else _binned(column, n_bins)
        known = [mutual_info_score(values, own) for own in binned]
        gaps.append(_gap(known) / mutual_info_score(values, values))
    return float(np.mean(gaps))


def separated_attribute_predictability(codes: Any, factors: Any, *, random_state: int = 0) -> float:
    """How much better the best single dimension predicts a factor than the second best.

    The gap of the two highest scores, mean over factors: of a discrete factor the accuracy of a linear support vector machine on rows held
    out, of a continuous one the squared correlation.

    Args:
        codes: (rows, dims), of two dimensions or more.
        factors: what generated the rows, (rows, factors); those of up to 20 values are discrete.
        random_state: decides which half of the rows is held out.

    Raises:
        DataError: tables that do not fit, a single dimension, or a factor that does not vary.

    References:
        Kumar, Sattigeri & Balakrishnan, Variational Inference of Disentangled Latent Concepts from Unlabeled Observations, 2018,
        arXiv:1711.00848.

    Example:
        >>> import numpy as np
        >>> factors = np.random.default_rng(0).normal(size=(500, 2))
        >>> separated_attribute_predictability(factors, factors) > 0.9
        True
    """
    code, factor = _checked(codes, factors)
    scores: dict[bool, Callable[[np.ndarray, np.ndarray], float]] = {
        True: lambda z, v: _accuracy(z, v, random_state),
        False: _squared_correlation,
    }
    gaps = [_gap([scores[_is_discrete(column)](own, column) for own in code.T]) for column in factor.T]
    return float(np.mean(gaps))


def disentanglement(codes: Any, factors: Any, *, random_state: int = 0) -> Disentanglement:
    """Disentanglement, completeness and informativeness, from how random forests predict each factor from all dimensions.

    With `R` the forests' importances, (dims, factors): a dimension's disentanglement is 1 minus the entropy of its row of `R`, taken to the
    base of the number of factors; the mean weighs dimensions by their importance. Completeness is the same down the columns.

    Args:
        codes: (rows, dims), of two dimensions or more.
        factors: what generated the rows, (rows, factors), two factors or more; those of up to 20 values are discrete.
        random_state: of the forests and of the quarter of rows held out.

    Raises:
        DataError: tables that do not fit, a single dimension or factor, or a factor that does not vary.

    References:
        Eastwood & Williams, A Framework for the Quantitative Evaluation of Disentangled Representations, ICLR 2018.

    Example:
        >>> import numpy as np
        >>> factors = np.random.default_rng(0).integers(3, size=(300, 2))
        >>> [round(value, 1) for value in disentanglement(factors, factors)]
        [1.0, 1.0, 1.0]
    """
    code, factor = _checked(codes, factors)
    if factor.shape[1] < 2:
        raise DataError("`factors` has one column; whether a dimension speaks of one factor only takes two. Give two or more.")
    importance, informed = np.empty((code.shape[1], factor.shape[1])), []
    for number, column in enumerate(factor.T):
        kind = RandomForestClassifier if _is_discrete(column) else RandomForestRegressor
        z, z_test, v, v_test = train_test_split(code, column, test_size=0.25, random_state=random_state)
        forest = kind(n_estimators=50, max_features=None, random_state=random_state).fit(z, v.astype(str) if _is_discrete(column) else v)
        informed.append(forest.score(z_test, v_test.astype(str) if _is_discrete(column) else v_test))
        importance[:, number] = forest.feature_importances_
    return Disentanglement(_concentration(importance), _concentration(importance.T), float(np.mean(informed)))


def _concentration(importance: np.ndarray) -> float:
    """1 minus the entropy along rows, mean over rows by their importance."""
    weight = importance.sum(axis=1)
    share = importance / np.maximum(weight, np.finfo(float).tiny)[:, None]
    entropy = -np.sum(share * np.log(np.maximum(share, np.finfo(float).tiny)), axis=1) / np.log(importance.shape[1])
    return float(np.average(1.0 - entropy, weights=weight))


def _checked(codes: Any, factors: Any) -> tuple[np.ndarray, np.ndarray]:
    code, factor = pair_of_tables(codes, np.asarray(factors).reshape(len(np.asarray(factors)), -1), ("codes", "factors"), least=8)
    if code.shape[1] < 2:
        raise DataError("`codes` has one column; a gap between dimensions takes two. Give codes of two dimensions or more.")
    constant = np.flatnonzero(np.ptp(factor, axis=0) == 0.0)
    if len(constant):
        raise DataError(f"The factors in columns {constant.tolist()} do not vary. Drop them.")
    return code, factor


def _is_discrete(column: np.ndarray) -> bool:
    return len(np.unique(column)) <= _MOST_CLASSES


def _binned(column: np.ndarray, n_bins: int) -> np.ndarray:
    return np.digitize(column, np.histogram_bin_edges(column, n_bins)[1:-1])


def _gap(values: list[float]) -> float:
    best = np.sort(values)
    return float(best[-1] - best[-2])


def _accuracy(z: np.ndarray, v: np.ndarray, random_state: int) -> float:
    z, z_test, v, v_test = train_test_split(z[:, None], v.astype(str), test_size=0.5, random_state=random_state)
    if len(np.unique(v)) < 2:
        return float(np.mean(v_test == v[0]))
    return float(LinearSVC(C=0.01, class_weight="balanced", random_state=random_state).fit(z, v).score(z_test, v_test))


def _squared_correlation(z: np.ndarray, v: np.ndarray) -> float:
    return 0.0 if np.ptp(z) == 0.0 else float(np.corrcoef(z, v)[0, 1] ** 2)
