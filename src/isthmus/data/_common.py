import numpy as np
from numpy.typing import DTypeLike

from ._base import AbstractScaling, Affine
from ._moments import Moments


class Common(AbstractScaling):
    """Each column to mean 0, and all of them divided by one number.

    The number is `sqrt(mean_j variance_j)`, so that an average column has variance 1. A squared error in the network's unit is then the
    squared error in the user's unit times a constant, and what minimizes the one minimizes the other, as in principal component
    analysis. Data that are constant in every column are only centered.

    Example:
        >>> import numpy as np
        >>> affine = Common().fit([np.array([[1.0, 5.0], [3.0, 19.0]])])
        >>> affine.offset, affine.scale
        (array([ 2., 12.]), array([5., 5.]))
    """

    def affine(self, moments: Moments, *, dtype: DTypeLike = np.float64) -> Affine:
        scale = 1.0 if moments.constant.all() else float(np.sqrt(np.mean(moments.variance)))
        return Affine(moments.mean, np.full(moments.mean.shape, scale))
