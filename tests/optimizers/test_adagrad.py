import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from isthmus.optimizers import Adagrad

MATRIX = np.asarray([[3.0, 0.5], [0.5, 1.0]])
START = np.asarray([2.0, -1.0])


def steps_for(optimizer, gradients, rate=0.1):
    built = optimizer.build(rate)
    gradients = jnp.asarray(gradients, float)

    def step(state, gradient):
        updates, state = built.update(gradient, state)
        return state, updates

    return np.asarray(jax.lax.scan(step, built.init(gradients[0]), gradients)[1])


@pytest.mark.parametrize(("initial", "epsilon"), [(0.0, 1e-12), (0.1, 1e-7), (2.0, 0.5)])
def test_follows_its_formula(initial, epsilon):
    weights, total, path = START, np.full(2, initial), []
    found, state = jnp.asarray(START, float), Adagrad(0.1, initial, epsilon).build(0.1).init(jnp.zeros(2))
    for _ in range(30):
        gradient = MATRIX @ weights
        total = total + gradient**2
        weights = weights - 0.1 * gradient / np.sqrt(total + epsilon)
        updates, state = Adagrad(0.1, initial, epsilon).build(0.1).update(jnp.asarray(MATRIX, float) @ found, state)
        found = optax.apply_updates(found, updates)
        path.append((found, weights))
    for ours, expected in path:
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_under_a_lasting_gradient_steps_fall_with_the_root_of_their_number():
    steps = steps_for(Adagrad(), np.tile([2.0, -1e-3], (100, 1)))
    expected = 0.1 / np.sqrt(np.arange(1, 101))
    np.testing.assert_allclose(steps, np.stack([-expected, expected], axis=1), rtol=1e-4)


def test_a_coordinate_that_seldom_has_a_gradient_keeps_large_steps():
    gradients = np.tile([1.0, 0.0], (100, 1))
    gradients[[49, 99], 1] = 1.0
    steps = steps_for(Adagrad(), gradients)
    np.testing.assert_allclose(steps[99], [-0.1 / 10, -0.1 / np.sqrt(2)], rtol=1e-5)


def test_what_the_sums_begin_with_wears_off_slowly_where_gradients_are_small():
    small = np.full((100, 1), 1e-2)
    np.testing.assert_allclose(steps_for(Adagrad(initial=0.1), small)[0], -0.1 * 1e-2 / np.sqrt(0.1001), rtol=1e-5)
    assert abs(steps_for(Adagrad(initial=0.1), small)[-1, 0]) < 0.5 * abs(steps_for(Adagrad(), small)[-1, 0])


def test_its_step_sizes_are_those_of_any_gradient():
    optimizer, gradient = Adagrad(initial=0.5), jnp.asarray([0.3, -2.0, 0.0])
    updates, state = optimizer.build(0.1).update(gradient, optimizer.build(0.1).init(gradient))
    np.testing.assert_allclose(updates, -optimizer.step_sizes(state, gradient, 0.1) * gradient, rtol=1e-6)
