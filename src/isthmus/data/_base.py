import abc
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from isthmus._component import Component
from isthmus.errors import DataError

from ._moments import Moments, moments
from ._places import places


class Affine(NamedTuple):
    """The map `(x - offset) / scale` between the user's units and the network's, feature by feature.

    Example:
        >>> import numpy as np
        >>> affine = Affine(offset=np.array([10.0]), scale=np.array([2.0]))
        >>> affine.scaled(np.array([[14.0]])), affine.unscaled(np.array([[2.0]]))
        (array([[2.]], dtype=float32), array([[14.]]))

    Attributes:
        offset: what becomes 0; float64, of the shape of one row.
        scale: what one unit becomes 1/scale of; float64, positive, of the shape of one row.
    """

    offset: np.ndarray
    scale: np.ndarray

    def scaled(self, x: ArrayLike) -> np.ndarray:
        """`x` in the network's unit: computed in float64, rounded once to float32.

        Raises:
            DataError: a scaled value is too large for float32.
        """
        return float32(x, self)

    def unscaled(self, y: ArrayLike) -> np.ndarray:
        """`y` back in the user's unit, in float64."""
        return np.multiply(y, self.scale, dtype=np.float64) + self.offset

    @property
    def log_jacobian(self) -> float:
        """`-sum_j log scale_j`: what to add to the log-density of a scaled row to get that of the row itself."""
        return -float(np.sum(np.log(self.scale)))


def float32(x: ArrayLike, affine: Affine | None) -> np.ndarray:
    """`x`, scaled unless `affine` is None, as float32; or an error that names the columns where that would be infinite."""
    try:
        with np.errstate(over="raise"):
            return _scaled(x, affine).astype(np.float32)
    except FloatingPointError:
        limit = np.finfo(np.float32).max
        with np.errstate(over="ignore"):
            sizes = np.abs(np.asarray(_scaled(x, affine)))
        too_large = np.asarray((sizes > limit).any(axis=0))
        raise DataError(
            f"Some values are as large as {float(sizes.max()):.3g} after scaling, in columns {places(too_large)}. The network "
            f"computes in float32, which ends at {limit:.3g}. Rescale or clip those columns, or let `scaling` see such values in `fit`."
        ) from None


def _scaled(x: ArrayLike, affine: Affine | None) -> np.ndarray:
    if affine is None:
        return np.asarray(x)
    return np.divide(np.subtract(x, affine.offset, dtype=np.float64), affine.scale)


class AbstractScaling(Component):
    """How data become numbers that a network learns from easily, found once from the training rows.

    Every row counts the same: sample weights do not enter, so that a weight of zero and another weight give one scale.
    """

    @abc.abstractmethod
    def affine(self, moments: Moments, *, dtype: DTypeLike = np.float64) -> Affine:
        """The map for data of these moments, whose values came as `dtype`; both arrays have the shape of one row."""

    def fit(self, blocks: Iterable[np.ndarray], *, dtype: DTypeLike = np.float64) -> Affine:
        """The map for rows that come in blocks, in one pass.

        Args:
            blocks: float64 arrays of shape (rows, *shape), as `row_blocks` gives them.
            dtype: what the values were before they became float64; bytes have a range of their own.
        """
        return self.affine(moments(blocks), dtype=dtype)
