import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.model import Weights
from isthmus.regularizers import SpectralNorm
from regularizers.views import network_weights, weights_view


def value(w, n_iterations=10):
    weights = Weights([w], (), bottleneck=(), prior=(), loss=(), regularizers=())
    return SpectralNorm(n_iterations=n_iterations)((), weights_view(weights), key=None)


def sample(shape=(9, 5), seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), float)


def test_is_the_sum_of_the_largest_squares_over_matrices_and_kernels():
    weights = network_weights()
    kernels = [weights.encoder["kernel"], np.reshape(weights.decoder["kernel"], (36, 6))]
    expected = sum(np.linalg.norm(kernel, 2) ** 2 for kernel in kernels)
    np.testing.assert_allclose(SpectralNorm(n_iterations=100)((), weights_view(weights), key=None), expected, rtol=1e-4)


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (20, 20)], ids=str)
def test_iterations_come_nearer_from_below(shape):
    w = sample(shape)
    bounds = [float(value(w, n_iterations)) for n_iterations in (1, 3, 10, 200)]
    largest = float(np.linalg.norm(w, 2) ** 2)
    assert np.all(np.diff(bounds) > -1e-6 * largest)
    assert bounds[0] < 0.999 * largest
    assert bounds[2] > 0.8 * largest
    np.testing.assert_allclose(bounds[3], largest, rtol=1e-4)


def test_the_slope_of_the_limit_is_that_of_the_largest_square():
    w = sample()
    left, values, right = np.linalg.svd(w)
    slope = jax.grad(lambda w: value(w, 200))(w)
    np.testing.assert_allclose(slope, 2 * values[0] * np.outer(left[:, 0], right[0]), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("factor", [1e-12, 1e-3, 1e3, 1e12])
def test_goes_with_the_square_of_the_unit(factor):
    np.testing.assert_allclose(value(factor * sample()), factor**2 * value(sample()), rtol=1e-4)


def test_of_zeros_is_zero_with_a_finite_slope():
    found, slope = jax.value_and_grad(value)(jnp.zeros((4, 3)))
    assert float(found) == 0.0
    np.testing.assert_array_equal(slope, np.zeros((4, 3)))
