import jax.numpy as jnp
import numpy as np

from isthmus.losses import AbsoluteError, SquaredError


def test_is_the_sum_of_absolute_differences():
    rng = np.random.default_rng(0)
    outputs, x = rng.normal(size=(2, 20, 7))
    cost = AbsoluteError()((), jnp.asarray(outputs), jnp.asarray(x))
    np.testing.assert_allclose(cost, np.abs(outputs - x).sum(axis=1), rtol=1e-6)


def test_the_best_constant_guess_is_the_median():
    x = jnp.asarray(np.random.default_rng(1).lognormal(size=(101, 1)), float)
    guesses = np.linspace(0.2, 4.0, 101, dtype=np.float32)
    costs = [float(jnp.sum(AbsoluteError()((), jnp.full_like(x, guess), x))) for guess in guesses]
    best = guesses[int(np.argmin(costs))]
    assert abs(best - jnp.median(x)) < 0.05
    assert abs(best - jnp.mean(x)) > 0.2


def test_errors_below_one_cost_more_than_their_squares():
    outputs, x = jnp.zeros((1, 1)), jnp.full((1, 1), 0.1)
    assert AbsoluteError()((), outputs, x)[0] > SquaredError()((), outputs, x)[0]


def test_the_output_bias_starts_at_the_mean():
    mean = np.asarray([-3.0, 0.5])
    np.testing.assert_array_equal(AbsoluteError().start(mean), mean)
