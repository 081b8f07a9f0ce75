import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from isthmus.optimizers import Adam, Adamw

WEIGHTS = {"kernel": jnp.asarray([[2.0, -1.0], [0.5, 3.0]]), "bias": jnp.asarray([1.0, -4.0])}


def path(optimizer, rate, gradients):
    built, weights = optimizer.build(rate), WEIGHTS
    state, found = built.init(weights), []
    for gradient in gradients:
        updates, state = built.update(gradient, state, weights)
        weights = optax.apply_updates(weights, updates)
        found.append(weights)
    return found


def random_gradients(steps, seed=0):
    rng = np.random.default_rng(seed)
    return [jax.tree.map(lambda w: jnp.asarray(rng.normal(size=w.shape), float), WEIGHTS) for _ in range(steps)]


@pytest.mark.parametrize("decay", [0.0, 0.01, 0.5])
def test_follows_its_formula(decay):
    gradients = random_gradients(20)
    weights, mean, square = np.asarray(WEIGHTS["kernel"], float), 0.0, 0.0
    for count, (gradient, found) in enumerate(zip(gradients, path(Adamw(weight_decay=decay), 0.05, gradients), strict=True), start=1):
        slope = np.asarray(gradient["kernel"], float)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        step = (mean / (1 - 0.9**count)) / (np.sqrt(square / (1 - 0.999**count)) + 1e-8)
        weights = weights - 0.05 * (step + decay * weights)
        np.testing.assert_allclose(found["kernel"], weights, rtol=1e-4, atol=1e-5)


def test_without_decay_is_adam():
    gradients = random_gradients(10)
    found = path(Adamw(0.1, 0.8, 0.95, 1e-4, 0.0), 0.1, gradients)
    for ours, plain in zip(found, path(Adam(0.1, 0.8, 0.95, 1e-4), 0.1, gradients), strict=True):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), ours, plain)


def test_matrices_decay_alike_and_biases_stay():
    still = [jax.tree.map(jnp.zeros_like, WEIGHTS)] * 5
    last = path(Adamw(weight_decay=0.5), 0.1, still)[-1]
    np.testing.assert_allclose(last["kernel"], (1 - 0.1 * 0.5) ** 5 * WEIGHTS["kernel"], rtol=1e-5)
    np.testing.assert_array_equal(last["bias"], WEIGHTS["bias"])


def test_a_steep_coordinate_decays_like_a_flat_one_unlike_under_a_penalty():
    flips = [jax.tree.map(lambda w, sign=sign: sign * jnp.full_like(w, 100.0).at[..., 1].set(0.0), WEIGHTS) for sign in (1, -1) * 25]
    plain = path(Adam(), 0.01, flips)[-1]["kernel"]
    decayed = path(Adamw(weight_decay=0.2), 0.01, flips)[-1]["kernel"]
    lost = (plain - decayed) / WEIGHTS["kernel"]
    # Not equal: the weights that decay have been moved by the flips, by up to 4 % of themselves.
    np.testing.assert_allclose(lost[:, 0], lost[:, 1], rtol=0.05)

    penalized = [jax.tree.map(lambda gradient, w: gradient + 0.2 * w, flip, WEIGHTS) for flip in flips]
    pulled = (plain - path(Adam(), 0.01, penalized)[-1]["kernel"]) / WEIGHTS["kernel"]
    assert np.all(pulled[:, 1] > 20 * pulled[:, 0])
