import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from isthmus import Autoencoder
from isthmus.bottlenecks import Gaussian
from isthmus.errors import DataError, PartError
from isthmus.losses import NegativeBinomial, Poisson

COUNTS = [0.0, 1.0, 7.0, 8.0, 1e3, 1e6]


def cost_of(log_mean, log_dispersion, x):
    """Of single values, each with its own dispersion."""
    outputs = jnp.stack([jnp.asarray(log_mean, jnp.float32), jnp.broadcast_to(jnp.float32(log_dispersion), np.shape(log_mean))], axis=1)
    return NegativeBinomial("per_value")((), outputs, jnp.broadcast_to(jnp.float32(x), np.shape(log_mean))[:, None])


def bent(log_dispersion):
    """What is learned stays between exp(-10) and exp(20)."""
    return 20.0 - np.logaddexp(0.0, 30.0 - np.logaddexp(0.0, log_dispersion + 10.0))


def exact(log_mean, log_dispersion, x):
    dispersion, odds = np.exp(bent(log_dispersion)), np.float64(log_mean) - bent(log_dispersion)
    gammas = scipy.special.gammaln(x + dispersion) - scipy.special.gammaln(dispersion) - scipy.special.gammaln(x + 1.0)
    return dispersion * np.logaddexp(0.0, odds) + x * np.logaddexp(0.0, -odds) - gammas


def grid(*axes):
    """Every combination of the values of some axes, as float32."""
    return [np.float32(values.ravel()) for values in np.meshgrid(*axes)]


@pytest.mark.parametrize("dispersion", ["shared", "per_feature", "per_value"])
def test_is_minus_scipys_log_likelihood(dispersion):
    rng = np.random.default_rng(0)
    log_mean, x = rng.normal(size=(30, 5), scale=2.0), rng.poisson(3.0, size=(30, 5))
    free = rng.normal(size={"shared": (), "per_feature": (5,), "per_value": (30, 5)}[dispersion])
    outputs = np.concatenate([log_mean, free], axis=1) if dispersion == "per_value" else log_mean
    weights = () if dispersion == "per_value" else np.float32(free)
    theta = np.exp(bent(free))
    expected = -scipy.stats.nbinom.logpmf(x, theta, theta / (theta + np.exp(log_mean))).sum(axis=1)
    cost = NegativeBinomial(dispersion)(weights, jnp.asarray(outputs, float), jnp.asarray(x, float))
    np.testing.assert_allclose(cost, expected, rtol=2e-4)


def test_keeps_its_digits_for_few_and_for_many():
    off, log_dispersion, count = grid([-20.0, -1.0, -0.01, 0.0, 0.02, 3.0], [-12.0, -9.0, -2.0, 0.0, 2.0, 2.2, 8.0, 15.0, 30.0], COUNTS)
    log_mean = np.float32(np.log(np.maximum(count, 0.5)) + off)
    expected = exact(log_mean, np.float64(log_dispersion), np.float64(count))
    np.testing.assert_allclose(cost_of(log_mean, log_dispersion, count), expected, rtol=1e-4, atol=1e-4)


def test_its_slopes_agree_with_differences_of_exact_values():
    log_mean, place, count = grid([-30.0, -3.0, 0.0, 1.5, 7.0, 14.0], [-12.0, -3.0, 0.0, 2.1, 6.0], COUNTS)
    slopes = jax.jit(jax.grad(lambda *given: jnp.sum(cost_of(*given, count)), argnums=(0, 1)))(log_mean, place)
    log_mean, place, count, step = np.float64(log_mean), np.float64(place), np.float64(count), 1e-4
    theta, mean = np.exp(bent(place)), np.exp(log_mean)
    np.testing.assert_allclose(slopes[0], theta * (mean - count) / (theta + mean), rtol=1e-3, atol=1e-3)
    differences = (exact(log_mean, place + step, count) - exact(log_mean, place - step, count)) / (2 * step)
    np.testing.assert_allclose(slopes[1], differences, rtol=1e-3, atol=2e-3)


def test_with_a_large_dispersion_it_is_poissons():
    rng = np.random.default_rng(1)
    log_mean, x = jnp.asarray(rng.normal(size=40, scale=2.0)), rng.poisson(4.0, size=40)
    poisson = Poisson()((), log_mean[:, None], jnp.asarray(x[:, None], float))
    np.testing.assert_allclose(cost_of(log_mean, 1e4, jnp.asarray(x)), poisson, rtol=1e-4, atol=1e-4)


def test_huge_rates_are_drawn_too():
    draws = np.asarray(Poisson().sample((), jnp.full((1000, 1), 25.0), key=jax.random.key(0)), np.float64)
    np.testing.assert_allclose(draws.mean(), np.exp(25.0), rtol=1e-4)
    np.testing.assert_allclose(draws.std(), np.exp(12.5), rtol=0.1)


def test_counts_below_zero_and_counts_beyond_counting_are_refused():
    NegativeBinomial().check_rows(np.asarray([[0.0, 0.5, 1e12]]))
    with pytest.raises(DataError, match=r"NegativeBinomial\(.*for values of 0 and more, such as counts; got values down to -3\. Give"):
        NegativeBinomial().check_rows(np.asarray([[2.0, -3.0]]))
    with pytest.raises(DataError, match=r"takes counts up to 1e\+13; got values up to 1e\+18\. Give them in a larger unit"):
        NegativeBinomial().check_rows(np.asarray([[2.0, 1e18]]))
    with pytest.raises(PartError, match="Choose one of: per_feature, shared, per_value"):
        NegativeBinomial("row")


@pytest.mark.filterwarnings("ignore:The posterior has collapsed")
def test_a_learned_dispersion_is_that_of_the_counts():
    rng = np.random.default_rng(2)
    theta, mean = np.asarray([0.5, 4.0]), np.asarray([5.0, 30.0])
    counts = rng.negative_binomial(theta, theta / (theta + mean), size=(2000, 2))
    autoencoder = Autoencoder(1, architecture="linear", loss="negative_binomial", bottleneck=Gaussian(beta=1e3))
    autoencoder.set_params(learning_rate=0.02, max_epochs=25, validation_fraction=None, random_state=0).fit(counts)
    np.testing.assert_allclose(np.exp(autoencoder.model_.loss_weights), theta, rtol=0.15)
    np.testing.assert_allclose(autoencoder.reconstruct(counts).mean(axis=0), counts.mean(axis=0), rtol=0.1)
