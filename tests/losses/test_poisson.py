import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus.errors import DataError
from isthmus.losses import Poisson


def cost_of(log_rate, x):
    return Poisson()((), jnp.asarray(log_rate, float), jnp.asarray(x, float))


def test_is_minus_scipys_log_likelihood():
    rng = np.random.default_rng(0)
    log_rate = rng.normal(size=(30, 5), scale=2.0)
    x = rng.poisson(np.exp(log_rate))
    np.testing.assert_allclose(cost_of(log_rate, x), -scipy.stats.poisson.logpmf(x, np.exp(log_rate)).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100, 10_000, 1_000_000])
def test_keeps_its_digits_for_few_and_for_many(count):
    # The logarithm of a rate is rounded to float32 before it is compared, and of a million that is already 0.05 % of the rate.
    log_rate = np.float32(np.log(max(count, 0.5)) + np.asarray([-0.3, -0.01, 0.0, 0.02, 0.4]))
    expected = -scipy.stats.poisson.logpmf(count, np.exp(log_rate.astype(float)))
    np.testing.assert_allclose(cost_of(log_rate[:, None], np.full((5, 1), count)), expected, rtol=2e-3 if count > 1e5 else 1e-4)


@pytest.mark.parametrize("count", [0.0, 0.5, 3.0, 8.0, 1e3])
def test_its_slope_is_the_rate_minus_the_count(count):
    log_rate = jnp.asarray([-200.0, -3.0, 0.0, 1.5, 7.0, 25.0])
    slope = jax.grad(lambda log_rate: cost_of(log_rate[None], jnp.full((1, 6), count))[0])(log_rate)
    np.testing.assert_allclose(slope, np.exp(np.asarray(log_rate)) - count, rtol=1e-4, atol=1e-4)


def test_beyond_the_highest_rate_it_goes_on_in_a_straight_line():
    edge = float(np.exp(30.0))
    np.testing.assert_allclose(cost_of([[30.0], [31.0], [1e6]], np.ones((3, 1))), [edge, 2 * edge, edge * (1e6 - 29)], rtol=1e-5)
    np.testing.assert_allclose(Poisson().mean(jnp.asarray([[29.0, 30.0, 1e6]])), [[np.exp(29.0), edge, edge]], rtol=1e-5)


def test_the_best_constant_guess_is_the_mean():
    x = np.random.default_rng(1).poisson(3.0, size=(200, 1))
    here, above, below = (
        float(jnp.sum(cost_of(np.full_like(x, Poisson().start(x.mean(axis=0)) + step, float), x))) for step in (0.0, 0.05, -0.05)
    )
    assert here < min(above, below)


def test_a_column_of_zeros_starts_near_zero_yet_can_be_unlearned():
    start = jnp.asarray(Poisson().start(np.zeros(2)))[None]
    assert cost_of(start, [[0.0, 0.0]])[0] < 1e-5
    surprise, slope = jax.value_and_grad(lambda start: cost_of(start, [[1.0, 1.0]])[0])(start)
    assert surprise < 30.0
    np.testing.assert_allclose(slope, -1.0, rtol=1e-5)


def test_what_rounding_left_of_a_zero_counts_as_zero():
    np.testing.assert_allclose(cost_of([[0.3]], [[-1e-7]]), [np.exp(0.3)], rtol=1e-6)


def test_counts_below_zero_and_counts_beyond_counting_are_refused():
    Poisson().check_rows(np.asarray([[0.0, 0.5, 1e12]]))
    with pytest.raises(DataError, match=r"for values of 0 and more, such as counts; got values down to -3\."):
        Poisson().check_rows(np.asarray([[2.0, -3.0]]))
    with pytest.raises(DataError, match=r"takes counts up to 1e\+13; got values up to 1e\+18\. Give them in a larger unit"):
        Poisson().check_rows(np.asarray([[2.0, 1e18]]))
