"""Densities over codes."""

from ._base import AbstractPrior as AbstractPrior
from ._base import BoundPrior as BoundPrior
from ._flow import Flow as Flow
from ._normal_mixture import NormalMixture as NormalMixture
from ._standard_normal import StandardNormal as StandardNormal
from ._vamp import Vamp as Vamp

__all__ = ["AbstractPrior", "BoundPrior", "Flow", "NormalMixture", "StandardNormal", "Vamp"]
