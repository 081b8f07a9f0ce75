"""Mixtures of normal distributions: covariance structures, and expectation-maximization."""

from ._base import AbstractCovariance as AbstractCovariance
from ._base import Mixture as Mixture
from ._base import Moments as Moments
from ._diagonal import Diagonal as Diagonal
from ._em import Chunks as Chunks
from ._em import Limits as Limits
from ._em import Run as Run
from ._em import mean_log_likelihood as mean_log_likelihood
from ._em import run_em as run_em
from ._full import Full as Full
from ._spherical import Spherical as Spherical
from ._tied import Tied as Tied

__all__ = [
    "AbstractCovariance",
    "Chunks",
    "Diagonal",
    "Full",
    "Limits",
    "Mixture",
    "Moments",
    "Run",
    "Spherical",
    "Tied",
    "mean_log_likelihood",
    "run_em",
]
