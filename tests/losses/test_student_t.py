import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats

from isthmus.losses import SquaredError, StudentT


def slope_at(guess, x, loss):
    return jax.grad(lambda guess: jnp.sum(loss((), jnp.full_like(x, guess), x)))(float(guess))


@pytest.mark.parametrize(("degrees", "scale"), [(1.0, 1.0), (4.0, 0.3), (30.0, 5.0)])
def test_is_how_much_scipys_log_density_falls_from_its_peak(degrees, scale):
    outputs, x = np.random.default_rng(0).normal(size=(2, 40, 3), scale=3.0)
    log_density = scipy.stats.t(df=degrees, scale=scale).logpdf
    expected = (log_density(0.0) - log_density(x - outputs)).sum(axis=1)
    np.testing.assert_allclose(StudentT(degrees, scale)((), jnp.asarray(outputs), jnp.asarray(x)), expected, rtol=1e-5)


def test_with_the_constant_of_its_docstring_it_is_minus_the_log_likelihood():
    nu, scale = 3.0, 0.7
    constant = np.log(scale) + np.log(nu * np.pi) / 2 + scipy.special.gammaln(nu / 2) - scipy.special.gammaln((nu + 1) / 2)
    cost = StudentT(nu, scale)((), jnp.full((1, 1), 1.3), jnp.zeros((1, 1)))
    np.testing.assert_allclose(cost + constant, [-scipy.stats.t.logpdf(1.3, nu, scale=scale)], rtol=1e-5)


def test_with_many_degrees_of_freedom_it_is_a_gaussian():
    outputs, x = map(jnp.asarray, np.random.default_rng(1).normal(size=(2, 40, 3)))
    np.testing.assert_allclose(StudentT(1e5, 2.0)((), outputs, x), SquaredError()((), outputs, x) / 8.0, rtol=1e-3)


def test_its_slope_is_largest_at_the_scale_times_the_root_of_the_degrees_and_fades_beyond():
    loss = StudentT(4.0, 0.5)
    slope = jax.vmap(jax.grad(lambda error: loss((), error[None, None], jnp.zeros((1, 1)))[0]))
    error = jnp.linspace(0.0, 5.0, 501)
    np.testing.assert_allclose(error[jnp.argmax(slope(error))], 1.0, atol=0.011)
    np.testing.assert_allclose(slope(jnp.asarray([1e3, 1e6])), [5e-3, 5e-6], rtol=1e-4)


def test_its_best_guess_is_scipys_maximum_likelihood_location():
    values = np.r_[np.random.default_rng(2).normal(1.0, 0.5, size=60), 50.0, 70.0, 1000.0]
    _, location, _ = scipy.stats.t.fit(values, fdf=3.0, fscale=0.5, loc=1.0)
    x, loss = jnp.asarray(values)[:, None], StudentT(3.0, 0.5)
    assert abs(location - 1.0) < 0.2
    assert slope_at(location - 0.01, x, loss) < 0 < slope_at(location + 0.01, x, loss)


def test_an_outlier_pulls_less_the_farther_away_it_is():
    # 20 values at 0, one at M: to first order the guess is at (scale^2 nu / 20) / M.
    loss = StudentT(4.0, 1.0)
    for far in (1e2, 1e3, 1e4):
        x = jnp.asarray(np.r_[np.zeros(20), far])[:, None]
        expected = 4.0 / 20.0 / far
        assert slope_at(0.9 * expected, x, loss) < 0 < slope_at(1.1 * expected, x, loss)


def test_it_costs_the_same_in_every_unit():
    outputs, x = np.random.default_rng(3).normal(size=(2, 5, 3))
    scale = np.asarray([0.1, 1.0, 40.0])
    rescaled = StudentT(3.0, 0.7).rescaled(scale)
    expected = StudentT(3.0, 0.7)((), jnp.asarray(outputs), jnp.asarray(x))
    np.testing.assert_allclose(rescaled((), jnp.asarray(scale * outputs), jnp.asarray(scale * x)), expected, rtol=1e-4)
    assert rescaled.degrees_of_freedom == 3.0
