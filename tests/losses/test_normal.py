"""The normal likelihood against SciPy, in each of its spreads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus import Autoencoder
from isthmus.errors import PartError
from isthmus.losses import Normal, SquaredError

RNG = np.random.default_rng(0)
X, Y, LOG = (RNG.normal(size=(6, 4)).astype(np.float32) for _ in range(3))


def bounded(log_scale):
    """A standard deviation that is learned: never below exp(-6)."""
    return np.exp(-6.0 + np.log1p(np.exp(np.float64(log_scale) + 6.0)))


@pytest.mark.parametrize(
    ("loss", "weights", "outputs", "scale"),
    [
        (Normal(), (), Y, 1.0),
        (Normal(0.3), (), Y, 0.3),
        (Normal(spread="shared"), np.float32(0.7), Y, bounded(0.7)),
        (Normal(spread="per_feature"), LOG[0], Y, bounded(LOG[0])),
        (Normal(spread="per_value"), (), np.concatenate([Y, LOG], axis=1), bounded(LOG)),
    ],
    ids=lambda value: repr(value) if isinstance(value, Normal) else "",
)
def test_the_cost_is_minus_the_log_density(loss, weights, outputs, scale):
    expected = -scipy.stats.norm(np.float64(Y), scale).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(loss(weights, jnp.asarray(outputs), jnp.asarray(X)), expected, rtol=1e-4)
    np.testing.assert_array_equal(loss.mean(jnp.asarray(outputs)), Y)


def test_one_is_half_of_the_squared_error_and_a_constant():
    cost = Normal()((), jnp.asarray(Y), jnp.asarray(X)) - 0.5 * SquaredError()((), jnp.asarray(Y), jnp.asarray(X))
    np.testing.assert_allclose(cost, 2.0 * np.log(2.0 * np.pi), rtol=1e-5)


def test_a_fixed_spread_follows_the_unit_of_the_data_and_learned_ones_stay():
    scale = np.array([0.5, 2.0, 1.0, 4.0])
    rescaled = Normal(0.3).rescaled(scale)
    expected = -scipy.stats.norm(np.float64(Y), 0.3 * scale).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(jax.jit(lambda loss: loss((), jnp.asarray(Y), jnp.asarray(X)))(rescaled), expected, rtol=1e-4)
    assert Normal(spread="shared").rescaled(scale) == Normal(spread="shared")


def test_a_constant_column_ends_at_the_lowest_spread_and_not_at_infinity():
    X = np.column_stack([np.full(200, 3.0), *3 * [np.random.default_rng(0).normal(size=200)]])
    autoencoder = Autoencoder(
        1, loss=Normal(spread="per_feature"), bottleneck="gaussian", learning_rate=0.05, max_epochs=60, random_state=0
    )
    assert np.all(np.isfinite(autoencoder.fit(X).history_["loss"]))
    np.testing.assert_allclose(autoencoder.reconstruct(X)[:, 0], 3.0, atol=0.05)


def test_an_unknown_spread_is_refused():
    with pytest.raises(PartError, match="Choose one of: fixed, shared, per_feature, per_value"):
        Normal(spread="row")


@pytest.mark.parametrize("spread", ["shared", "per_feature", "per_value"])
def test_a_learned_spread_is_that_of_the_residuals_in_the_users_unit(spread):
    """A code says nothing of columns of noise: what is left is their standard deviation."""
    rng = np.random.default_rng(1)
    scale = np.float64([10.0, 10.0, 10.0]) if spread == "shared" else np.float64([1.0, 10.0, 100.0])
    X = 500.0 + scale * rng.normal(size=(400, 3))
    options = {"architecture": "linear", "learning_rate": 0.02, "max_epochs": 150, "random_state": 0, "validation_fraction": None}
    if spread == "per_value":  # a standard deviation that is exponential in the code would run away
        options |= {"architecture": "dense", "learning_rate": 1e-3}
    scaling = "auto" if spread == "shared" else "standard"
    autoencoder = Autoencoder(1, loss=Normal(spread=spread), bottleneck="gaussian", scaling=scaling, patience=None, **options)
    autoencoder.set_params(optimizer="adam", optimizer__schedule="cosine").fit(X)
    found = np.mean(autoencoder.log_likelihood(X, 200).value)
    # The best linear Gaussian model of one dimension: at least independent columns, at most a free covariance.
    independent = scipy.stats.norm(X.mean(axis=0), X.std(axis=0)).logpdf(X).sum(axis=1).mean()
    free = scipy.stats.multivariate_normal(X.mean(axis=0), np.cov(X.T, bias=True)).logpdf(X).mean()
    assert independent - 0.1 < found < free + 0.1
