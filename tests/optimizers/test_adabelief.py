import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from isthmus.optimizers import Adabelief, Adam

MATRIX = np.asarray([[3.0, 0.5], [0.5, 1.0]])
START = np.asarray([2.0, -1.0])


@pytest.mark.parametrize(("beta1", "beta2", "epsilon"), [(0.9, 0.999, 1e-16), (0.5, 0.9, 1e-6), (0.8, 0.99, 1e-3)])
def test_follows_algorithm_2_of_the_paper(beta1, beta2, epsilon):
    built = Adabelief(0.05, beta1, beta2, epsilon).build(0.05)
    found, state = jnp.asarray(START, float), built.init(jnp.zeros(2))
    weights, mean, square = START, np.zeros(2), np.zeros(2)
    for count in range(1, 31):
        gradient = MATRIX @ weights
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * (gradient - mean) ** 2 + epsilon
        weights = weights - 0.05 * (mean / (1 - beta1**count)) / (np.sqrt(square / (1 - beta2**count)) + epsilon)
        updates, state = built.update(jnp.asarray(MATRIX, float) @ found, state)
        found = optax.apply_updates(found, updates)
        np.testing.assert_allclose(found, weights, rtol=5e-3, atol=5e-4)


def last_step(optimizer, gradients):
    built = optimizer.build(0.01)

    def step(state, gradient):
        updates, state = built.update(gradient, state)
        return state, updates

    return np.abs(jax.lax.scan(step, built.init(gradients[0]), jnp.asarray(gradients, float))[1][-1])


def test_steps_are_large_where_gradients_come_as_expected_and_small_where_they_surprise():
    steady, noisy = np.full(200, 0.1), 0.1 + np.where(np.arange(200) % 2, 1.0, -1.0)
    assert last_step(Adabelief(), steady) > 3 * last_step(Adam(), steady)
    np.testing.assert_allclose(last_step(Adabelief(), noisy), last_step(Adam(), noisy), rtol=0.2)


def test_epsilon_bounds_the_steps_of_a_gradient_that_never_surprises():
    # In the long run the mean square is epsilon / (1 - beta2), and all that is left of the gradient is its size.
    step = last_step(Adabelief(beta1=0.5, beta2=0.9, epsilon=1e-4), np.full(300, 2.0))
    np.testing.assert_allclose(step, 0.01 * 2.0 / (np.sqrt(1e-3) + 1e-4), rtol=1e-3)


def test_does_not_depend_on_the_scale_of_the_gradient():
    gradients = np.random.default_rng(0).normal(size=50) + 0.5
    np.testing.assert_allclose(last_step(Adabelief(), 100.0 * gradients), last_step(Adabelief(), gradients), rtol=1e-3)
