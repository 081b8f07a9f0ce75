import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from isthmus.losses import AbsoluteError, Charbonnier, SquaredError


def test_is_scipys_pseudo_huber_divided_by_the_width():
    outputs, x = np.random.default_rng(0).normal(size=(2, 40, 3))
    for width in (0.3, 1.0, 5.0):
        expected = scipy.special.pseudo_huber(width, x - outputs).sum(axis=1) / width
        np.testing.assert_allclose(Charbonnier(width)((), jnp.asarray(outputs), jnp.asarray(x)), expected, rtol=1e-5)


def test_a_small_width_gives_absolute_errors_and_a_large_one_squares():
    outputs, x = map(jnp.asarray, np.random.default_rng(1).normal(size=(2, 40, 3)))
    np.testing.assert_allclose(Charbonnier(1e-6)((), outputs, x), AbsoluteError()((), outputs, x), rtol=1e-4)
    np.testing.assert_allclose(2e3 * Charbonnier(1e3)((), outputs, x), SquaredError()((), outputs, x), rtol=1e-4)


def test_small_errors_keep_their_digits():
    cost = Charbonnier(1.0)((), jnp.asarray([[1e-3]]), jnp.zeros((1, 1)))
    np.testing.assert_allclose(cost, [0.5e-6], rtol=1e-5)


def test_its_slope_is_zero_at_zero_and_never_exceeds_one():
    error = jnp.asarray([-1e4, -1.0, -1e-3, 0.0, 1e-4, 0.5, 1e4])
    slope = jax.grad(lambda error: jnp.sum(Charbonnier(1e-3)((), error[None], jnp.zeros((1, 7)))))(error)
    np.testing.assert_allclose(slope, np.asarray(error) / np.hypot(error, 1e-3), rtol=1e-5)
    assert slope[3] == 0.0


@pytest.mark.parametrize("n_outliers", [1, 5, 9])
def test_outliers_move_its_best_guess_as_far_as_their_share_says(n_outliers):
    # Each of 20 values at 0 pulls back by y / sqrt(y^2 + width^2), each outlier at infinity by 1.
    x = jnp.asarray(np.r_[np.zeros(20), np.full(n_outliers, 1e6)])[:, None]
    share = n_outliers / 20
    balance = 0.5 * share / np.sqrt(1 - share**2)
    slope = jax.grad(lambda guess: jnp.sum(Charbonnier(0.5)((), jnp.full_like(x, guess), x)))
    np.testing.assert_allclose(slope(float(balance)), 0.0, atol=1e-4)
    assert slope(0.9 * float(balance)) < -0.01
    assert slope(1.1 * float(balance)) > 0.01


def test_rescaled_to_other_units_it_is_the_same_loss_in_these_units():
    rng = np.random.default_rng(2)
    outputs, x = rng.normal(size=(2, 5, 3))
    scale = np.asarray([0.1, 1.0, 40.0])
    expected = (scale * (np.hypot(x - outputs, 0.7) - 0.7)).sum(axis=1)
    cost = Charbonnier(0.7).rescaled(scale)((), jnp.asarray(scale * outputs), jnp.asarray(scale * x))
    np.testing.assert_allclose(cost, expected, rtol=1e-4)
