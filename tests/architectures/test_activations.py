"""Every activation against its formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from isthmus._activations import ACTIVATIONS, activate, deactivate, fan_scale
from isthmus.errors import PartError

ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
FORMULAS = {
    "clip": lambda x: np.minimum(np.maximum(x, 0), 1),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    # As Hendrycks & Gimpel 2016 approximate it: the error function takes twice as long and changes it by less than 0.0005.
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "identity": lambda x: x,
    "leaky_relu": lambda x: np.maximum(x, 0.01 * x),
    "relu": lambda x: np.maximum(x, 0),
    "selu": lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0))),
    "sigmoid": scipy.special.expit,
    "silu": lambda x: x * scipy.special.expit(x),
    "softplus": lambda x: np.logaddexp(0, x),
    "tanh": np.tanh,
}
RANGES = {
    "clip": (0.0, 1.0),
    "elu": (-0.999, 30.0),
    "gelu": None,
    "identity": (-30.0, 30.0),
    "leaky_relu": (-0.3, 30.0),
    "relu": (0.0, 30.0),
    "selu": (-1.757, 30.0),
    "sigmoid": (0.0001, 0.9999),
    "silu": None,
    "softplus": (0.001, 100.0),
    "tanh": (-0.999, 0.999),
}
GRID = np.linspace(-12, 12, 481)


def test_each_has_a_formula_here():
    assert set(FORMULAS) == set(RANGES) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_it_is_its_formula(name):
    np.testing.assert_allclose(activate(name, jnp.asarray(GRID, float)), FORMULAS[name](GRID), rtol=1e-5, atol=1e-6)


def test_gelu_is_near_the_normal_distributions():
    exact = GRID * scipy.special.ndtr(GRID)
    np.testing.assert_allclose(activate("gelu", jnp.asarray(GRID, float)), exact, atol=5e-4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_slope_are_finite_far_out(name):
    far = jnp.asarray([-1e4, -100.0, 0.0, 100.0, 1e4], float)
    assert jnp.all(jnp.isfinite(activate(name, far)))
    assert jnp.all(jnp.isfinite(jax.vmap(jax.grad(lambda x: activate(name, x)))(far)))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_deactivate_is_its_inverse(name):
    if RANGES[name] is None:
        y = np.linspace(3.0, 30.0, 50)
        np.testing.assert_allclose(FORMULAS[name](deactivate(name, y)), y, rtol=0.06)
        np.testing.assert_array_equal(deactivate(name, np.array([-0.1, -5.0])), [0.0, 0.0])
        return
    y = np.linspace(*RANGES[name], 201)
    np.testing.assert_allclose(FORMULAS[name](deactivate(name, y)), y, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_what_it_never_reaches_has_a_finite_place_too(name):
    places = deactivate(name, np.array([-1e6, -1.0, 0.0, 1.0, 1e6]))
    assert places.dtype == np.float64
    assert np.all(np.isfinite(places))
    assert np.all(np.diff(places) >= 0)


def test_an_unknown_one_is_answered_with_all_there_are():
    with pytest.raises(
        PartError, match=r"^Unknown activation 'relo'\. Choose one of: clip, elu, gelu, identity, leaky_relu, relu, selu, sigmoid,"
    ):
        activate("relo", jnp.zeros(1))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_weights_are_as_wide_as_their_paper_says(name):
    variance = fan_scale(name, 30, 70) ** 2 / 3
    wanted = {"selu": 1 / 30} | dict.fromkeys(("relu", "leaky_relu", "elu", "gelu", "silu"), 2 / 30)
    np.testing.assert_allclose(variance, wanted.get(name, 2 / 100))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "selu"])
def test_many_layers_keep_the_size_of_what_they_pass_on(name):
    rng = np.random.default_rng(0)
    half_width, sizes = fan_scale(name, 256, 256), []
    for _ in range(30):
        x = rng.normal(size=(20, 256))
        for _ in range(5):
            x = FORMULAS[name](x) @ rng.uniform(-half_width, half_width, (256, 256))
        sizes.append(np.mean(x**2))
    np.testing.assert_allclose(np.mean(sizes), 1.0, rtol=0.25)
