from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from isthmus.errors import DataError

from ._places import places


class Moments(NamedTuple):
    """What one pass over rows has found, for every feature.

    Attributes:
        n_rows: the number of rows.
        mean: the mean, of the shape of one row, as all that follow.
        variance: the mean squared distance from the mean (divided by the count, not by one less).
        minimum: the smallest value.
        maximum: the largest value.
    """

    n_rows: int
    mean: np.ndarray
    variance: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray

    @property
    def constant(self) -> np.ndarray:
        """Which features have one value only, differences in its last bits apart."""
        # A column computed in two ways (0.1 + 0.2 and 0.3) differs by an ulp or two; scaled to unit variance, that noise would
        # weigh as much as any other column. The variance cannot tell: of equal values it is seldom exactly zero.
        largest = np.maximum(np.abs(self.minimum), np.abs(self.maximum))
        return self.maximum - self.minimum <= 4 * np.finfo(np.float64).eps * largest


def moments(blocks: Iterable[np.ndarray]) -> Moments:
    """Count, mean, variance, minimum and maximum of every feature, in one pass over blocks of rows.

    The variance of a block is that of its deviations from its own mean, and two sums of squared deviations are joined by
    `M = M_a + M_b + (mean_b - mean_a)^2 n_a n_b / (n_a + n_b)`, so that a large mean does not drown a small spread.

    Args:
        blocks: float64 arrays of shape (rows, *shape), as `row_blocks` gives them.

    Raises:
        DataError: there are no rows, or the moments are not finite.

    References:
        Chan, Golub & LeVeque, Algorithms for Computing the Sample Variance, 1983. doi:10.1080/00031305.1983.10483115.

    Example:
        >>> import numpy as np
        >>> found = moments([np.array([[1.0], [2.0]]), np.array([[6.0]])])
        >>> found.n_rows, float(found.mean[0]), float(found.maximum[0])
        (3, 3.0, 6.0)
    """
    joined, shift = None, np.zeros(())
    # Overflow is reported below, once and with the columns' indices, instead of as NumPy's warning.
    with np.errstate(over="ignore", invalid="ignore"):
        for block in blocks:
            if len(block):
                # Beside a mean of 1e12 its own rounding error, 1e-4, would count. Distances from any row have a mean of their own size.
                shift = block[0].copy() if joined is None else shift
                found = _moments_of_block(block, shift)
                joined = found if joined is None else _joined(joined, found)
    if joined is None:
        raise DataError("Got no rows. At least one is needed to find means and scales; pass an `X` with rows.")
    found = joined._replace(mean=joined.mean + shift)
    _check_finite(found)
    return found


def _moments_of_block(block: np.ndarray, shift: np.ndarray) -> Moments:
    """The moments of a block, its mean as a distance from `shift`."""
    deviations = block - shift
    mean = deviations.mean(axis=0)
    deviations -= mean
    # The mean itself is rounded; what the deviations still sum to is its error, and is taken out of both moments.
    error = deviations.mean(axis=0)
    np.square(deviations, out=deviations)
    variance = np.maximum(deviations.mean(axis=0) - np.square(error), 0.0)
    return Moments(len(block), mean + error, variance, block.min(axis=0), block.max(axis=0))


def _joined(a: Moments, b: Moments) -> Moments:
    n_rows = a.n_rows + b.n_rows
    distance = b.mean - a.mean
    share = b.n_rows / n_rows
    return Moments(
        n_rows=n_rows,
        mean=a.mean + distance * share,
        variance=a.variance * (1 - share) + b.variance * share + np.square(distance) * share * (1 - share),
        minimum=np.minimum(a.minimum, b.minimum),
        maximum=np.maximum(a.maximum, b.maximum),
    )


def _check_finite(found: Moments) -> None:
    bad = ~(np.isfinite(found.mean) & np.isfinite(found.variance) & np.isfinite(found.maximum - found.minimum))
    if bad.any():
        raise DataError(
            f"The mean or the variance is not finite in {int(bad.sum())} columns: {places(bad)}. Values must be finite and "
            "below about 1e150 in size. Rescale or clip those columns, or take their logarithm."
        )
