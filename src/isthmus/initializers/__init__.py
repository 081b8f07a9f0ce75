"""Random weights before training."""

from ._base import AbstractInitializer as AbstractInitializer
from ._fan_scaled import FanScaled as FanScaled
from ._orthogonal import Orthogonal as Orthogonal
from ._sparse import Sparse as Sparse

__all__ = ["AbstractInitializer", "FanScaled", "Orthogonal", "Sparse"]
