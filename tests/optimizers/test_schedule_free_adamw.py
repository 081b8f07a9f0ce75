import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.errors import PartError
from isthmus.optimizers import ScheduleFreeAdamw

CURVATURE = np.asarray([[3.0, 1.0, 0.5]])
START = np.asarray([[2.0, -1.0, 0.5]])


def trajectory(optimizer, rates, noise=None):
    """The points `x`, `y` and `z` after each step."""
    rates = jnp.asarray(rates)
    noise = jnp.zeros((len(rates), *START.shape)) if noise is None else jnp.asarray(noise, float)

    def step(carry, given):
        y, state = carry
        updates, state = optimizer.build(given[0]).update(CURVATURE * y + given[1], state, y)
        y = y + updates
        return (y, state), (optimizer.evaluation_weights(state, y), y, state.z)

    y = jnp.asarray(START, float)
    return [np.asarray(found) for found in jax.lax.scan(step, (y, optimizer.build(1.0).init(y)), (rates, noise))[1]]


@pytest.mark.parametrize(("beta1", "beta2", "epsilon", "decay"), [(0.9, 0.999, 1e-8, 0.0), (0.5, 0.9, 1e-2, 0.3)])
def test_follows_algorithm_1_of_the_paper(beta1, beta2, epsilon, decay):
    rates = np.minimum(np.arange(1, 41) / 10, 1.0) * 0.05
    x = z = START
    square, weights = np.zeros_like(START), []
    found = trajectory(ScheduleFreeAdamw(1.0, beta1, beta2, epsilon, decay), rates)
    for count, rate in enumerate(rates, start=1):
        y = beta1 * x + (1 - beta1) * z
        gradient = CURVATURE * y
        square = beta2 * square + (1 - beta2) * gradient**2
        z = z - rate * (gradient / (np.sqrt(square / (1 - beta2**count)) + epsilon) + decay * y)
        weights.append(rate**2)
        share = weights[-1] / np.sum(weights)
        x = (1 - share) * x + share * z
        np.testing.assert_allclose(found[0][count - 1], x, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(found[2][count - 1], z, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(found[1][count - 1], beta1 * x + (1 - beta1) * z, rtol=1e-3, atol=1e-4)


def test_what_is_kept_is_the_mean_of_where_it_has_been():
    x, _, z = trajectory(ScheduleFreeAdamw(), np.full(50, 0.03))
    np.testing.assert_allclose(x, np.cumsum(z, axis=0) / np.arange(1, 51)[:, None, None], rtol=1e-3, atol=1e-4)


def test_a_falling_rate_does_not_count_less():
    # The weights of the mean are those of the largest rate until then.
    rates = np.geomspace(0.05, 5e-5, 50)
    x, _, z = trajectory(ScheduleFreeAdamw(), rates)
    np.testing.assert_allclose(x, np.cumsum(z, axis=0) / np.arange(1, 51)[:, None, None], rtol=1e-3, atol=1e-4)


def test_the_mean_is_nearer_to_the_minimum_than_what_it_is_the_mean_of():
    noise = np.random.default_rng(0).normal(size=(2000, *START.shape))
    x, _, z = (found[-500:] for found in trajectory(ScheduleFreeAdamw(), np.full(2000, 0.05), noise))
    assert np.sqrt(np.mean(x**2)) < 0.5 * np.sqrt(np.mean(z**2))


def test_matrices_decay_and_biases_stay():
    optimizer, weights = ScheduleFreeAdamw(weight_decay=0.5), {"kernel": jnp.asarray(START, float), "bias": jnp.ones(2)}
    nothing = jax.tree.map(jnp.zeros_like, weights)
    updates, state = optimizer.build(0.1).update(nothing, optimizer.build(0.1).init(weights), weights)
    after = jax.tree.map(jnp.add, weights, updates)
    np.testing.assert_allclose(optimizer.evaluation_weights(state, after)["kernel"], 0.95 * START, rtol=1e-5)
    np.testing.assert_allclose(after["bias"], 1.0, rtol=1e-6)


def test_the_mean_must_count_where_the_gradient_is_taken():
    with pytest.raises(PartError, match=r"`schedule_free_adamw\.beta1` must be in \(0, 1\); got 0\."):
        ScheduleFreeAdamw(beta1=0)
