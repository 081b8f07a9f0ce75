import numpy as np
from numpy.typing import DTypeLike

from ._base import AbstractScaling, Affine
from ._moments import Moments


class UnitRange(AbstractScaling):
    """All columns to [0, 1] by one common smallest and largest value.

    For losses and output activations that live in [0, 1]. Data inside [0, 1] already are left alone, so that a probability stays one;
    bytes (uint8) that go beyond 1 are divided by 255, whatever their largest value; anything else goes from its smallest
    value (0) to its largest (1), over all columns. Data with a single value are only shifted.

    Example:
        >>> import numpy as np
        >>> affine = UnitRange().fit([np.array([[0.0, 200.0]])], dtype=np.uint8)
        >>> affine.offset, affine.scale
        (array([0., 0.]), array([255., 255.]))
    """

    def affine(self, moments: Moments, *, dtype: DTypeLike = np.float64) -> Affine:
        low, high = float(moments.minimum.min()), float(moments.maximum.max())
        if low >= 0.0 and high <= 1.0:
            low, high = 0.0, 1.0
        elif np.dtype(dtype) == np.uint8:
            low, high = 0.0, 255.0
        scale = high - low if high > low else 1.0
        return Affine(np.full(moments.mean.shape, low), np.full(moments.mean.shape, scale))
