import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from isthmus.priors import BoundPrior, StandardNormal

PRIOR = BoundPrior(StandardNormal(), ())


def posterior(rows=5, latent=3, seed=0):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.normal(size=(rows, latent)), float), jnp.asarray(rng.normal(size=(rows, latent), scale=0.4), float)


def test_has_no_weights():
    assert StandardNormal().init((3,), (5,), rng=np.random.default_rng(0)) == ()


@pytest.mark.parametrize("shape", [(6, 3), (4, 6, 3)], ids=str)
def test_log_density_is_scipys(shape):
    code = np.random.default_rng(1).normal(size=shape, scale=3.0)
    np.testing.assert_allclose(PRIOR.log_prob(jnp.asarray(code)), scipy.stats.norm.logpdf(code).sum(axis=-1), rtol=1e-5)


def test_density_integrates_to_one():
    grid = np.linspace(-9, 9, 2001)
    density = np.exp(PRIOR.log_prob(jnp.asarray(grid)[:, None]))
    np.testing.assert_allclose(scipy.integrate.simpson(density, x=grid), 1.0, rtol=1e-5)


def test_divergence_is_the_integral_of_its_definition():
    mean, log_scale = 0.7, -0.45
    deviation = np.exp(log_scale)
    grid = np.linspace(mean - 9 * deviation, mean + 9 * deviation, 4001)
    log_ratio = scipy.stats.norm.logpdf(grid, mean, deviation) - scipy.stats.norm.logpdf(grid)
    integral = scipy.integrate.simpson(scipy.stats.norm.pdf(grid, mean, deviation) * log_ratio, x=grid)
    np.testing.assert_allclose(PRIOR.kl(jnp.full((1, 1), mean), jnp.full((1, 1), log_scale)), [[integral]], rtol=1e-5)


def test_divergence_agrees_with_draws():
    mean, log_scale = posterior()
    deviation = jnp.exp(log_scale)
    code = mean + deviation * jax.random.normal(jax.random.key(0), (40_000, *mean.shape))
    log_ratio = np.asarray(scipy.stats.norm.logpdf(code, mean, deviation).sum(axis=-1) - PRIOR.log_prob(code))
    error = 5 * log_ratio.std(axis=0) / np.sqrt(log_ratio.shape[0])
    assert np.all(np.abs(log_ratio.mean(axis=0) - PRIOR.kl(mean, log_scale).sum(axis=1)) < error)


def test_divergence_is_zero_at_the_prior_and_positive_elsewhere():
    np.testing.assert_array_equal(PRIOR.kl(jnp.zeros((1, 4)), jnp.zeros((1, 4))), np.zeros((1, 4)))
    assert jnp.all(PRIOR.kl(*posterior()) > 0)


def test_draws_are_standard_normal_and_depend_on_the_key():
    draws = PRIOR.sample((5000, 2), key=jax.random.key(3))
    assert draws.shape == (5000, 2)
    for column in np.asarray(draws).T:
        assert scipy.stats.kstest(column, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(np.asarray(draws).T)[0, 1]) < 5 / np.sqrt(5000)
    assert not np.array_equal(draws, PRIOR.sample((5000, 2), key=jax.random.key(4)))
