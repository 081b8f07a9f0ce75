"""Mixtures of normal distributions: covariance structures, and expectation-maximization."""

from ._base import AbstractCovariance as AbstractCovariance
from ._base import Mixture as Mixture
from ._base import Moments as Moments
from ._base import Prior as Prior
from ._base import Removed as Removed
from ._density import conditioned as conditioned
from ._density import joint_of_chunks as joint_of_chunks
from ._density import log_density as log_density
from ._density import marginalized as marginalized
from ._density import matrices_of as matrices_of
from ._diagonal import Diagonal as Diagonal
from ._em import NOTHING_FIXED as NOTHING_FIXED
from ._em import Chunks as Chunks
from ._em import Fixed as Fixed
from ._em import Limits as Limits
from ._em import Run as Run
from ._em import expectation as expectation
from ._em import mean_log_likelihood as mean_log_likelihood
from ._em import moments_of_labels as moments_of_labels
from ._em import run_em as run_em
from ._em import total_log_likelihood as total_log_likelihood
from ._full import Full as Full
from ._full import upper_roots as upper_roots
from ._left_out import left_out_of_chunks as left_out_of_chunks
from ._low_rank import Factors as Factors
from ._low_rank import LowRank as LowRank
from ._passes import added as added
from ._passes import updated as updated
from ._passes import whole_moments as whole_moments
from ._rows import Table as Table
from ._rows import Whitening as Whitening
from ._rows import found_whitening as found_whitening
from ._search import Search as Search
from ._search import Setting as Setting
from ._search import best_mixture as best_mixture
from ._search import finished as finished
from ._search import labeled_mixture as labeled_mixture
from ._search import nearest_labels as nearest_labels
from ._spherical import Spherical as Spherical
from ._starts import Starts as Starts
from ._starts import mixture_of_labels as mixture_of_labels
from ._starts import run_starts as run_starts
from ._steps import best_of as best_of
from ._steps import merged as merged
from ._steps import split as split
from ._tied import Tied as Tied
from ._unconstrained import constrained as constrained
from ._unconstrained import ridged as ridged
from ._unconstrained import unconstrained as unconstrained
from ._unconstrained import unraveled as unraveled

__all__ = [
    "NOTHING_FIXED",
    "AbstractCovariance",
    "Chunks",
    "Diagonal",
    "Factors",
    "Fixed",
    "Full",
    "Limits",
    "LowRank",
    "Mixture",
    "Moments",
    "Prior",
    "Removed",
    "Run",
    "Search",
    "Setting",
    "Spherical",
    "Starts",
    "Table",
    "Tied",
    "Whitening",
    "added",
    "best_mixture",
    "best_of",
    "conditioned",
    "constrained",
    "expectation",
    "finished",
    "found_whitening",
    "joint_of_chunks",
    "labeled_mixture",
    "left_out_of_chunks",
    "log_density",
    "marginalized",
    "matrices_of",
    "mean_log_likelihood",
    "merged",
    "mixture_of_labels",
    "moments_of_labels",
    "nearest_labels",
    "ridged",
    "run_em",
    "run_starts",
    "split",
    "total_log_likelihood",
    "unconstrained",
    "unraveled",
    "updated",
    "upper_roots",
    "whole_moments",
]
