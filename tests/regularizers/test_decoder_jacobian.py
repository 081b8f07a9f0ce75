import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.regularizers import DecoderJacobian
from regularizers.views import model, model_view


def rows(n_rows=4, shape=(5,)):
    return jnp.asarray(np.random.default_rng(3).normal(size=(n_rows, *shape)), float)


def squared_norms(made, codes):
    found = jax.vmap(jax.jacrev(lambda code: made.outputs(code[None], key=None)[0]))(codes)
    return np.sum(np.square(found).reshape(len(codes), -1), axis=1)


def test_of_a_linear_decoder_is_the_sum_of_its_weights_squares():
    made, x = model(()), rows()
    (layer,) = made.weights.decoder.layers
    np.testing.assert_allclose(DecoderJacobian()((), model_view(made, x), key=None), np.full(4, np.sum(layer.weight**2)), rtol=1e-5)


@pytest.mark.parametrize(("data_shape", "latent_shape"), [((5,), (3,)), ((2, 3), (2, 2)), ((3,), (6,))], ids=str)
def test_is_the_squared_norm_of_the_jacobian_at_each_code(data_shape, latent_shape):
    made, x = model(data_shape=data_shape, latent_shape=latent_shape), rows(shape=data_shape)
    found = DecoderJacobian()((), model_view(made, x), key=None)
    np.testing.assert_allclose(found, squared_norms(made, made.hidden(x, key=None)), rtol=1e-5)


def test_of_several_codes_a_row_is_the_mean():
    made, x = model(), rows()
    codes = jnp.asarray(np.random.default_rng(5).normal(size=(6, 4, 3)), float)
    found = DecoderJacobian()((), model_view(made, x)._replace(code=codes), key=None)
    expected = squared_norms(made, codes.reshape(24, 3)).reshape(6, 4).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_estimate_is_right_on_average():
    made, x = model(), jnp.tile(rows(1), (4000, 1))
    view = model_view(made, x)
    estimates = np.asarray(DecoderJacobian(n_samples=2)((), view, key=jax.random.key(0)))
    expected = squared_norms(made, view.code[:1])[0]
    assert 0 < abs(estimates.mean() - expected) < 5 * estimates.std() / np.sqrt(4000)


@pytest.mark.parametrize("n_samples", [None, 1])
def test_rounded_products_are_differentiated_twice(n_samples):
    x, values = rows(), {}
    for precision in ("float32", "bfloat16"):
        made = model(precision=precision)
        view = model_view(made, x)

        def total(weights, made=made, view=view):
            moved = made._replace(weights=weights)
            decode = lambda code: moved.outputs(code[None], key=None)[0]  # noqa: E731
            return jnp.sum(DecoderJacobian(n_samples=n_samples)((), view._replace(decode=decode), key=jax.random.key(0)))

        values[precision] = jax.grad(total)(made.weights).decoder.layers[0].weight
    np.testing.assert_allclose(values["bfloat16"], values["float32"], atol=0.05 * np.max(np.abs(values["float32"])))
    assert not np.array_equal(values["bfloat16"], values["float32"])
