import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.losses import AbsoluteError, LogCosh, SquaredError


def cost_of(error, width=1.0):
    return LogCosh(width)((), jnp.asarray(error, float)[:, None], jnp.zeros((len(error), 1)))


@pytest.mark.parametrize("width", [0.3, 1.0, 4.0])
def test_is_the_logarithm_of_the_hyperbolic_cosine(width):
    error = np.linspace(-8.0, 8.0, 41)
    np.testing.assert_allclose(cost_of(error, width), width**2 * np.log(np.cosh(error / width)), rtol=1e-5, atol=1e-7)


def test_small_errors_keep_their_digits_and_large_ones_do_not_overflow():
    np.testing.assert_allclose(cost_of([1e-3, 1e-2]), [0.5e-6, 0.5e-4 - 1e-8 / 12], rtol=5e-4)
    np.testing.assert_allclose(cost_of([1e4, 1e30]), [1e4 - np.log(2.0), 1e30], rtol=1e-6)


def test_its_slope_is_the_hyperbolic_tangent():
    error = jnp.asarray([-1e4, -3.0, -0.2, 0.0, 0.01, 1.0, 50.0])
    slope = jax.grad(lambda error: jnp.sum(LogCosh(2.0)((), error[None], jnp.zeros((1, 7)))))(error)
    np.testing.assert_allclose(slope, 2.0 * np.tanh(np.asarray(error) / 2.0), rtol=1e-4)


def test_a_large_width_gives_half_the_squares_and_a_small_one_absolute_errors():
    outputs, x = map(jnp.asarray, np.random.default_rng(0).normal(size=(2, 40, 3)))
    np.testing.assert_allclose(LogCosh(30.0)((), outputs, x), 0.5 * SquaredError()((), outputs, x), rtol=1e-2)
    np.testing.assert_allclose(LogCosh(1e-4)((), outputs, x) / 1e-4, AbsoluteError()((), outputs, x), rtol=1e-3)


@pytest.mark.parametrize("n_outliers", [1, 5, 9])
def test_outliers_move_its_best_guess_as_far_as_their_share_says(n_outliers):
    # Each of 20 values at 0 pulls back by tanh(y), each outlier at infinity by 1: they balance at y = artanh(outliers / 20).
    x = jnp.asarray(np.r_[np.zeros(20), np.full(n_outliers, 1e6)])[:, None]
    balance = np.arctanh(n_outliers / 20)
    slope = jax.grad(lambda guess: jnp.sum(LogCosh(1.0)((), jnp.full_like(x, guess), x)))
    np.testing.assert_allclose(slope(float(balance)), 0.0, atol=1e-4)
    assert slope(0.9 * float(balance)) < -0.01
    assert slope(1.1 * float(balance)) > 0.01


@pytest.mark.parametrize("shape", [(3,), (2, 2, 3)], ids=str)
def test_rescaled_to_other_units_it_is_the_same_loss_in_squared_units(shape):
    rng = np.random.default_rng(1)
    outputs, x = rng.normal(size=(2, 5, *shape))
    scale = rng.uniform(0.1, 4.0, size=shape)
    rescaled = LogCosh(0.8).rescaled(scale)
    expected = (scale**2 * 0.64 * np.log(np.cosh((x - outputs) / 0.8))).reshape(5, -1).sum(axis=1)
    np.testing.assert_allclose(rescaled((), jnp.asarray(scale * outputs), jnp.asarray(scale * x)), expected, rtol=1e-4)
    compiled = jax.jit(lambda loss, scale: loss.rescaled(scale)((), jnp.asarray(scale * outputs), jnp.asarray(scale * x)))
    np.testing.assert_allclose(compiled(LogCosh(0.8), scale), expected, rtol=1e-4)
