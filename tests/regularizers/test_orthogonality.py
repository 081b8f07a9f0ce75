import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.model import Weights
from isthmus.regularizers import Orthogonality
from regularizers.views import network_weights, weights_view


def value(*arrays):
    weights = Weights([jnp.asarray(array, float) for array in arrays], (), bottleneck=(), prior=(), loss=(), regularizers=())
    return Orthogonality()((), weights_view(weights), key=None)


@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (4, 4)], ids=str)
def test_orthonormal_columns_or_rows_cost_nothing(shape):
    tall = np.linalg.qr(np.random.default_rng(0).normal(size=(max(shape), min(shape))))[0]
    assert float(value(tall if shape[0] >= shape[1] else tall.T)) < 1e-10


def test_is_the_distance_of_the_squared_singular_values_from_one():
    weights = network_weights()
    kernels = [weights.encoder["kernel"], np.reshape(weights.decoder["kernel"], (36, 6))]
    expected = sum(np.sum(np.square(np.linalg.svd(kernel, compute_uv=False) ** 2 - 1)) for kernel in kernels)
    np.testing.assert_allclose(Orthogonality()((), weights_view(weights), key=None), expected, rtol=1e-5)


def test_a_matrix_of_zeros_costs_its_smaller_side_and_has_a_finite_slope():
    assert float(value(np.zeros((5, 2)))) == 2.0
    slope = jax.grad(lambda w: value(w))(jnp.zeros((5, 2)))
    np.testing.assert_array_equal(slope, np.zeros((5, 2)))


def test_drives_singular_values_to_one():
    table = np.random.default_rng(1).normal(size=(200, 6))
    made = Autoencoder(
        3, hidden_dims=(8,), activation="tanh", regularizers=Orthogonality(1.0), max_epochs=80, learning_rate=0.02, random_state=0
    )
    made.fit(table)
    halves = (made.model_.weights.encoder, made.model_.weights.decoder)
    for weight in (layer.weight for half in halves for layer in half.layers):
        np.testing.assert_allclose(np.linalg.svd(weight, compute_uv=False), 1.0, atol=0.1)
