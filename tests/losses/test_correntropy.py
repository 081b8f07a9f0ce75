import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus.losses import Correntropy, SquaredError


def slope_at(guess, x, width):
    return jax.grad(lambda guess: jnp.sum(Correntropy(width)((), jnp.full_like(x, guess), x)))(float(guess))


@pytest.mark.parametrize("width", [0.3, 1.0, 5.0])
def test_is_a_normal_density_taken_from_its_peak(width):
    outputs, x = np.random.default_rng(0).normal(size=(2, 40, 3))
    density = scipy.stats.norm(scale=width).pdf
    expected = width**2 * (1.0 - density(x - outputs) / density(0.0)).sum(axis=1)
    np.testing.assert_allclose(Correntropy(width)((), jnp.asarray(outputs), jnp.asarray(x)), expected, rtol=1e-5)


def test_a_large_width_gives_half_the_squares_and_no_error_costs_more_than_the_width_squared():
    outputs, x = map(jnp.asarray, np.random.default_rng(1).normal(size=(2, 40, 3)))
    np.testing.assert_allclose(Correntropy(1e3)((), outputs, x), 0.5 * SquaredError()((), outputs, x), rtol=1e-5)
    far = Correntropy(2.0)((), jnp.full((1, 3), 1e30), jnp.zeros((1, 3)))
    np.testing.assert_allclose(far, [12.0])


def test_its_best_guess_is_the_peak_of_a_kernel_density():
    values = np.random.default_rng(2).gamma(2.0, size=300)
    width = 0.4
    density = scipy.stats.gaussian_kde(values, bw_method=width / values.std(ddof=1))
    grid = np.linspace(0.0, 5.0, 5001)
    peak = grid[np.argmax(density(grid))]
    x = jnp.asarray(values)[:, None]
    assert abs(peak - values.mean()) > 0.3
    assert slope_at(peak - 0.02, x, width) < 0 < slope_at(peak + 0.02, x, width)


@pytest.mark.parametrize("outlier", [10.0, 1e3, 1e9])
def test_gross_outliers_do_not_move_its_best_guess_at_all(outlier):
    clean = np.random.default_rng(3).normal(size=60)
    clean, spoiled = (jnp.asarray(values)[:, None] for values in (clean, np.r_[clean, np.full(25, outlier)]))
    for guess in (-0.3, 0.0, 0.4):
        np.testing.assert_allclose(slope_at(guess, spoiled, 1.0), slope_at(guess, clean, 1.0), rtol=1e-5)


def test_rescaled_to_other_units_it_is_the_same_loss_in_squared_units():
    outputs, x = np.random.default_rng(4).normal(size=(2, 5, 3))
    scale = np.asarray([0.1, 1.0, 40.0])
    expected = -(scale**2 * 0.49 * np.expm1(-0.5 * ((x - outputs) / 0.7) ** 2)).sum(axis=1)
    cost = Correntropy(0.7).rescaled(scale)((), jnp.asarray(scale * outputs), jnp.asarray(scale * x))
    np.testing.assert_allclose(cost, expected, rtol=1e-4)
