import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from isthmus.optimizers import Adam, Nadam

MATRIX = np.asarray([[3.0, 0.5], [0.5, 1.0]])
START = np.asarray([2.0, -1.0])


@pytest.mark.parametrize(("beta1", "beta2", "epsilon"), [(0.9, 0.999, 1e-8), (0.0, 0.9, 1e-3), (0.5, 0.99, 0.1)])
def test_follows_its_formula(beta1, beta2, epsilon):
    built = Nadam(0.05, beta1, beta2, epsilon).build(0.05)
    found, state = jnp.asarray(START, float), built.init(jnp.zeros(2))
    weights, mean, square = START, np.zeros(2), np.zeros(2)
    for count in range(1, 31):
        gradient = MATRIX @ weights
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
        ahead = beta1 * mean / (1 - beta1 ** (count + 1)) + (1 - beta1) * gradient / (1 - beta1**count)
        weights = weights - 0.05 * ahead / (np.sqrt(square / (1 - beta2**count)) + epsilon)
        updates, state = built.update(jnp.asarray(MATRIX, float) @ found, state)
        found = optax.apply_updates(found, updates)
        np.testing.assert_allclose(found, weights, rtol=2e-3, atol=1e-4)


def test_the_first_step_is_half_as_large_again_as_adams():
    gradient = jnp.asarray([1.0, -2.0])
    first = [optimizer.build(0.01).update(gradient, optimizer.build(0.01).init(gradient))[0] for optimizer in (Nadam(), Adam())]
    np.testing.assert_allclose(first[0] / first[1], 1 + 0.9 / 1.9, rtol=1e-4)


def test_follows_a_change_of_the_gradient_sooner_than_adam():
    gradients = jnp.asarray([1.0] * 20 + [-1.0] * 20)

    def turned(optimizer):
        built = optimizer.build(0.01)

        def step(state, gradient):
            updates, state = built.update(gradient, state)
            return state, updates

        return int(np.argmax(jax.lax.scan(step, built.init(gradients[0]), gradients)[1] > 0))

    assert 20 < turned(Nadam()) < turned(Adam())


def test_without_a_mean_there_is_nothing_to_look_ahead_from():
    gradients = [jnp.asarray([1.0, -2.0]), jnp.asarray([0.5, 3.0])]
    states = [optimizer.build(0.1).init(gradients[0]) for optimizer in (Nadam(beta1=0.0), Adam(beta1=0.0))]
    for gradient in gradients:
        (ours, states[0]), (adams, states[1]) = (
            optimizer.build(0.1).update(gradient, state)
            for optimizer, state in zip((Nadam(beta1=0.0), Adam(beta1=0.0)), states, strict=True)
        )
        np.testing.assert_allclose(ours, adams, rtol=1e-6)
