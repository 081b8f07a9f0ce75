from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from isthmus.errors import DataError

from ._checks import table_of

__all__ = ["active_dimensions", "effective_rank", "intrinsic_dimension", "mean_absolute_correlation"]


def active_dimensions(codes: Any, *, threshold: float = 0.01) -> int:
    """How many dimensions of a code vary by more than a share of what the most varied one does.

    Args:
        codes: (rows, dims).
        threshold: the share of the largest variance.

    Raises:
        DataError: the codes are no finite table.

    Example:
        >>> import numpy as np
        >>> active_dimensions(np.random.default_rng(0).normal(size=(100, 3)) * [1.0, 0.5, 0.001])
        2
    """
    variance = np.var(table_of(codes, "codes"), axis=0)
    return int(np.count_nonzero(variance > threshold * variance.max()))


def mean_absolute_correlation(codes: Any) -> float:
    """The mean size of the correlations between two different dimensions; 0 where fewer than two vary.

    Args:
        codes: (rows, dims). Dimensions that do not vary are left out.

    Raises:
        DataError: the codes are no finite table.

    Example:
        >>> round(mean_absolute_correlation([[0.0, 0.0], [1.0, -2.0], [2.0, -4.0]]), 6)
        1.0
    """
    table = table_of(codes, "codes")
    varied = table[:, np.ptp(table, axis=0) > 0.0]
    n_dims = varied.shape[1]
    if n_dims < 2:
        return 0.0
    return float(np.mean(np.abs(np.corrcoef(varied.T)[np.triu_indices(n_dims, 1)])))


def effective_rank(codes: Any) -> float:
    """How many directions a code spreads over: `exp(H(p))`, `p_i = s_i / sum s`, `s` the singular values of the centered codes.

    Between 1, all on one line, and the number of dimensions, as much in every direction; 0 for codes that are all the same.

    Args:
        codes: (rows, dims).

    Raises:
        DataError: the codes are no finite table.

    References:
        Roy & Vetterli, The effective rank: a measure of effective dimensionality, EUSIPCO 2007. They do not center.

    Example:
        >>> round(effective_rank([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), 6)
        2.0
    """
    table = table_of(codes, "codes")
    values = np.linalg.svd(table - table.mean(axis=0), compute_uv=False)
    if not values.any():
        return 0.0
    share = values[values > 0.0] / values.sum()
    return float(np.exp(-np.sum(share * np.log(share))))


def intrinsic_dimension(rows: Any) -> float:
    """An estimate of how many numbers it takes to say where a row lies, from the distances to its two nearest neighbors.

    `(n - 1) / sum_i log(r2_i / r1_i)`: where density is about constant among neighbors the ratio of the second distance to the first
    follows a Pareto law whose exponent is the dimension. Rows that are there twice count once.

    Args:
        rows: (rows, columns), of data or of codes.

    Raises:
        DataError: no finite table, or fewer than three different rows.

    References:
        Facco, d'Errico, Rodriguez & Laio, Estimating the intrinsic dimension of datasets by a minimal neighborhood information, 2017,
        arXiv:1803.06992. They fit a line through the law's logarithm without its last tenth; this is the unbiased estimate by maximum
        likelihood of Denti, Doimo, Laio & Mira, 2021, arXiv:2104.13832, equation 6.

    Example:
        >>> import numpy as np
        >>> plane = np.random.default_rng(0).uniform(size=(2000, 2)) @ [[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]]
        >>> round(intrinsic_dimension(plane), 1)
        2.0
    """
    table = np.unique(table_of(rows, "rows"), axis=0)
    if len(table) < 3:
        raise DataError(f"`rows` has {len(table)} different rows; an estimate takes three. Give more rows.")
    distance, _ = NearestNeighbors(n_neighbors=2).fit(table).kneighbors()
    ratio = np.log(distance[:, 1] / distance[:, 0])
    total = float(ratio.sum())
    # On a regular grid every second neighbor is as far as the first, and the law says nothing.
    return (len(table) - 1) / total if total > 0.0 else float("inf")
