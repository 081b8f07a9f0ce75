import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from isthmus.optimizers import Adam

MATRIX = np.asarray([[3.0, 0.5], [0.5, 1.0]])
START = np.asarray([2.0, -1.0])


def trajectory(optimizer, rate, steps):
    built = optimizer.build(rate)

    def step(carry, _):
        weights, state = carry
        updates, state = built.update(jnp.asarray(MATRIX, float) @ weights, state, weights)
        weights = optax.apply_updates(weights, updates)
        return (weights, state), weights

    start = jnp.asarray(START, float)
    return np.asarray(jax.lax.scan(step, (start, built.init(start)), length=steps)[1])


@pytest.mark.parametrize(("beta1", "beta2", "epsilon"), [(0.9, 0.999, 1e-8), (0.0, 0.9, 1e-3), (0.5, 0.99, 0.1)])
def test_follows_algorithm_1_of_the_paper(beta1, beta2, epsilon):
    weights, mean, square, path = START, np.zeros(2), np.zeros(2), []
    for count in range(1, 51):
        gradient = MATRIX @ weights
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
        weights = weights - 0.05 * (mean / (1 - beta1**count)) / (np.sqrt(square / (1 - beta2**count)) + epsilon)
        path.append(weights)
    np.testing.assert_allclose(trajectory(Adam(0.05, beta1, beta2, epsilon), 0.05, 50), path, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_first_step_has_the_size_of_the_rate_whatever_the_gradients_scale(scale):
    optimizer = Adam().build(0.01)
    gradient = scale * jnp.asarray([1.0, -2.0])
    updates, _ = optimizer.update(gradient, optimizer.init(gradient))
    np.testing.assert_allclose(updates, [-0.01, 0.01], rtol=1e-4)


def test_epsilon_is_added_to_the_root_and_the_root_is_not_taken_of_a_square():
    """A rule in print divides by `sqrt(v_hat^2 + epsilon^2)`, which is about `v_hat`, hence steps of `rate / g` instead of `rate`."""
    curvature, steps = np.asarray([1.0, 100.0]), 2000

    def bowl(w):
        return float(0.5 * np.sum(curvature * np.square(w)))

    weights, mean, square = np.full(2, 5.0), np.zeros(2), np.zeros(2)
    for count in range(1, steps + 1):
        gradient = curvature * weights
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        corrected = square / (1 - 0.999**count)
        weights = weights - 0.01 * (mean / (1 - 0.9**count)) / np.sqrt(corrected**2 + 1e-16)
    assert bowl(np.full(2, 5.0)) == 1262.5
    assert 1200 < bowl(weights) < 1262.5

    optimizer = Adam().build(0.01)

    def step(_, carry):
        weights, state = carry
        updates, state = optimizer.update(curvature * weights, state, weights)
        return optax.apply_updates(weights, updates), state

    start = jnp.full(2, 5.0)
    ours, _ = jax.lax.fori_loop(0, steps, step, (start, optimizer.init(start)))
    assert bowl(ours) < 1e-6


def test_keeps_two_numbers_a_weight():
    state = Adam().build(0.1).init(jnp.ones((3, 4)))
    assert optax.tree.size(state) == 2 * 12 + 1  # and the count of steps
