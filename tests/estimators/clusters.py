"""Rows in clusters, small fits of them, and densities by scipy, for the tests of `GaussianMixture`."""

import numpy as np
import pytest
import scipy.stats

from isthmus.mixtures import LowRank

KINDS = ["full", "tied", "diag", "spherical"]
STRUCTURES = [*KINDS, LowRank(1)]
# All structures in the slow tests, and the two that differ most in every run.
FEW_STRUCTURES = [
    pytest.param(part, marks=[] if part in ("full", "spherical") else [pytest.mark.slow], id=str(part)) for part in STRUCTURES
]
SHAPES = {"full": (3, 4, 4), "tied": (4, 4), "diag": (3, 4), "spherical": (3,), LowRank(1): (3, 4, 4)}
FEW = {"n_init": 4, "n_swaps": 0, "init_params": "kmeans", "random_state": 0}
PLAIN = {"covariance_prior": 0.0, "reg_covar": 0.0}


def rows(n=240, seed=0, gap=2.0):
    """Three clusters of 4 features, each with correlations of its own, and which is which."""
    rng = np.random.default_rng(seed)
    means, factors = rng.normal(size=(3, 4)) * gap, rng.normal(size=(3, 4, 4)) * 0.5 + np.eye(4) * 0.5
    labels = np.arange(n) % 3
    return means[labels] + np.einsum("nij,nj->ni", factors[labels], rng.normal(size=(n, 4))), labels


X, LABELS = rows()
STEPS = {"means_init": X[:3], "tol": 0.0, "max_iter": 20}


def normals(mixture, features=slice(None)):
    """scipy's distributions of the components, of some features."""
    matrices = mixture._matrices()
    return [scipy.stats.multivariate_normal(m[features], c[features][:, features]) for m, c in zip(mixture.means_, matrices, strict=True)]


def log_density(mixture, x, features=slice(None)):
    parts = [np.log(w) + normal.logpdf(x) for w, normal in zip(mixture.weights_, normals(mixture, features), strict=True)]
    return np.logaddexp.reduce(parts)
