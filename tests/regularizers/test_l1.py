import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

from isthmus.model import Weights
from isthmus.regularizers import L1, View


def model(encoder, decoder):
    return Weights(encoder, decoder, bottleneck=(), prior=(), loss=(), regularizers=())


def view(weights):
    return View(None, None, None, None, None, weights, None, None)


def sample(seed=0):
    rng = np.random.default_rng(seed)
    encoder = {"kernel": jnp.asarray(rng.normal(size=(6, 4)), float), "bias": jnp.asarray(rng.normal(size=4), float)}
    decoder = {"kernel": jnp.asarray(rng.normal(size=(3, 3, 4, 6)), float), "gain": jnp.asarray(rng.normal(size=6), float)}
    return model(encoder, decoder)


def amounts(weights, amount):
    return jax.tree.map(lambda w: amount, weights)


def test_sums_kernels_and_leaves_out_biases_and_gains():
    weights = sample()
    expected = np.abs(weights.encoder["kernel"]).sum() + np.abs(weights.decoder["kernel"]).sum()
    np.testing.assert_allclose(L1()((), view(weights), key=None), expected, rtol=1e-6)


def test_of_a_model_without_matrices_is_zero():
    assert float(L1()((), view(model({"bias": jnp.ones(3)}, ())), key=None)) == 0.0


def test_shrink_is_the_soft_threshold():
    weights = sample()
    kernel = np.asarray(weights.encoder["kernel"])
    shrunk = L1().shrink(weights, amounts(weights, 0.3))
    np.testing.assert_allclose(shrunk.encoder["kernel"], np.sign(kernel) * np.maximum(np.abs(kernel) - 0.3, 0), atol=1e-7)


def test_shrink_minimizes_each_weights_own_problem():
    weights = sample()
    shrunk = L1().shrink(weights, amounts(weights, 0.25)).encoder["kernel"]
    for w, expected in zip(np.ravel(weights.encoder["kernel"]), np.ravel(shrunk), strict=True):
        found = scipy.optimize.minimize_scalar(lambda v, w=w: 0.5 * (v - w) ** 2 + 0.25 * abs(v), bounds=(-4, 4), method="bounded")
        np.testing.assert_allclose(found.x, expected, atol=1e-3)


def test_small_weights_become_exactly_zero_and_biases_stay():
    weights = sample()
    shrunk = L1().shrink(weights, amounts(weights, 0.5))
    small = jnp.abs(weights.decoder["kernel"]) <= 0.5
    assert 0 < int(jnp.sum(small)) < small.size
    np.testing.assert_array_equal(shrunk.decoder["kernel"] == 0, small)
    np.testing.assert_array_equal(shrunk.decoder["gain"], weights.decoder["gain"])
    np.testing.assert_array_equal(shrunk.encoder["bias"], weights.encoder["bias"])


def test_proximal_gradient_steps_solve_the_lasso_at_orthonormal_columns():
    # |y - X w|^2 / 2 + penalty |w|_1 with X'X = 1 has the soft threshold of X'y as its solution.
    rng = np.random.default_rng(1)
    columns, target = np.linalg.qr(rng.normal(size=(30, 8)))[0], rng.normal(size=(30, 2))
    solution = columns.T @ target
    weights, rate, penalty = model({"kernel": jnp.zeros((8, 2))}, ()), 0.5, 0.4
    for _ in range(60):
        gradient = columns.T @ (columns @ weights.encoder["kernel"] - target)
        moved = weights._replace(encoder={"kernel": weights.encoder["kernel"] - rate * gradient})
        weights = L1().shrink(moved, amounts(moved, rate * penalty))
    expected = np.sign(solution) * np.maximum(np.abs(solution) - penalty, 0)
    np.testing.assert_allclose(weights.encoder["kernel"], expected, atol=1e-5)
    np.testing.assert_array_equal(weights.encoder["kernel"] == 0, expected == 0)
