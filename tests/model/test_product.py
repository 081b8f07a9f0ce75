"""Products in bfloat16 are float64 products of rounded operands, to float32's accuracy, however they are batched."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._numerics import product, sum_features
from isthmus.architectures import Dense, Linear
from isthmus.losses import SquaredError
from isthmus.model import Model, Parts

SHAPES = [(1, 1), (3, 5), (500, 784)]
N_ROWS, N_MEMBERS = 6, 3


def sample(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def rounded(array):
    return np.asarray(jnp.asarray(array).astype(jnp.bfloat16)).astype(np.float64)


def exact(array):
    return np.asarray(array, np.float64)


def near(found, expected, n_terms):
    """To float32's accuracy: the errors of a sum of `n_terms` products of size one grow as their root."""
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6 * np.sqrt(n_terms))


def rows_product(x, w):
    return jax.vmap(lambda row: product(row, w, "bfloat16"))(x)


def members_product(x, w):
    return jax.vmap(rows_product)(x, w)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("compiled", [False, True])
class TestRounded:
    def wrapped(self, function, compiled):
        return jax.jit(function) if compiled else function

    def test_one_row(self, shape, compiled):
        x, w = sample(shape[0]), sample(*shape, seed=1)
        found = self.wrapped(lambda x, w: product(x, w, "bfloat16"), compiled)(x, w)
        near(found, rounded(x) @ rounded(w), shape[0])

    def test_rows(self, shape, compiled):
        x, w = sample(N_ROWS, shape[0]), sample(*shape, seed=1)
        near(self.wrapped(rows_product, compiled)(x, w), rounded(x) @ rounded(w), shape[0])

    def test_members(self, shape, compiled):
        x, w = sample(N_MEMBERS, N_ROWS, shape[0]), sample(N_MEMBERS, *shape, seed=1)
        near(self.wrapped(members_product, compiled)(x, w), rounded(x) @ rounded(w), shape[0])

    def test_members_that_share_their_rows(self, shape, compiled):
        x, w = sample(N_ROWS, shape[0]), sample(N_MEMBERS, *shape, seed=1)
        found = self.wrapped(jax.vmap(rows_product, in_axes=(None, 0)), compiled)(x, w)
        near(found, rounded(x) @ rounded(w), shape[0])

    @pytest.mark.parametrize("n_rows", [1, N_ROWS])
    def test_gradients_of_rows(self, shape, compiled, n_rows):
        x, w, cotangent = sample(n_rows, shape[0]), sample(*shape, seed=1), sample(n_rows, shape[1], seed=2)
        gradient = jax.grad(lambda x, w: jnp.sum(cotangent * rows_product(x, w)), argnums=(0, 1))
        for_x, for_w = self.wrapped(gradient, compiled)(x, w)
        near(for_x, rounded(cotangent) @ rounded(w).T, shape[1])
        near(for_w, rounded(x).T @ rounded(cotangent), n_rows)

    def test_gradients_of_members(self, shape, compiled):
        x, w = sample(N_MEMBERS, N_ROWS, shape[0]), sample(N_MEMBERS, *shape, seed=1)
        cotangent = sample(N_MEMBERS, N_ROWS, shape[1], seed=2)
        gradient = jax.vmap(jax.grad(lambda x, w, c: jnp.sum(c * rows_product(x, w)), argnums=(0, 1)))
        for_x, for_w = self.wrapped(gradient, compiled)(x, w, cotangent)
        near(for_x, rounded(cotangent) @ np.swapaxes(rounded(w), 1, 2), shape[1])
        near(for_w, np.swapaxes(rounded(x), 1, 2) @ rounded(cotangent), N_ROWS)


@pytest.mark.parametrize("positions", [(1,), (4,), (2, 3)], ids=str)
class TestPositions:
    """One example may hold several rows: the patches of an image, the steps of a series."""

    def test_each_is_a_row(self, positions):
        x, w = sample(N_ROWS, *positions, 5), sample(5, 4, seed=1)
        for found in (rows_product(x, w), product(x, w, "bfloat16"), jax.jit(rows_product)(x, w)):
            near(found, rounded(x) @ rounded(w), 5)
        np.testing.assert_array_equal(product(x, w, "float32"), x @ w)

    def test_gradients(self, positions):
        x, w, cotangent = sample(N_ROWS, *positions, 5), sample(5, 4, seed=1), sample(N_ROWS, *positions, 4, seed=2)
        for_x, for_w = jax.jit(jax.grad(lambda x, w: jnp.sum(cotangent * rows_product(x, w)), argnums=(0, 1)))(x, w)
        near(for_x, rounded(cotangent) @ rounded(w).T, 4)
        near(for_w, rounded(x).reshape(-1, 5).T @ rounded(cotangent).reshape(-1, 4), x.size / 5)

    def test_gradients_of_members(self, positions):
        x, w = sample(N_MEMBERS, N_ROWS, *positions, 5), sample(N_MEMBERS, 5, 4, seed=1)
        for_w = jax.jit(jax.vmap(jax.grad(lambda w, x: jnp.sum(rows_product(x, w)))))(w, x)
        sums = rounded(x).reshape(N_MEMBERS, -1, 5).sum(axis=1)
        near(for_w, np.broadcast_to(sums[:, :, None], w.shape), N_ROWS * np.prod(positions))


@pytest.mark.parametrize("shape", SHAPES)
def test_float32_is_the_plain_product(shape):
    x, w = sample(N_ROWS, shape[0]), sample(*shape, seed=1)
    found = jax.vmap(lambda row: product(row, w, "float32"))(x)
    np.testing.assert_array_equal(found, jax.vmap(lambda row: row @ w)(x))
    near(found, exact(x) @ exact(w), shape[0])
    weights_gradient = jax.grad(lambda w: jnp.sum(jax.vmap(lambda row: product(row, w, "float32"))(x)))(w)
    near(weights_gradient, np.broadcast_to(exact(x).sum(axis=0)[:, None], shape), N_ROWS)


def test_a_row_may_be_of_numpy():
    x, w = np.float32([1.0, 2.0]), np.float32([[1.0], [0.5]])
    for precision in ("float32", "bfloat16"):
        np.testing.assert_array_equal(product(x, w, precision), [2.0])


def test_features_are_summed_whatever_their_shape():
    np.testing.assert_allclose(sum_features(jnp.ones((3, 2, 4, 5))), [40.0] * 3)
    np.testing.assert_array_equal(sum_features(jnp.arange(3.0)), [0.0, 1.0, 2.0])


@pytest.mark.parametrize("architecture", [Linear(), Dense(hidden_dims=(16,)), Dense(hidden_dims=(16,), linear_path=True)], ids=repr)
def test_a_model_rounds_the_operands_of_every_product(architecture):
    shapes = {"data_shape": (12,), "latent_shape": (3,)}
    low, full = (Parts(architecture, SquaredError(), precision=precision, **shapes) for precision in ("bfloat16", "float32"))
    model = Model.init(full, rng=np.random.default_rng(0))
    x = sample(N_ROWS, 12)
    rounded_model = model._replace(parts=low)
    assert rounded_model.reconstruct(x).dtype == jnp.float32
    difference = np.abs(np.asarray(rounded_model.reconstruct(x) - model.reconstruct(x)))
    assert 0 < difference.max() < 0.05
    if architecture == Linear():
        encoder, decoder = model.weights.encoder.layers[0], model.weights.decoder.layers[0]
        code = (rounded(x) @ rounded(encoder.weight) + encoder.bias).astype(np.float32)
        np.testing.assert_allclose(rounded_model.encode(x), code, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            rounded_model.reconstruct(x), rounded(rounded_model.encode(x)) @ rounded(decoder.weight), rtol=1e-5, atol=1e-6
        )


def test_the_jacobian_of_each_rows_code_is_the_rounded_matrix():
    parts = Parts(Linear(), SquaredError(), data_shape=(12,), latent_shape=(3,), precision="bfloat16")
    model = Model.init(parts, rng=np.random.default_rng(0))
    jacobians = jax.vmap(jax.jacrev(lambda row: model.hidden(row[None], key=None)[0]))(sample(N_ROWS, 12))
    expected = rounded(model.weights.encoder.layers[0].weight).T
    near(jacobians, np.broadcast_to(expected, (N_ROWS, 3, 12)), 1)
