"""What a covariance structure knows about its own numbers, beside matrices written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.flatten_util import ravel_pytree

from isthmus.mixtures import LowRank, Whitening, expectation, found_whitening, whole_moments
from isthmus.mixtures import Table as Rows
from mixtures.tables import N_COMPONENTS, N_DIMS, PARTS, chunked, dense, of_each, random_mixture, random_spread, rows_of


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def covariance_of_rows(seed=0):
    own = np.random.default_rng(seed).normal(size=(N_DIMS, 2 * N_DIMS))
    return own @ own.T


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
class TestEveryStructure:
    def test_its_density_is_the_normal_one(self, part):
        mixture, x = random_mixture(part), rows_of(20)
        joint, _ = part.log_joint(part.prepared(mixture), jnp.asarray(x.T))
        for k, matrix in enumerate(of_each(part, mixture.spread)):
            expected = scipy.stats.multivariate_normal(np.asarray(mixture.mean[k]), matrix).logpdf(x) + mixture.log_weight[k]
            np.testing.assert_allclose(joint[k], expected, rtol=1e-10, atol=1e-10)

    def test_its_covariances_are_those_it_keeps(self, part):
        spread = jax.tree.map(jnp.asarray, random_spread(part))
        np.testing.assert_allclose(part.covariances(spread, N_DIMS), dense(part, spread), rtol=1e-10, atol=1e-12)

    def test_a_neutral_spread_is_the_identity(self, part):
        neutral = part.neutral(N_COMPONENTS, N_DIMS)
        np.testing.assert_allclose(dense(part, neutral), np.broadcast_to(np.eye(N_DIMS), dense(part, neutral).shape), atol=1e-12)

    def test_its_prior_is_the_formula(self, part):
        spread = jax.tree.map(jnp.asarray, random_spread(part))
        matrices = dense(part, spread)
        expected = -0.5 * np.sum(np.linalg.slogdet(matrices)[1] + np.trace(np.linalg.inv(matrices), axis1=1, axis2=2))
        np.testing.assert_allclose(part.log_prior(spread, N_DIMS), expected, rtol=1e-10)

    def test_unconstrained_numbers_lead_back(self, part):
        spread = jax.tree.map(jnp.asarray, random_spread(part))
        back = part.constrained(part.unconstrained(spread))
        np.testing.assert_allclose(dense(part, back), dense(part, spread), rtol=1e-10, atol=1e-12)

    def test_any_unconstrained_numbers_are_a_spread(self, part):
        rng = np.random.default_rng(1)
        mixture, x = random_mixture(part), rows_of(20)
        numbers = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape) * 0.5), part.unconstrained(mixture.spread))
        spread = part.constrained(numbers)
        assert np.all(np.linalg.eigvalsh(part.covariances(spread, N_DIMS)) > 0.0)
        joint, _ = part.log_joint(part.prepared(mixture._replace(spread=spread)), jnp.asarray(x.T))
        matrix = of_each(part, spread)[1]
        expected = scipy.stats.multivariate_normal(np.asarray(mixture.mean[1]), matrix).logpdf(x) + mixture.log_weight[1]
        np.testing.assert_allclose(joint[1], expected, rtol=1e-9, atol=1e-9)

    def test_it_counts_the_directions_in_which_covariances_can_go(self, part):
        numbers, restore = ravel_pytree(part.unconstrained(jax.tree.map(jnp.asarray, random_spread(part))))
        slopes = jax.jacobian(lambda flat: part.covariances(part.constrained(restore(flat)), N_DIMS).reshape(-1))(numbers)
        assert part.n_parameters(N_COMPONENTS, N_DIMS) == np.linalg.matrix_rank(np.asarray(slopes), tol=1e-8)

    def test_what_is_made_compact_is_expanded_again(self, part):
        matrices = of_each(part, random_spread(part))
        compact = part.compact(matrices)
        np.testing.assert_allclose(part.expanded(compact, N_COMPONENTS, N_DIMS), matrices, rtol=1e-12, atol=1e-12)
        with pytest.raises(ValueError, match="is needed"):
            part.expanded(compact[..., None], N_COMPONENTS, N_DIMS)

    def test_a_spread_is_found_again_from_its_covariances(self, part):
        matrices = of_each(part, random_spread(part))
        if isinstance(part, LowRank):  # what it finds again is directions and one noise for all dimensions
            loading = random_spread(part).loading
            matrices = loading @ np.swapaxes(loading, 1, 2) + 0.3 * np.eye(N_DIMS)
        spread = jax.tree.map(jnp.asarray, part.of_covariances(matrices))
        np.testing.assert_allclose(of_each(part, spread), matrices, rtol=1e-9, atol=1e-10)

    def test_a_spread_of_scaled_rows_becomes_that_of_the_rows(self, part):
        spread = random_spread(part)
        factor = part.whitening(covariance_of_rows())
        matrix = np.linalg.inv(factor if factor.ndim == 2 else np.diag(factor))
        expected = matrix.T @ dense(part, spread) @ matrix
        np.testing.assert_allclose(dense(part, part.rescaled(spread, factor)), expected, rtol=1e-9, atol=1e-10)

    def test_whitened_rows_have_unit_variance(self, part):
        x = rows_of(300) @ np.random.default_rng(3).normal(size=(N_DIMS, N_DIMS)) + 5.0
        whitened = found_whitening(part, Rows(x, np.ones(300)))(x)
        np.testing.assert_allclose(whitened.mean(axis=0), 0.0, atol=1e-10)
        np.testing.assert_allclose(np.mean(whitened.var(axis=0)), 1.0, rtol=1e-7)
        columns = part.whitening(np.cov(x.T), axes_only=True)
        assert columns.shape == (N_DIMS,)

    def test_a_mixture_is_carried_to_whitened_rows_and_back(self, part):
        mixture = jax.tree.map(np.asarray, random_mixture(part))
        whitening = Whitening(np.arange(N_DIMS) * 10.0, part.whitening(covariance_of_rows(2)))
        back = whitening.restored(part, whitening.whitened(part, mixture))
        np.testing.assert_allclose(back.mean, mixture.mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(dense(part, back.spread), dense(part, mixture.spread), rtol=1e-9, atol=1e-10)

    def test_whole_moments_are_reduced_to_its_own(self, part):
        mixture, rows = random_mixture(part), chunked(rows_of(60), 32)
        total, whole = whole_moments(part, mixture, rows)
        expected, own = expectation(part, mixture, rows)
        np.testing.assert_allclose(total, expected, rtol=1e-10)
        reduced = whole._replace(second=part.reduced(whole.second, mixture.spread))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8), reduced, own)


def test_a_low_rank_that_is_not_low_has_no_more_parameters_than_full_covariances():
    assert LowRank(5).n_parameters(2, 3) == PARTS["full"].n_parameters(2, 3)
