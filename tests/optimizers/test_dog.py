import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.optimizers import Dog

CURVATURE = np.asarray([3.0, 1.0, 0.5])
START = np.asarray([2.0, -1.0, 0.5])


def trajectory(optimizer, steps, scale=1.0, rate=1.0):
    built, weights = optimizer.build(rate), jnp.asarray(START, float)

    def step(carry, _):
        weights, state = carry
        updates, state = built.update(scale * CURVATURE * weights, state, weights)
        return (weights + updates, state), weights + updates

    return np.asarray(jax.lax.scan(step, (weights, built.init(weights)), length=steps)[1])


@pytest.mark.parametrize(("initial", "epsilon", "rate"), [(1e-6, 1e-8, 1.0), (1e-2, 0.5, 0.3)])
def test_follows_its_formula(initial, epsilon, rate):
    weights, distance, squares, path = START, initial * (1 + np.linalg.norm(START)), 0.0, []
    for _ in range(60):
        gradient = CURVATURE * weights
        distance = max(distance, np.linalg.norm(weights - START))
        squares += gradient @ gradient
        weights = weights - rate * distance / np.sqrt(squares + epsilon) * gradient
        path.append(weights)
    np.testing.assert_allclose(trajectory(Dog(1.0, initial, epsilon), 60, rate=rate), path, rtol=1e-2, atol=1e-3)


def test_finds_its_rate_whatever_the_scale_of_the_objective():
    for scale in (1e-3, 1.0, 1e3):
        found = trajectory(Dog(epsilon=1e-20), 400, scale)
        assert np.linalg.norm(found[-1]) < 0.05 * np.linalg.norm(START)
        np.testing.assert_allclose(found, trajectory(Dog(epsilon=1e-20), 400), atol=2e-3)


def test_where_it_begins_matters_little():
    ends = [np.linalg.norm(trajectory(Dog(initial=initial), 600)[-1]) for initial in (1e-6, 1e-5, 1e-3)]
    assert max(ends) < 0.05 * np.linalg.norm(START)


def test_weights_that_do_not_move_do_not_count():
    built = Dog().build(1.0)
    alone, beside = {"a": jnp.asarray(START, float), "b": None}, {"a": jnp.asarray(START, float), "b": jnp.full(3, 100.0)}
    steps = [built.update(weights, built.init(weights), weights)[0]["a"] for weights in (alone, beside)]
    assert not np.allclose(steps[0], steps[1], rtol=1e-3)
    np.testing.assert_allclose(steps[0], -1e-6 * (1 + np.linalg.norm(START)) * START / np.linalg.norm(START), rtol=1e-4)
