from typing import Any

import numpy as np
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from isthmus.errors import DataError

from ._checks import pair_of_tables

__all__ = ["continuity", "mutual_neighbors", "neighbor_overlap"]


def continuity(rows: Any, codes: Any, *, n_neighbors: int = 5) -> float:
    """How far neighbors among rows stay neighbors among codes: 1 where all do, less by the rank of those that were torn apart.

    The counterpart of scikit-learn's `trustworthiness`, which asks whether neighbors among codes were neighbors among rows: the same
    formula with the two exchanged. Needs memory for three square tables of as many rows.

    Args:
        rows: (rows, columns).
        codes: of the same rows, (rows, dims).
        n_neighbors: how many count as neighbors; fewer than half of the rows.

    Raises:
        DataError: tables that do not fit, or too few rows.

    References:
        Venna & Kaski, Neighborhood preservation in nonlinear projection methods, ICANN 2001.

    Example:
        >>> import numpy as np
        >>> rows = np.random.default_rng(0).normal(size=(50, 3))
        >>> continuity(rows, 2.0 * rows), continuity(rows, rows[:, :1]) < 0.9
        (1.0, True)
    """
    table, code = _checked(rows, codes, n_neighbors, least=2 * n_neighbors + 1)
    return float(trustworthiness(code, table, n_neighbors=n_neighbors))


def neighbor_overlap(rows: Any, codes: Any, *, n_neighbors: int = 10) -> float:
    """The mean share of a row's nearest neighbors that are among the nearest neighbors of its code.

    About `n_neighbors / rows` for codes that have nothing to do with rows. Also known as mutual k-nearest-neighbor alignment.

    Args:
        rows: (rows, columns).
        codes: of the same rows, (rows, dims).
        n_neighbors: how many neighbors.

    Raises:
        DataError: tables that do not fit, or no more rows than neighbors.

    References:
        Huh, Cheung, Wang & Isola, The Platonic Representation Hypothesis, 2024, arXiv:2405.07987, appendix A.

    Example:
        >>> neighbor_overlap([[0.0], [1.0], [3.0], [7.0]], [[0.0], [2.0], [3.0], [3.5]], n_neighbors=1)
        0.5
    """
    ours, theirs = (_neighbors(table, n_neighbors) for table in _checked(rows, codes, n_neighbors))
    return float(np.mean(np.any(ours[:, :, None] == theirs[:, None, :], axis=2)))


def mutual_neighbors(rows: Any, codes: Any, *, n_neighbors: int = 10) -> float:
    """Of the pairs of rows that are each among the other's nearest neighbors, the share that still are among codes; NaN without a pair.

    Stricter than `neighbor_overlap`, and blind to hubs and outliers, which are neighbors in one direction only.

    Args:
        rows: (rows, columns).
        codes: of the same rows, (rows, dims).
        n_neighbors: how many neighbors.

    Raises:
        DataError: tables that do not fit, or no more rows than neighbors.

    Example:
        >>> mutual_neighbors([[0.0], [1.0], [3.0], [4.0]], [[0.0], [1.0], [1.5], [9.0]], n_neighbors=1)
        0.0
    """
    before, after = (_pairs(_neighbors(table, n_neighbors)) for table in _checked(rows, codes, n_neighbors))
    return float(np.mean(np.isin(before, after))) if len(before) else float("nan")


def _checked(rows: Any, codes: Any, n_neighbors: int, *, least: int = 0) -> tuple[np.ndarray, np.ndarray]:
    tables = pair_of_tables(rows, codes, ("rows", "codes"))
    least = max(least, n_neighbors + 1)
    if n_neighbors < 1 or len(tables[0]) < least:
        raise DataError(f"`n_neighbors`={n_neighbors} of {len(tables[0])} rows. Use 1 or more of them, and {max(least, 2)} rows or more.")
    return tables


def _neighbors(table: np.ndarray, n_neighbors: int) -> np.ndarray:
    return NearestNeighbors(n_neighbors=n_neighbors).fit(table).kneighbors(return_distance=False)


def _pairs(neighbors: np.ndarray) -> np.ndarray:
    """Pairs in which each is a neighbor of the other, as one number each, (pairs,)."""
    n_rows, n_neighbors = neighbors.shape
    source, target = np.repeat(np.arange(n_rows), n_neighbors), neighbors.reshape(-1)
    there, back = source * n_rows + target, target * n_rows + source
    return there[(source < target) & np.isin(there, back)]
