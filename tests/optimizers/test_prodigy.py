import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.optimizers import Adam, Prodigy

CURVATURE = np.asarray([3.0, 1.0, 0.5])
START = np.asarray([2.0, -1.0, 0.5])


def trajectory(optimizer, steps, scale=1.0, rate=1.0):
    built, weights = optimizer.build(rate), jnp.asarray(START, float)

    def step(carry, _):
        weights, state = carry
        updates, state = built.update(scale * CURVATURE * weights, state, weights)
        return (weights + updates, state), (weights + updates, state.estim_lr)

    return [np.asarray(found) for found in jax.lax.scan(step, (weights, built.init(weights)), length=steps)[1]]


@pytest.mark.parametrize(
    ("beta1", "beta2", "epsilon", "initial", "growth", "rate"), [(0.9, 0.999, 1e-8, 1e-4, 1.0, 1.0), (0.5, 0.9, 1e-3, 1e-2, 0.5, 0.3)]
)
def test_follows_the_adam_version_of_the_paper_freed_of_bias(beta1, beta2, epsilon, initial, growth, rate):
    weights, mean, square, total, products, estimate = START, np.zeros(3), np.zeros(3), np.zeros(3), 0.0, initial
    path, estimates = [], []
    for count in range(1, 61):
        gradient = CURVATURE * weights
        step = estimate * rate * np.sqrt(1 - beta2**count) / (1 - beta1**count)
        mean = beta1 * mean + (1 - beta1) * estimate * gradient
        square = beta2 * square + (1 - beta2) * (estimate * gradient) ** 2
        products = np.sqrt(beta2) * products + estimate / initial * step * (gradient @ (START - weights))
        total = np.sqrt(beta2) * total + estimate / initial * estimate * gradient
        estimate = max(estimate, growth * products / np.sum(np.abs(total)))
        weights = weights - step * mean / (np.sqrt(square) + estimate * epsilon)
        path.append(weights)
        estimates.append(estimate)
    found, found_estimates = trajectory(Prodigy(1.0, beta1, beta2, epsilon, initial, growth), 60, rate=rate)
    np.testing.assert_allclose(found_estimates, estimates, rtol=2e-2)
    np.testing.assert_allclose(found, path, rtol=2e-2, atol=1e-3)


def test_finds_its_rate_whatever_the_scale_of_the_objective():
    for scale in (1e-3, 1.0, 1e3):
        found, _ = trajectory(Prodigy(), 500, scale)
        assert np.linalg.norm(found[-1]) < 0.05 * np.linalg.norm(START)


def test_the_estimate_only_grows_and_never_beyond_the_distance():
    _, estimates = trajectory(Prodigy(), 500)
    assert np.all(np.diff(estimates) >= 0)
    assert 1e-2 < estimates[-1] <= np.max(np.abs(START))


def test_an_estimate_that_does_not_grow_leaves_adam():
    found, estimates = trajectory(Prodigy(initial=0.05, growth=1e-9), 40)
    assert np.all(estimates == np.float32(0.05))
    built, weights = Adam().build(0.05), jnp.asarray(START, float)
    state = built.init(weights)
    for expected in found:
        updates, state = built.update(CURVATURE * weights, state, weights)
        weights = weights + updates
        np.testing.assert_allclose(weights, expected, rtol=1e-3, atol=1e-4)


def test_a_rate_of_zero_in_the_first_step_spoils_no_estimate():
    weights = jnp.asarray(START, float)
    state = Prodigy().build(0.0).init(weights)
    for rate in (0.0, 1.0, 1.0):
        updates, state = Prodigy().build(rate).update(CURVATURE * weights, state, weights)
        weights = weights + updates
    assert np.all(np.isfinite(weights))
    assert np.isfinite(state.estim_lr)
    assert not np.array_equal(weights, START)
