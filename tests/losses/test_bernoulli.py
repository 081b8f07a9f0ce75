import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from sklearn.metrics import log_loss

from isthmus.losses import Bernoulli


def cost_of(logits, x):
    return Bernoulli()((), jnp.asarray(logits, float), jnp.asarray(x, float))


def test_of_binary_data_is_scikit_learns_log_loss():
    rng = np.random.default_rng(0)
    logits, x = rng.normal(size=(30, 4), scale=2.0), rng.integers(0, 2, size=(30, 4))
    expected = log_loss(x.ravel(), scipy.special.expit(logits).ravel())
    np.testing.assert_allclose(jnp.sum(cost_of(logits, x)) / x.size, expected, rtol=1e-5)


def test_of_binary_data_is_minus_the_log_likelihood():
    rng = np.random.default_rng(1)
    logits, x = rng.normal(size=(30, 4)), rng.integers(0, 2, size=(30, 4))
    expected = -scipy.stats.bernoulli.logpmf(x, scipy.special.expit(logits)).sum(axis=1)
    np.testing.assert_allclose(cost_of(logits, x), expected, rtol=1e-5)


def test_of_grey_values_is_the_cross_entropy():
    rng = np.random.default_rng(2)
    logits, x = rng.normal(size=(30, 4)), rng.uniform(size=(30, 4))
    expected = -(x * scipy.special.log_expit(logits) + (1 - x) * scipy.special.log_expit(-logits)).sum(axis=1)
    np.testing.assert_allclose(cost_of(logits, x), expected, rtol=1e-5)


@pytest.mark.parametrize(("logit", "x", "expected"), [(200.0, 1.0, 0.0), (-200.0, 0.0, 0.0), (200.0, 0.0, 200.0), (-200.0, 1.0, 200.0)])
def test_is_finite_where_a_probability_rounds_to_zero(logit, x, expected):
    assert float(cost_of([[logit]], [[x]])[0]) == expected


def test_keeps_the_digits_of_tiny_costs():
    # log1p(exp(-20)); a probability that was rounded to 1 first would give 0.
    np.testing.assert_allclose(cost_of([[20.0]], [[1.0]]), [2.061153620314381e-09], rtol=1e-5)


@pytest.mark.parametrize("x", [0.0, 0.3, 1.0])
def test_its_slope_is_the_probability_minus_the_datum_at_every_logit(x):
    logits = jnp.asarray([-300.0, -15.0, -1.0, 0.0, 1.0, 15.0, 300.0])
    slope = jax.grad(lambda logits: cost_of(logits[None], jnp.full((1, 7), x))[0])(logits)
    np.testing.assert_allclose(slope, scipy.special.expit(np.asarray(logits)) - x, atol=1e-6)


def test_the_best_constant_guess_is_the_mean():
    x = np.random.default_rng(3).beta(0.5, 1.5, size=(200, 1))
    here, above, below = (
        float(jnp.sum(cost_of(np.full_like(x, Bernoulli().start(x.mean(axis=0)) + step), x))) for step in (0.0, 0.05, -0.05)
    )
    assert here < min(above, below)


def test_starts_at_the_logit_of_the_mean():
    mean = np.asarray([0.1, 0.5, 0.99])
    np.testing.assert_allclose(Bernoulli().start(mean), scipy.special.logit(mean), rtol=1e-9)


def test_a_feature_that_never_varied_starts_near_its_value_yet_can_be_unlearned():
    start = jnp.asarray(Bernoulli().start(np.asarray([0.0, 1.0])))[None]
    assert jnp.all(jnp.isfinite(start))
    assert cost_of(start, [[0.0, 1.0]])[0] < 1e-5
    surprise, slope = jax.value_and_grad(lambda start: cost_of(start, [[1.0, 0.0]])[0])(start)
    assert surprise < 30.0
    np.testing.assert_allclose(jnp.abs(slope), 1.0, rtol=1e-5)
