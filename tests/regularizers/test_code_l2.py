import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.priors import StandardNormal
from isthmus.regularizers import L2, CodeL2
from regularizers.views import codes_view


@pytest.mark.parametrize("shape", [(6, 4), (6, 3, 2, 4)], ids=str)
def test_is_half_the_squares_of_each_rows_code(shape):
    code = np.random.default_rng(0).normal(size=shape)
    expected = 0.5 * np.square(code).reshape(6, -1).sum(axis=1)
    np.testing.assert_allclose(CodeL2()((), codes_view(code), key=None), expected, rtol=1e-5)


def test_is_what_the_divergence_from_the_prior_charges_for_the_mean():
    code = np.random.default_rng(1).normal(size=(6, 4))
    view = codes_view(code)
    at_origin, at_code = (np.sum(StandardNormal().kl((), mean, 0 * mean), axis=1) for mean in (0 * view.code, view.code))
    np.testing.assert_allclose(CodeL2()((), view, key=None), at_code - at_origin, rtol=1e-5)


def test_of_several_codes_a_row_is_their_mean():
    codes = np.random.default_rng(2).normal(size=(5, 6, 4))
    view = codes_view(codes[0])._replace(code=codes_view(codes).code)
    np.testing.assert_allclose(CodeL2()((), view, key=None), 0.5 * np.square(codes).sum(axis=2).mean(axis=0), rtol=1e-5)


def test_with_a_penalty_of_the_decoder_codes_are_small_and_the_history_shows_it():
    rng = np.random.default_rng(3)
    table = np.tanh(rng.normal(size=(150, 2)) @ rng.normal(size=(2, 6)))
    options = {"hidden_dims": (8,), "activation": "tanh", "batch_size": 32, "max_epochs": 20, "learning_rate": 0.01, "random_state": 0}
    sizes = []
    for weight in (0.0, 3.0):
        autoencoder = Autoencoder(2, regularizers=(CodeL2(weight), L2(1e-3, ("decoder",))), **options).fit(table)
        sizes.append(np.mean(np.square(autoencoder.transform(table))))
    assert sizes[1] < 0.5 * sizes[0]
    assert {"code_l2", "val_code_l2", "l2"} <= set(autoencoder.history_)
