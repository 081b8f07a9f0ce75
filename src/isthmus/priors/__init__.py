"""Densities over codes."""

from ._base import AbstractPrior as AbstractPrior
from ._base import BoundPrior as BoundPrior
from ._standard_normal import StandardNormal as StandardNormal

__all__ = ["AbstractPrior", "BoundPrior", "StandardNormal"]
