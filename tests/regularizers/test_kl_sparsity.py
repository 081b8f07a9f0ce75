import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from isthmus import Autoencoder
from isthmus.errors import PartError
from isthmus.regularizers import KlSparsity, View


def value(hidden, target=0.1, mask=None):
    hidden = jnp.asarray(hidden, float)
    view = View(None, jnp.ones(len(hidden)) if mask is None else jnp.asarray(mask, float), hidden, hidden, None, None, None, None)
    return KlSparsity(target=target)((), view, key=None)


@pytest.mark.parametrize("target", [0.01, 0.1, 0.7])
def test_is_the_divergence_between_two_coins_summed_over_units(target):
    hidden = scipy.special.expit(np.random.default_rng(0).normal(size=(20, 5)))
    mean = hidden.mean(axis=0)
    expected = np.sum(scipy.special.rel_entr(target, mean) + scipy.special.rel_entr(1 - target, 1 - mean))
    np.testing.assert_allclose(value(hidden, target), expected, rtol=1e-4)


def test_is_zero_at_the_target_alone():
    assert abs(float(value(np.full((7, 3), 0.1)))) < 1e-6
    for other in (0.05, 0.2):
        assert float(value(np.full((7, 3), other))) > 0.01


def test_is_of_means_and_not_of_rows():
    hidden = np.array([[0.19, 0.01], [0.01, 0.19]])
    assert abs(float(value(hidden))) < 1e-6


def test_scales_of_a_variational_code_are_no_activations():
    hidden = jnp.asarray(np.random.default_rng(0).uniform(size=(4, 2)), float)
    view = View(None, jnp.ones(4), jnp.concatenate([hidden, hidden - 5.0], axis=1), hidden, None, None, None, None)
    np.testing.assert_allclose(KlSparsity(target=0.1)((), view, key=None), value(hidden), rtol=1e-6)


def test_padding_does_not_enter_the_mean():
    hidden = np.array([[0.3, 0.2], [0.9, 0.9], [0.1, 0.4]])
    np.testing.assert_allclose(value(hidden, mask=[1, 0, 1]), value(hidden[[0, 2]]), rtol=1e-6)


@pytest.mark.parametrize("hidden", [-200.0, -20.0, 0.0, 20.0, 200.0])
def test_units_at_their_ends_have_finite_values_and_slopes(hidden):
    found, slope = jax.value_and_grad(lambda shift: value(jax.nn.sigmoid(jnp.zeros((4, 2)) + shift)))(hidden)
    assert jnp.isfinite(found)
    assert jnp.isfinite(slope)
    assert float(found) > 0


@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
def test_codes_outside_of_zero_to_one_are_refused(activation):
    with pytest.raises(
        PartError, match=rf"compares activations in \(0, 1\) with a target; got code_activation={activation!r}\. Pass code_"
    ):
        Autoencoder(2, regularizers="kl_sparsity", code_activation=activation).fit(np.zeros((10, 3)))


def test_units_come_to_their_target():
    table = np.random.default_rng(1).normal(size=(400, 6))
    options = {
        "code_activation": "sigmoid",
        "max_epochs": 60,
        "learning_rate": 0.02,
        "random_state": 0,
        "hidden_dims": (),
        "validation_fraction": None,
    }
    means = {}
    for weight in (0.0, 3.0):
        autoencoder = Autoencoder(10, batch_size=100, regularizers=KlSparsity(weight, target=0.1), **options).fit(table)
        means[weight] = autoencoder.transform(table).mean(axis=0)
    np.testing.assert_allclose(means[3.0], 0.1, atol=0.03)
    assert np.max(np.abs(means[0.0] - 0.1)) > 0.2
