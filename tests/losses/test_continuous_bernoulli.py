import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

from isthmus.losses import Bernoulli, ContinuousBernoulli

LOSS = ContinuousBernoulli()
LOGITS = np.asarray([-50.0, -9.0, -1.001, -0.999, -0.1, -1e-3, -1e-6, 0.0, 1e-6, 1e-3, 0.1, 0.999, 1.001, 9.0, 50.0])


def cost_of(logit, x):
    return LOSS((), jnp.asarray(logit, jnp.float32), jnp.asarray(x, jnp.float32))


def integral(logit, power):
    return scipy.integrate.quad(lambda x: x**power * np.exp(logit * (x - (logit > 0))), 0.0, 1.0, epsabs=0.0, epsrel=1e-11)[0]


@pytest.mark.parametrize("x", [0.0, 0.3, 1.0])
def test_is_minus_the_logarithm_of_an_exponential_over_its_integral(x):
    log_normalizer = [np.log(integral(logit, 0)) + max(logit, 0.0) for logit in LOGITS]
    np.testing.assert_allclose(cost_of(LOGITS[:, None], np.full((15, 1), x)), log_normalizer - x * LOGITS, rtol=2e-6, atol=3e-7)


def test_its_slope_is_the_mean_minus_the_value_and_never_loses_its_digits_near_zero():
    expected = np.asarray([integral(logit, 1) / integral(logit, 0) for logit in LOGITS])
    np.testing.assert_allclose(LOSS.mean(jnp.asarray(LOGITS, jnp.float32)[:, None])[:, 0], expected, rtol=1e-6)
    for x in (0.0, 0.5, 1.0):
        slope = jax.grad(lambda logit, x=x: jnp.sum(cost_of(logit, jnp.full((15, 1), x))))(jnp.asarray(LOGITS)[:, None])[:, 0]
        np.testing.assert_allclose(slope, expected - x, rtol=2e-6, atol=2e-7)
    curvature = jax.vmap(jax.grad(lambda logit: LOSS.mean(logit[None, None])[0, 0]))(jnp.asarray(LOGITS, jnp.float32))
    variance = np.asarray([integral(logit, 2) / integral(logit, 0) for logit in LOGITS]) - expected**2
    np.testing.assert_allclose(curvature, variance, rtol=2e-5)


def test_it_lacks_of_the_cross_entropy_the_logarithm_of_the_papers_normalizer():
    outputs, x = np.random.default_rng(0).normal(size=(20, 1), scale=2.0), np.random.default_rng(1).uniform(size=(20, 1))
    p = 1.0 / (1.0 + np.exp(-outputs[:, 0]))
    log_normalizer = np.log(2.0 * np.arctanh(1.0 - 2.0 * p) / (1.0 - 2.0 * p))
    difference = Bernoulli()((), jnp.asarray(outputs), jnp.asarray(x)) - cost_of(outputs, x)
    np.testing.assert_allclose(difference, log_normalizer, rtol=1e-5)


def test_the_logit_of_a_mean_is_found_and_stays_within_a_hundred():
    mean = np.linspace(0.01, 0.99, 99)
    with jax.enable_x64(True):
        np.testing.assert_allclose(LOSS.mean(jnp.asarray(LOSS.start(mean)[None]))[0], mean, rtol=1e-9)
    np.testing.assert_allclose(LOSS.start(np.asarray([0.0, 1e-3, 0.5, 1.0])), [-100.0, -100.0, 0.0, 100.0], atol=1e-3)


@pytest.mark.parametrize("logit", [-50.0, -1e-4, 0.0, 50.0])
def test_draws_at_extreme_logits_have_its_mean_and_lie_inside(logit):
    draws = np.asarray(LOSS.sample((), jnp.full((4000, 1), logit), key=jax.random.key(0)))
    assert draws.min() >= 0.0
    assert draws.max() <= 1.0
    np.testing.assert_allclose(draws.mean(), LOSS.mean(jnp.full((1, 1), logit))[0, 0], atol=5 * draws.std() / np.sqrt(4000))
