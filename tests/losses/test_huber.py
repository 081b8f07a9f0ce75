import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from isthmus.losses import AbsoluteError, Huber, SquaredError


def data(shape=(40, 3)):
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, *shape), scale=2.0)


@pytest.mark.parametrize("delta", [0.01, 0.7, 1.0, 5.0])
def test_is_scipys_huber(delta):
    outputs, x = data()
    cost = Huber(delta)((), jnp.asarray(outputs), jnp.asarray(x))
    np.testing.assert_allclose(cost, scipy.special.huber(delta, x - outputs).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("delta", [0.5, 2.0])
def test_its_slope_is_the_error_clipped_at_delta(delta):
    error = jnp.asarray([-10.0, -2.0, -0.5, -0.1, 0.0, 0.3, 0.5, 2.0, 7.0])
    slope = jax.grad(lambda error: Huber(delta)((), error[None], jnp.zeros((1, 9)))[0])(error)
    np.testing.assert_allclose(slope, jnp.clip(error, -delta, delta), rtol=1e-6)


def test_a_large_delta_gives_half_the_squares_and_a_small_one_absolute_errors():
    outputs, x = map(jnp.asarray, data())
    np.testing.assert_allclose(Huber(1e3)((), outputs, x), 0.5 * SquaredError()((), outputs, x), rtol=1e-5)
    np.testing.assert_allclose(Huber(1e-4)((), outputs, x) / 1e-4, AbsoluteError()((), outputs, x), rtol=1e-3)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 3)], ids=str)
def test_rescaled_to_other_units_it_is_the_same_loss_in_squared_units(shape):
    outputs, x = data((5, *shape))
    scale = np.random.default_rng(1).uniform(0.1, 4.0, size=shape)
    rescaled = Huber(0.8).rescaled(scale)
    expected = (scale**2 * scipy.special.huber(0.8, x - outputs)).reshape(5, -1).sum(axis=1)
    np.testing.assert_allclose(rescaled((), jnp.asarray(scale * outputs), jnp.asarray(scale * x)), expected, rtol=1e-4)


def test_a_rescaled_loss_is_a_part_like_any_other():
    outputs, x = map(jnp.asarray, data())
    rescaled = Huber(2.0).rescaled(np.asarray([1.0, 0.5, 0.1]))
    assert isinstance(rescaled, Huber)
    np.testing.assert_allclose(rescaled.delta, [2.0, 1.0, 0.2])
    compiled = jax.jit(lambda loss: loss((), outputs, x))
    np.testing.assert_allclose(compiled(rescaled), rescaled((), outputs, x), rtol=1e-6)


def test_the_scale_may_be_an_argument_of_a_compiled_function():
    outputs, x = map(jnp.asarray, data())
    scale = np.asarray([1.0, 0.5, 0.1])
    compiled = jax.jit(lambda loss, scale: loss.rescaled(scale)((), outputs, x))
    np.testing.assert_allclose(compiled(Huber(2.0), scale), Huber(2.0).rescaled(scale)((), outputs, x), rtol=1e-6)


def test_one_outlier_moves_the_best_guess_less_than_it_moves_the_mean():
    x = jnp.asarray(np.r_[np.random.default_rng(2).normal(size=50), 100.0][:, None], float)
    guesses = np.linspace(-1.0, 3.0, 401, dtype=np.float32)
    costs = jax.vmap(lambda guess: jnp.sum(Huber(1.0)((), jnp.full_like(x, guess), x)))(jnp.asarray(guesses))
    best = guesses[int(jnp.argmin(costs))]
    assert abs(best - jnp.median(x)) < 0.2
    assert jnp.mean(x) > 1.5
