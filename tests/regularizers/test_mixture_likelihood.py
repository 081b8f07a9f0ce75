import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from isthmus.regularizers import MixtureLikelihood
from regularizers.views import codes_view, gaussian_codes, penalty

SHARES = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[0.0, 0.0], [3.0, 1.0], [-2.0, 2.0]])
COVARIANCES = np.array([[[1.0, 0.3], [0.3, 0.5]], [[2.0, 0.0], [0.0, 1.0]], [[0.4, -0.1], [-0.1, 0.4]]])
PART = MixtureLikelihood(n_components=3)


def own(shift=0.0, scale=1.0):
    return jax.tree.map(jnp.asarray, PART.of_mixture(SHARES, scale * MEANS + shift, scale**2 * COVARIANCES))


def densities(codes):
    return sum(w * scipy.stats.multivariate_normal(m, c).pdf(codes) for w, m, c in zip(SHARES, MEANS, COVARIANCES, strict=True))


def entropy(codes):
    return scipy.stats.multivariate_normal(np.zeros(2), np.cov(np.asarray(codes).T, bias=True)).entropy()


def test_is_the_definition_over_the_rows_that_count():
    codes, mask = gaussian_codes(9, (0.5, 0.5), (2.0, 1.0)), np.array([1, 1, 0, 1, 1, 1, 0, 1, 1])
    found = penalty(PART, codes_view(codes, mask), own())
    counted = np.asarray(codes)[mask > 0]
    np.testing.assert_allclose(found[mask > 0], -np.log(densities(counted)) - entropy(counted), atol=2e-3)


def test_it_does_not_depend_on_the_unit_of_codes():
    codes = gaussian_codes(50, (0.5, 0.5), (2.0, 1.0))
    moved = penalty(PART, codes_view(7.0 * codes + 3.0), own(3.0, 7.0))
    np.testing.assert_allclose(moved, penalty(PART, codes_view(codes), own()), atol=1e-3)


def test_one_component_that_fits_is_at_zero_and_groups_apart_are_below():
    codes = jnp.concatenate([gaussian_codes(400, (-5.0, 0.0), (0.5, 0.5)), gaussian_codes(400, (5.0, 0.0), (0.5, 0.5), seed=1)])
    one, two = MixtureLikelihood(n_components=1), MixtureLikelihood(n_components=2)
    alone = one.of_mixture(np.ones(1), np.asarray(codes).mean(axis=0)[None], np.cov(np.asarray(codes).T, bias=True)[None])
    apart = two.of_mixture(np.full(2, 0.5), np.array([[-5.0, 0.0], [5.0, 0.0]]), np.stack([np.eye(2) * 0.25] * 2))
    np.testing.assert_allclose(penalty(one, codes_view(codes), jax.tree.map(jnp.asarray, alone)).mean(), 0.0, atol=1e-3)
    # Two groups of half the rows each, a tenth as wide as both together along one axis: log 2 - log 10 nats.
    assert penalty(two, codes_view(codes), jax.tree.map(jnp.asarray, apart)).mean() < np.log(2.0) - np.log(9.0)


def test_any_numbers_are_a_mixture():
    weights = jax.tree.map(lambda leaf: leaf + jax.random.normal(jax.random.key(0), leaf.shape), own())
    edges = np.linspace(-40.0, 40.0, 401)
    grid = np.stack(np.meshgrid(edges, edges), axis=-1).reshape(-1, 2)
    mass = np.exp(np.asarray(weights.log_prob(jnp.asarray(grid, jnp.float32)), np.float64)).sum() * (edges[1] - edges[0]) ** 2
    np.testing.assert_allclose(mass, 1.0, atol=0.02)


def test_codes_on_a_point_are_finite():
    found = penalty(PART, codes_view(jnp.ones((4, 2))), own())
    assert np.all(np.isfinite(found))
