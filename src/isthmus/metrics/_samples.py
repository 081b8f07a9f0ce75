from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from isthmus.errors import DataError

from ._checks import table_of

__all__ = ["PrecisionRecall", "frechet_distance", "precision_recall"]


class PrecisionRecall(NamedTuple):
    """How drawn rows cover real ones.

    Attributes:
        precision: the share of drawn rows that lie where real ones do.
        recall: the share of real rows that lie where drawn ones do.
    """

    precision: float
    recall: float


def frechet_distance(real: Any, drawn: Any) -> float:
    """The squared Fréchet distance between normal distributions of the same means and covariances as two sets of features.

    `|m - m'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2)`. With features of the Inception network it is what is known as FID; with any
    others it compares only with itself. It falls with the number of rows: compare at equal numbers.

    Args:
        real: features of real rows, (rows, features).
        drawn: features of drawn rows, likewise; the numbers of rows may differ.

    Raises:
        DataError: no finite tables of as many columns.

    References:
        Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, 2017, arXiv:1706.08500.

    Example:
        >>> frechet_distance([[-1.0], [1.0]], [[2.0], [4.0]])
        9.0
    """
    first, second = _same_columns(real, drawn)
    gap = np.sum(np.square(first.mean(axis=0) - second.mean(axis=0)))
    one, other = (np.atleast_2d(np.cov(table.T)) for table in (first, second))
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    common = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other @ root), 0.0)).sum()
    return max(float(gap + np.trace(one) + np.trace(other) - 2.0 * common), 0.0)


def precision_recall(real: Any, drawn: Any, *, n_neighbors: int = 3) -> PrecisionRecall:
    """Whether drawn rows are where real ones are, and the other way round.

    A row lies where a set does if it is no farther from some member than that member's `n_neighbors`-th nearest among its own kind.
    Precision falls for drawn rows that look like nothing real, recall for kinds of real rows that are never drawn. Distances are
    computed in blocks.

    Args:
        real: features of real rows, (rows, features).
        drawn: features of drawn rows, likewise.
        n_neighbors: the higher, the more generous.

    Raises:
        DataError: no finite tables of as many columns, or no more rows than neighbors.

    References:
        Kynkäänniemi, Karras, Laine, Lehtinen & Aila, Improved Precision and Recall Metric for Assessing Generative Models, 2019,
        arXiv:1904.06991.

    Example:
        >>> precision_recall([[0.0], [1.0], [10.0], [11.0]], [[0.4], [0.6]], n_neighbors=1)
        PrecisionRecall(precision=1.0, recall=0.0)
    """
    first, second = _same_columns(real, drawn)
    fewest = min(len(first), len(second))
    if not 1 <= n_neighbors < fewest:
        raise DataError(f"`n_neighbors`={n_neighbors} must be from 1 to {fewest - 1}, one less than the rows of either. Give more rows.")
    return PrecisionRecall(_covered(first, second, n_neighbors), _covered(second, first, n_neighbors))


def _covered(members: np.ndarray, others: np.ndarray, n_neighbors: int) -> float:
    """The share of the others within the radius of some member."""
    distance, _ = NearestNeighbors(n_neighbors=n_neighbors).fit(members).kneighbors()
    radius = distance[:, -1]
    return float(np.mean(np.concatenate([np.any(block <= radius, axis=1) for block in pairwise_distances_chunked(others, members)])))


def _same_columns(real: Any, drawn: Any) -> tuple[np.ndarray, np.ndarray]:
    first, second = table_of(real, "real"), table_of(drawn, "drawn")
    if first.shape[1] != second.shape[1]:
        raise DataError(f"`real` has {first.shape[1]} columns, `drawn` has {second.shape[1]}. Give the same features of both.")
    return first, second
