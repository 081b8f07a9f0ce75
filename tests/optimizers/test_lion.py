import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from isthmus.optimizers import Lion

WEIGHTS = {"kernel": jnp.asarray([[2.0, -1.0], [0.5, 3.0]]), "bias": jnp.asarray([1.0, -4.0])}


def path(optimizer, rate, gradients):
    built, weights = optimizer.build(rate), WEIGHTS
    state, found = built.init(weights), []
    for gradient in gradients:
        updates, state = built.update(gradient, state, weights)
        weights = optax.apply_updates(weights, updates)
        found.append(weights)
    return found


def random_gradients(steps):
    rng = np.random.default_rng(0)
    return [jax.tree.map(lambda w: jnp.asarray(rng.normal(size=w.shape), float), WEIGHTS) for _ in range(steps)]


@pytest.mark.parametrize(("beta1", "beta2", "decay"), [(0.9, 0.99, 1e-3), (0.5, 0.9, 0.0), (0.0, 0.0, 0.5)])
def test_follows_algorithm_2_of_the_paper(beta1, beta2, decay):
    gradients = random_gradients(20)
    weights, mean = np.asarray(WEIGHTS["kernel"], float), 0.0
    for gradient, found in zip(gradients, path(Lion(0.05, beta1, beta2, decay), 0.05, gradients), strict=True):
        slope = np.asarray(gradient["kernel"], float)
        weights = weights - 0.05 * (np.sign(beta1 * mean + (1 - beta1) * slope) + decay * weights)
        mean = beta2 * mean + (1 - beta2) * slope
        np.testing.assert_allclose(found["kernel"], weights, rtol=1e-5, atol=1e-6)


def test_every_step_has_the_size_of_the_rate_whatever_the_gradients_scale():
    scaled, before = zip(random_gradients(3), (1e-9, 1.0, 1e9), strict=True), WEIGHTS
    gradients = [jax.tree.map(lambda g, scale=scale: scale * g, gradient) for gradient, scale in scaled]
    for after in path(Lion(weight_decay=0.0), 0.25, gradients):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(jnp.abs(a - b), 0.25, rtol=1e-5), after, before)
        before = after


def test_matrices_decay_and_biases_stay():
    still = [jax.tree.map(jnp.zeros_like, WEIGHTS)] * 5
    last = path(Lion(weight_decay=0.5), 0.1, still)[-1]
    np.testing.assert_allclose(last["kernel"], (1 - 0.1 * 0.5) ** 5 * WEIGHTS["kernel"], rtol=1e-5)
    np.testing.assert_array_equal(last["bias"], WEIGHTS["bias"])


def test_ends_within_a_rate_of_the_minimum_and_no_nearer():
    optimizer = Lion().build(0.01)

    def step(carry, _):
        weight, state = carry
        updates, state = optimizer.update(weight - 0.5, state, weight)
        weight = weight + updates
        return (weight, state), weight

    start = jnp.float32(0.0)
    found = jax.lax.scan(step, (start, optimizer.init(start)), length=400)[1][-100:]
    assert 0.002 < np.max(np.abs(found - 0.5)) < 0.1
