import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from isthmus.errors import PartError
from isthmus.optimizers import Rmsprop

MATRIX = np.asarray([[3.0, 0.5], [0.5, 1.0]])
START = np.asarray([2.0, -1.0])


def trajectory(optimizer, rate, steps):
    built, weights = optimizer.build(rate), jnp.asarray(START, float)

    def step(carry, _):
        weights, state = carry
        updates, state = built.update(jnp.asarray(MATRIX, float) @ weights, state, weights)
        weights = optax.apply_updates(weights, updates)
        return (weights, state), weights

    return np.asarray(jax.lax.scan(step, (weights, built.init(weights)), length=steps)[1])


@pytest.mark.parametrize(("decay", "momentum", "epsilon"), [(0.9, 0.0, 1e-8), (0.99, 0.9, 1e-3), (0.0, 0.5, 0.1)])
def test_follows_its_formula(decay, momentum, epsilon):
    weights, square, moment, path = START, np.zeros(2), np.zeros(2), []
    for _ in range(30):
        gradient = MATRIX @ weights
        square = decay * square + (1 - decay) * gradient**2
        moment = momentum * moment + gradient / (np.sqrt(square) + epsilon)
        weights = weights - 0.01 * moment
        path.append(weights)
    np.testing.assert_allclose(trajectory(Rmsprop(0.01, decay, momentum, epsilon), 0.01, 30), path, rtol=1e-3, atol=1e-4)


def test_the_first_step_is_larger_than_the_rate_whatever_the_gradients_scale():
    for scale in (1e-3, 1.0, 1e3):
        built = Rmsprop(decay=0.99).build(0.01)
        gradient = scale * jnp.asarray([1.0, -2.0])
        updates, _ = built.update(gradient, built.init(gradient))
        np.testing.assert_allclose(updates, [-0.1, 0.1], rtol=1e-4)


def test_momentum_multiplies_the_steps_of_a_lasting_gradient():
    built, gradient = Rmsprop(momentum=0.75).build(0.01), jnp.asarray([1e-2, -3.0])
    state = built.init(gradient)
    for _ in range(100):
        updates, state = built.update(gradient, state)
    np.testing.assert_allclose(updates, [-0.04, 0.04], rtol=1e-4)


def test_a_momentum_of_one_would_never_forget():
    with pytest.raises(PartError, match=r"`rmsprop\.momentum` must be in \[0, 1\); got 1\.0\."):
        Rmsprop(momentum=1.0)
