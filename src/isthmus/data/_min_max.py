import numpy as np
from numpy.typing import DTypeLike

from ._base import AbstractScaling, Affine
from ._moments import Moments


class MinMax(AbstractScaling):
    """Each column to [0, 1], its smallest value to 0 and its largest to 1.

    One outlier squeezes the rest of its column. A constant column becomes 0.

    Example:
        >>> import numpy as np
        >>> affine = MinMax().fit([np.array([[1.0, 5.0], [3.0, 5.0]])])
        >>> affine.offset, affine.scale
        (array([1., 5.]), array([2., 1.]))
    """

    def affine(self, moments: Moments, *, dtype: DTypeLike = np.float64) -> Affine:
        return Affine(moments.minimum, np.where(moments.constant, 1.0, moments.maximum - moments.minimum))
