import jax.numpy as jnp
import numpy as np
import optax
import pytest

from isthmus.errors import PartError
from isthmus.optimizers import Sgd

MATRIX = np.asarray([[3.0, 0.5], [0.5, 1.0]])
START = np.asarray([2.0, -1.0])
STEPS = 40


def trajectory(optimizer, rate):
    built, weights = optimizer.build(rate), jnp.asarray(START, float)
    state, path = built.init(weights), []
    for _ in range(STEPS):
        updates, state = built.update(jnp.asarray(MATRIX, float) @ weights, state, weights)
        weights = optax.apply_updates(weights, updates)
        path.append(np.asarray(weights))
    return np.asarray(path)


def recurrence(rate, momentum, nesterov=False):
    weights, moment, path = START, np.zeros(2), []
    for _ in range(STEPS):
        gradient = MATRIX @ weights
        moment = momentum * moment + gradient
        weights = weights - rate * (gradient + momentum * moment if nesterov else moment)
        path.append(weights)
    return np.asarray(path)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
def test_follows_its_formula(momentum, nesterov):
    found = trajectory(Sgd(momentum=momentum, nesterov=nesterov), 0.05)
    np.testing.assert_allclose(found, recurrence(0.05, momentum, nesterov), rtol=1e-3, atol=1e-5)


def test_momentum_is_polyaks_heavy_ball():
    # w_{t+1} = w_t - rate * gradient + momentum * (w_t - w_{t-1}).
    path = [START, START]
    for _ in range(STEPS):
        path.append(path[-1] - 0.05 * MATRIX @ path[-1] + 0.8 * (path[-1] - path[-2]))
    np.testing.assert_allclose(trajectory(Sgd(momentum=0.8), 0.05), path[2:], rtol=1e-3, atol=1e-5)


def test_nesterovs_weights_are_the_points_looked_ahead_to():
    # Sutskever et al. 2013, equations 3 and 4, with the gradient taken at position + momentum * velocity.
    position, velocity, ahead = START, np.zeros(2), []
    for _ in range(STEPS):
        velocity = 0.8 * velocity - 0.05 * MATRIX @ (position + 0.8 * velocity)
        position = position + velocity
        ahead.append(position + 0.8 * velocity)
    np.testing.assert_allclose(trajectory(Sgd(momentum=0.8, nesterov=True), 0.05), ahead, rtol=1e-3, atol=1e-5)


def test_without_momentum_is_plain_descent():
    expected = [np.linalg.matrix_power(np.eye(2) - 0.05 * MATRIX, step + 1) @ START for step in range(STEPS)]
    np.testing.assert_allclose(trajectory(Sgd(momentum=0.0), 0.05), expected, rtol=1e-3, atol=1e-6)


def test_momentum_overtakes_plain_descent_in_a_narrow_valley():
    curvature = np.asarray([100.0, 1.0])

    def left(optimizer, rate):
        built, weights = optimizer.build(rate), jnp.ones(2)
        state = built.init(weights)
        for _ in range(100):
            updates, state = built.update(curvature * weights, state, weights)
            weights = optax.apply_updates(weights, updates)
        return float(jnp.linalg.norm(weights))

    # The best rates and momentum for curvatures between 1 and 100 (Polyak 1964).
    assert left(Sgd(momentum=(9 / 11) ** 2), 4 / 11**2) < 1e-3 * left(Sgd(momentum=0.0), 2 / 101)


def test_keeps_one_number_a_weight():
    assert optax.tree.size(Sgd().build(0.1).init(jnp.ones((3, 4)))) == 12


def test_a_momentum_of_one_would_never_forget():
    with pytest.raises(PartError, match=r"`sgd\.momentum` must be in \[0, 1\); got 1\.0\."):
        Sgd(momentum=1.0)


def test_the_flag_is_named():
    with pytest.raises(TypeError, match="positional"):
        Sgd(0.1, 0.9, True)
