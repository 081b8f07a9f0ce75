import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus.errors import DataError
from isthmus.losses import NegativeBinomial, ZeroInflatedNegativeBinomial

RNG = np.random.default_rng(0)
LOG_MEAN, LOG_THETA, LOGIT = RNG.normal(size=(3, 30, 4))
X = RNG.poisson(1.0, size=(30, 4))


@pytest.mark.parametrize("dispersion", ["shared", "per_feature", "per_value"])
def test_is_minus_the_logarithm_of_a_mixture_with_zeros(dispersion):
    free = {"shared": LOG_THETA[0, 0], "per_feature": LOG_THETA[0], "per_value": LOG_THETA}[dispersion]
    blocks = [LOG_MEAN, LOG_THETA, LOGIT] if dispersion == "per_value" else [LOG_MEAN, LOGIT]
    theta, lost = np.exp(free), 1.0 / (1.0 + np.exp(-LOGIT))
    counts = scipy.stats.nbinom.pmf(X, theta, theta / (theta + np.exp(LOG_MEAN)))
    expected = -np.log(lost * (X == 0) + (1.0 - lost) * counts).sum(axis=1)
    loss, outputs = ZeroInflatedNegativeBinomial(dispersion), jnp.asarray(np.concatenate(blocks, axis=1), float)
    weights = () if dispersion == "per_value" else np.float32(free)
    np.testing.assert_allclose(loss(weights, outputs, jnp.asarray(X, float)), expected, rtol=2e-4)
    np.testing.assert_allclose(loss.mean(outputs), (1.0 - lost) * np.exp(LOG_MEAN), rtol=1e-5)


def test_where_nothing_is_lost_it_is_the_negative_binomial():
    outputs = jnp.asarray(np.concatenate([LOG_MEAN, np.full_like(LOGIT, -40.0)], axis=1), float)
    x, weights = jnp.asarray(X, float), np.float32(0.3)
    expected = NegativeBinomial("shared")(weights, jnp.asarray(LOG_MEAN, float), x)
    np.testing.assert_allclose(ZeroInflatedNegativeBinomial("shared")(weights, outputs, x), expected, rtol=1e-5)


def test_what_rounding_left_of_a_zero_may_have_been_lost():
    outputs, x = jnp.tile(jnp.asarray([[5.0, 3.0]]), (3, 1)), jnp.asarray([[-1e-3], [0.0], [1.0]])
    near, zero, one = ZeroInflatedNegativeBinomial("shared")(np.float32(0.0), outputs, x)
    np.testing.assert_allclose(near, zero, rtol=1e-6)
    assert zero < 0.1 < one


def test_counts_below_zero_are_refused():
    with pytest.raises(DataError, match=r"for values of 0 and more, such as counts; got values down to -3\. Give"):
        ZeroInflatedNegativeBinomial().check_rows(np.asarray([[2.0, -3.0]]))
