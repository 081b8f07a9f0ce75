"""Mixtures of factor analyzers beside their matrices written out, and beside scikit-learn's factor analysis."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from sklearn.decomposition import FactorAnalysis

from isthmus.mixtures import Full, Limits, LowRank, Mixture, Prior, expectation, log_density, updated
from isthmus.mixtures._passes import compiled_run
from mixtures.tables import N_COMPONENTS, N_DIMS, chunked, dense, random_mixture, rows_of

RANKS = [1, 2, N_DIMS, N_DIMS + 2]


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def one(part, spread):
    """A single component around zero."""
    return jax.tree.map(jnp.asarray, Mixture(np.zeros(1), np.zeros((1, N_DIMS)), spread))


def factor_rows(n=400, seed=0):
    """Rows that vary along one direction, and by noise of unlike size."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1)) @ np.array([[1.0, -0.8, 0.5, 0.3]]) + rng.normal(size=(n, N_DIMS)) * [0.3, 0.6, 1.0, 0.5]
    return (x - x.mean(axis=0)) / x.std(axis=0)


@pytest.mark.parametrize("rank", RANKS)
def test_its_density_is_the_normal_one_for_any_number_of_directions(rank):
    part = LowRank(rank)
    mixture, x = random_mixture(part), rows_of(20)
    normals = [scipy.stats.multivariate_normal(np.asarray(m), c) for m, c in zip(mixture.mean, dense(part, mixture.spread), strict=True)]
    expected = np.logaddexp.reduce([w + normal.logpdf(x) for w, normal in zip(mixture.log_weight, normals, strict=True)])
    np.testing.assert_allclose(log_density(part, mixture, jnp.asarray(x)), expected, rtol=1e-10)


@pytest.mark.parametrize("belief", [0.0, 30.0])
def test_a_maximization_is_the_step_of_factor_analysis(belief):
    # Ghahramani & Hinton 1996, section 3, for each component, with the prior's rows of unit variance among those of the component.
    part, x = LowRank(2), rows_of(200)
    mixture = random_mixture(part)
    matrices = dense(part, mixture.spread)
    joint = [scipy.stats.multivariate_normal(np.asarray(m), c).logpdf(x) for m, c in zip(mixture.mean, matrices, strict=True)]
    joint = np.asarray(mixture.log_weight)[:, None] + joint
    shares = np.exp(joint - np.logaddexp.reduce(joint))
    _, moments = expectation(part, mixture, chunked(x))
    new = updated(part, moments, mixture, Prior(belief, 0.0))
    for k in range(N_COMPONENTS):
        centered = x - shares[k] @ x / shares[k].sum()
        scatter = ((shares[k] * centered.T) @ centered + belief * np.eye(N_DIMS)) / (shares[k].sum() + belief)
        loading = np.asarray(mixture.spread.loading[k])
        beta = loading.T @ np.linalg.inv(matrices[k])
        squares = np.eye(2) - beta @ loading + beta @ scatter @ beta.T
        expected = scatter @ beta.T @ np.linalg.inv(squares)
        np.testing.assert_allclose(new.spread.loading[k], expected, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(new.spread.noise[k], np.diag(scatter - expected @ beta @ scatter), rtol=1e-8)


def test_one_component_is_factor_analysis():
    x = factor_rows()
    start = one(LowRank(1), LowRank(1).neutral(1, N_DIMS))
    run = compiled_run(LowRank(1), start, chunked(x), Limits(1e-11, 20_000), Prior(0.0, 0.0))
    reference = FactorAnalysis(1, tol=1e-12, max_iter=20_000, svd_method="lapack").fit(x)
    np.testing.assert_allclose(run.value, reference.score(x), atol=1e-6)
    np.testing.assert_allclose(dense(LowRank(1), run.mixture.spread)[0], reference.get_covariance(), atol=1e-3)


def test_as_many_directions_as_dimensions_reach_the_likelihood_of_free_covariances():
    rows = chunked(rows_of(256))
    part, limits = LowRank(N_DIMS), Limits(1e-9, 3000)
    free = compiled_run(Full(), random_mixture(Full()), rows, limits, Prior(1.0, 0.0))
    start = jax.tree.map(np.asarray, free.mixture)._replace(spread=part.neutral(N_COMPONENTS, N_DIMS))
    run = compiled_run(part, start, rows, limits, Prior(1.0, 0.0), accelerated=True)
    np.testing.assert_allclose(run.value, free.value, atol=2e-4)


def test_more_directions_are_no_less_likely():
    rows = chunked(rows_of(256))
    values = []
    for rank in (1, 2):
        part = LowRank(rank)
        run = compiled_run(part, one(part, part.neutral(1, N_DIMS)), rows, Limits(1e-10, 2000), Prior(0.0, 0.0))
        values.append(float(run.value))
    covariance = np.cov(rows_of(256).T, bias=True)
    most = scipy.stats.multivariate_normal(np.zeros(N_DIMS), covariance).logpdf(rows_of(256)).mean()
    least = scipy.stats.multivariate_normal(np.zeros(N_DIMS), np.eye(N_DIMS)).logpdf(rows_of(256)).mean()
    assert least < values[0] < values[1] <= most + 1e-9


def test_the_nearest_factors_keep_variances_and_the_strongest_directions():
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(N_COMPONENTS, N_DIMS, N_DIMS))
    matrices = roots @ np.swapaxes(roots, 1, 2)
    spread = LowRank(2).of_covariances(matrices)
    found = dense(LowRank(2), spread)
    assert np.all(spread.noise > 0.0)
    for matrix, own in zip(matrices, found, strict=True):
        assert np.all(np.diag(own) >= np.diag(matrix) * (1 - 1e-9))
        assert np.linalg.norm(own - matrix) < np.linalg.norm(np.diag(np.diag(matrix)) - matrix)


@pytest.mark.parametrize("rank", [N_DIMS, N_DIMS + 2])
def test_all_directions_are_any_covariance(rank):
    roots = np.random.default_rng(0).normal(size=(N_COMPONENTS, N_DIMS, N_DIMS))
    matrices = roots @ np.swapaxes(roots, 1, 2)
    np.testing.assert_allclose(dense(LowRank(rank), LowRank(rank).of_covariances(matrices)), matrices, rtol=1e-5, atol=1e-5)


def test_single_precision_is_near_double_and_components_without_rows_stay_finite():
    part, x = LowRank(2), rows_of(2000)
    start = random_mixture(part)
    double = compiled_run(part, start, chunked(x), Limits(1e-7, 100), Prior(1.0, 1e-6))
    with jax.enable_x64(False):
        rows = chunked(x, dtype=jnp.float32)
        single, far = (jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), start) for _ in range(2))
        near = compiled_run(part, single, rows, Limits(1e-7, 100), Prior(1.0, 1e-6))
        far = far._replace(mean=far.mean.at[1].set(1e4))
        lost = compiled_run(part, far, rows, Limits(1e-7, 100), Prior(1.0, 1e-6))
    np.testing.assert_allclose(near.value, double.value, atol=1e-4)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(lost))
    assert np.exp(lost.mixture.log_weight)[1] < 1e-5
