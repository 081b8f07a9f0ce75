import numpy as np
from numpy.typing import DTypeLike

from ._base import AbstractScaling, Affine
from ._moments import Moments


class Standard(AbstractScaling):
    """Each column to mean 0 and standard deviation 1.

    Columns of different units weigh the same in the loss, whatever their spread. A constant column is only centered.

    Example:
        >>> import numpy as np
        >>> affine = Standard().fit([np.array([[1.0, 5.0], [3.0, 5.0]])])
        >>> affine.offset, affine.scale
        (array([2., 5.]), array([1., 1.]))
    """

    def affine(self, moments: Moments, *, dtype: DTypeLike = np.float64) -> Affine:
        return Affine(moments.mean, np.where(moments.constant, 1.0, np.sqrt(moments.variance)))
