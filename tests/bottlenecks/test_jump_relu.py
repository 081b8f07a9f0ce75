"""Learned thresholds against the paper's formulas, and against the slopes that they estimate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from bottlenecks.calls import call
from isthmus.bottlenecks import JumpRelu
from isthmus.bottlenecks._base_sparse import Units

RNG = np.random.default_rng(0)
HIDDEN = RNG.normal(size=(40, 6))
THRESHOLDS = np.array([0.1, 0.3, 0.5, 0.7, 0.9, 1.1])


def called(part, weights, hidden=HIDDEN):
    return call(part, weights, Units(np.zeros(hidden.shape[1], np.float32), ()), hidden)[0]


WEIGHTS = jnp.log(jnp.asarray(THRESHOLDS))


def test_keeps_whole_what_is_above_the_threshold():
    latent = called(JumpRelu(), WEIGHTS)
    expected = np.where(HIDDEN > THRESHOLDS, HIDDEN, 0)
    np.testing.assert_array_equal(latent.code, np.float32(expected))
    np.testing.assert_array_equal(latent.terms["l0"], np.sum(expected > 0, axis=1))
    state = Units(np.zeros(6, np.float32), ())
    np.testing.assert_array_equal(JumpRelu().encode(WEIGHTS, state, jnp.asarray(HIDDEN)), latent.code)


@pytest.mark.parametrize("bandwidth", [0.2, 0.8])
def test_the_gradients_are_the_papers(bandwidth):
    part, factor = JumpRelu(bandwidth=bandwidth), RNG.normal(size=(40, 6))
    near = np.abs((HIDDEN - THRESHOLDS) / bandwidth) < 0.5

    def slopes(cost):
        by_log_threshold, by_hidden = jax.grad(cost, argnums=(0, 1))(WEIGHTS, jnp.asarray(HIDDEN))
        return np.asarray(by_log_threshold) / THRESHOLDS, np.asarray(by_hidden)

    by_threshold, by_hidden = slopes(lambda weights, hidden: jnp.sum(jnp.asarray(factor) * called(part, weights, hidden).code))
    np.testing.assert_allclose(by_threshold, np.sum(factor * -THRESHOLDS / bandwidth * near, axis=0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(by_hidden, np.where(HIDDEN > THRESHOLDS, factor, 0), rtol=1e-6)
    by_threshold, by_hidden = slopes(lambda weights, hidden: jnp.sum(jnp.asarray(factor[:, 0]) * called(part, weights, hidden).terms["l0"]))
    np.testing.assert_allclose(by_threshold, np.sum(factor[:, :1] * -1 / bandwidth * near, axis=0), rtol=1e-4, atol=1e-4)
    assert not np.any(by_hidden)


def test_the_gradients_estimate_the_slopes_of_the_means():
    """Of `h ~ N(0, 1)`: the mean of `l0` falls by the density at the threshold, that of `z` by the threshold times it."""
    hidden = np.random.default_rng(1).normal(size=(400_000, 1))
    for name, factor in (("l0", 1.0), ("code", 0.6)):

        def mean(weights, name=name):
            latent = called(JumpRelu(bandwidth=0.1), weights, hidden)
            return jnp.mean(latent.terms["l0"] if name == "l0" else latent.code)

        slope = jax.grad(mean)(jnp.log(jnp.asarray([0.6])))[0] / 0.6
        np.testing.assert_allclose(slope, -factor * scipy.stats.norm.pdf(0.6), rtol=0.03)


def test_begins_at_the_threshold_that_was_asked_for():
    weights, _ = JumpRelu(threshold=0.37).init((5,), rng=np.random.default_rng(0))
    np.testing.assert_allclose(np.exp(weights), 0.37, rtol=1e-6)


def test_the_weight_rises_over_the_warmup():
    assert JumpRelu(sparsity=0.5).term_weights(0.0) == {"l0": 0.5}
    weights = [float(JumpRelu(sparsity=0.5, warmup=0.5).term_weights(progress)["l0"]) for progress in (0.0, 0.25, 0.5, 1.0)]
    np.testing.assert_allclose(weights, [0.0, 0.25, 0.5, 0.5])


@pytest.mark.parametrize("bandwidth", [1e-38, 1e30])
def test_values_and_gradients_are_finite_for_any_window(bandwidth):
    def cost(weights, hidden):
        latent = called(JumpRelu(bandwidth=bandwidth), weights, hidden)
        return jnp.sum(latent.code) + jnp.sum(latent.terms["l0"])

    hidden = jnp.concatenate([jnp.asarray(1e15 * HIDDEN), jnp.exp(WEIGHTS)[None]])
    values = cost(WEIGHTS, hidden), jax.grad(cost, argnums=(0, 1))(WEIGHTS, hidden)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(values))
