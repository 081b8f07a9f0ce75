"""The Laplace likelihood against SciPy, in each of its spreads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus.errors import PartError
from isthmus.losses import AbsoluteError, Laplace
from losses.spreads import X, Y, shown, spreads_of


@pytest.mark.parametrize(("loss", "weights", "outputs", "scale"), spreads_of(Laplace), ids=shown)
def test_the_cost_is_minus_the_log_density(loss, weights, outputs, scale):
    expected = -scipy.stats.laplace(np.float64(Y), scale).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(loss(weights, jnp.asarray(outputs), jnp.asarray(X)), expected, rtol=1e-4)
    np.testing.assert_array_equal(loss.mean(jnp.asarray(outputs)), Y)


def test_one_is_the_absolute_error_and_a_constant():
    cost = Laplace()((), jnp.asarray(Y), jnp.asarray(X)) - AbsoluteError()((), jnp.asarray(Y), jnp.asarray(X))
    np.testing.assert_allclose(cost, 4.0 * np.log(2.0), rtol=1e-5)


def test_a_fixed_scale_follows_the_unit_of_the_data_and_learned_ones_stay():
    unit = np.array([0.5, 2.0, 1.0, 4.0])
    expected = -scipy.stats.laplace(np.float64(Y), 0.3 * unit).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(Laplace(0.3).rescaled(unit)((), jnp.asarray(Y), jnp.asarray(X)), expected, rtol=1e-4)
    assert Laplace(spread="shared").rescaled(unit) == Laplace(spread="shared")


def test_an_unknown_spread_is_refused():
    with pytest.raises(PartError, match="Choose one of: fixed, shared, per_feature, per_value"):
        Laplace(spread="optimal")


def test_the_best_scale_is_the_mean_absolute_error_and_the_best_location_the_median():
    values = np.r_[np.random.default_rng(1).laplace(size=40), 1e3].astype(np.float32)[:, None]
    loss, median = Laplace(spread="shared"), np.median(values)
    free = np.log(np.mean(np.abs(values - median)))  # far above the bound, where it is the logarithm of the scale

    def total(free, location):
        return jnp.sum(loss(free, jnp.full((41, 1), location), jnp.asarray(values)))

    np.testing.assert_allclose(jax.grad(total)(free, median), 0.0, atol=1e-2)
    slopes = [jax.grad(total, argnums=1)(free, median + step) for step in (-0.1, 0.1)]
    assert slopes[0] < 0.0 < slopes[1]
