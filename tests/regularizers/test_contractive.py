import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.regularizers import Contractive
from regularizers.views import model, model_view


def rows(n_rows=4, shape=(5,)):
    return jnp.asarray(np.random.default_rng(3).normal(size=(n_rows, *shape)), float)


def jacobians(made, x):
    return np.asarray(jax.vmap(jax.jacrev(lambda row: made.hidden(row[None], key=None)[0]))(x))


def test_of_a_layer_of_sigmoids_is_the_formula_of_rifai():
    # ||J||^2 = sum_j (h_j (1 - h_j))^2 sum_i W_ij^2
    made, x = model((), code_activation="sigmoid"), rows()
    (layer,) = made.weights.encoder.layers
    h = np.asarray(made.hidden(x, key=None), np.float64)
    expected = np.square(h * (1 - h)) @ np.square(layer.weight).sum(axis=0)
    np.testing.assert_allclose(Contractive()((), model_view(made, x), key=None), expected, rtol=1e-5)


@pytest.mark.parametrize(("data_shape", "latent_shape"), [((5,), (3,)), ((2, 3), (2, 2)), ((3,), (6,))], ids=str)
def test_is_the_squared_norm_of_the_jacobian(data_shape, latent_shape):
    made, x = model(data_shape=data_shape, latent_shape=latent_shape), rows(shape=data_shape)
    expected = np.sum(np.square(jacobians(made, x)).reshape(4, -1), axis=1)
    np.testing.assert_allclose(Contractive()((), model_view(made, x), key=None), expected, rtol=1e-5)


@pytest.mark.parametrize("n_samples", [1, 3])
def test_the_estimate_is_right_on_average_and_repeats_by_its_key(n_samples):
    made, x = model(), jnp.tile(rows(1), (4000, 1))
    part, view = Contractive(n_samples=n_samples), model_view(made, x)
    estimates = np.asarray(part((), view, key=jax.random.key(0)))
    jacobian = jacobians(made, x[:1])[0]
    gram = jacobian @ jacobian.T
    # Of random signs, the variance is twice the sum of the squares off the diagonal.
    variance = 2 * np.sum(np.square(gram - np.diag(np.diag(gram)))) / n_samples
    assert abs(estimates.mean() - np.trace(gram)) < 5 * np.sqrt(variance / 4000)
    np.testing.assert_allclose(estimates.var(), variance, rtol=0.3)
    np.testing.assert_array_equal(part((), view, key=jax.random.key(0)), estimates)


def test_rounded_products_are_differentiated_twice():
    x = rows()
    slopes = {}
    for precision in ("float32", "bfloat16"):
        made = model(precision=precision)
        view = model_view(made, x)

        def total(weights, made=made, view=view):
            moved = made._replace(weights=weights)
            return jnp.sum(Contractive()((), view._replace(encode=lambda row: moved.hidden(row[None], key=None)[0]), key=None))

        slopes[precision] = jax.grad(total)(made.weights).encoder.layers[0].weight
    assert slopes["bfloat16"].dtype == jnp.float32
    np.testing.assert_allclose(slopes["bfloat16"], slopes["float32"], atol=0.05 * np.max(np.abs(slopes["float32"])))
    assert not np.array_equal(slopes["bfloat16"], slopes["float32"])
