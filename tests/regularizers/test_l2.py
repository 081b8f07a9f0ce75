import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from isthmus.errors import PartError
from isthmus.model import Weights
from isthmus.optimizers import Adamw, GradientDescent
from isthmus.regularizers import L2, View


def model(encoder, decoder):
    return Weights(encoder, decoder, bottleneck=(), prior=(), loss=(), regularizers=())


def penalty(weights, **fields):
    return L2(**fields)((), View(None, None, None, None, None, weights, None, None), key=None)


def sample(seed=0):
    rng = np.random.default_rng(seed)
    encoder = {"kernel": jnp.asarray(rng.normal(size=(6, 4)), float), "bias": jnp.asarray(rng.normal(size=4), float)}
    return model(encoder, {"kernel": jnp.asarray(rng.normal(size=(3, 3, 4, 6)), float)})


def test_sums_squares_of_kernels_and_leaves_out_biases():
    weights = sample()
    expected = np.square(weights.encoder["kernel"]).sum() + np.square(weights.decoder["kernel"]).sum()
    np.testing.assert_allclose(penalty(weights), expected, rtol=1e-6)


def test_one_half_may_be_charged_alone():
    weights = sample()
    for half in ("encoder", "decoder"):
        np.testing.assert_allclose(penalty(weights, halves=(half,)), np.square(getattr(weights, half)["kernel"]).sum(), rtol=1e-6)


@pytest.mark.parametrize("halves", [(), ("decoder", "decoder")])
def test_halves_that_name_none_or_one_twice_are_refused(halves):
    with pytest.raises(PartError, match=r"`l2\.halves` names each half at most once, and one at least; got .* Give \('decoder',\), say"):
        L2(halves=halves)


def test_its_slope_is_twice_the_weight_and_none_on_biases():
    weights = sample()
    slope = jax.grad(penalty)(weights)
    np.testing.assert_allclose(slope.encoder["kernel"], 2 * weights.encoder["kernel"], rtol=1e-6)
    np.testing.assert_array_equal(slope.encoder["bias"], np.zeros(4))


def test_of_a_model_without_matrices_is_zero():
    assert float(penalty(model({"bias": jnp.ones(3)}, ()))) == 0.0


def test_the_weight_is_ridges_alpha_over_rows_times_columns():
    rng = np.random.default_rng(1)
    codes, x, weight = rng.normal(size=(50, 3)), rng.normal(size=(50, 4)), 0.02
    with jax.enable_x64(True):

        def objective(kernel):
            return jnp.mean(jnp.square(codes @ kernel - x)) + weight * penalty(model((), {"kernel": kernel}))

        ridge = Ridge(alpha=weight * x.size, fit_intercept=False).fit(codes, x)
        slope = jax.grad(objective)(jnp.asarray(ridge.coef_.T))
        np.testing.assert_allclose(slope, 0.0, atol=1e-12)
        assert np.max(np.abs(jax.grad(objective)(jnp.asarray(0.9 * ridge.coef_.T)))) > 1e-3


def test_a_plain_step_takes_off_what_decoupled_decay_of_twice_the_weight_takes_off():
    weights, rate, weight = sample(), 0.1, 0.3
    slope = jax.grad(lambda weights: weight * penalty(weights))(weights)
    plain = GradientDescent().build(rate)
    pulled, _ = plain.update(slope, plain.init(weights), weights)
    decayed = Adamw(weight_decay=2 * weight).build(rate)
    taken, _ = decayed.update(jax.tree.map(jnp.zeros_like, weights), decayed.init(weights), weights)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-8), pulled, taken)
