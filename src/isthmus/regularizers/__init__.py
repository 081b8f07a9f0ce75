"""Penalties beside the reconstruction."""

from ._base import AbstractProximal as AbstractProximal
from ._base import AbstractRegularizer as AbstractRegularizer
from ._base import View as View
from ._l1 import L1 as L1
from ._l2 import L2 as L2

__all__ = ["L1", "L2", "AbstractProximal", "AbstractRegularizer", "View"]
