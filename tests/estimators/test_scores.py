"""What the numbers mean that a fitted model gives."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from sklearn.base import clone

from isthmus import Autoencoder
from isthmus.losses import Huber

SCALINGS = ["common", "standard", "min_max", "unit_range", None]
ROW_LOSSES = {
    "squared_error": lambda x, y: np.sum((x - y) ** 2, axis=1),
    "absolute_error": lambda x, y: np.sum(np.abs(x - y), axis=1),
    "huber": lambda x, y: np.sum(scipy.special.huber(0.7, x - y), axis=1),
}


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("loss", ROW_LOSSES)
def test_scores_are_the_loss_between_rows_and_their_reconstructions(loss, scaling, small, table):
    part = Huber(0.7) if loss == "huber" else loss
    autoencoder = clone(small).set_params(loss=part, scaling=scaling).fit(table)
    by_hand = -ROW_LOSSES[loss](table, autoencoder.reconstruct(table))
    np.testing.assert_allclose(autoencoder.score_samples(table), by_hand, rtol=1e-4)
    np.testing.assert_allclose(autoencoder.score(table), by_hand.mean(), rtol=1e-5)


@pytest.mark.parametrize("scaling", ["auto", "min_max", "unit_range"])
def test_scores_of_probabilities_are_cross_entropies(scaling, small, table):
    autoencoder = clone(small).set_params(loss="bernoulli", scaling=scaling).fit(table)
    offset, scale = autoencoder.scaling_
    x, p = (table - offset) / scale, (autoencoder.reconstruct(table) - offset) / scale
    by_hand = np.sum(scipy.special.xlogy(x, p) + scipy.special.xlog1py(1 - x, -p), axis=1)
    np.testing.assert_allclose(autoencoder.score_samples(table), by_hand, rtol=1e-4)
    assert autoencoder.score(table) == np.mean(autoencoder.score_samples(table))


def test_scores_do_not_know_of_penalties(small, table):
    autoencoder = clone(small).set_params(regularizers=("l1", "l2"), regularizers__l1__weight=0.1).fit(table)
    by_hand = -np.sum((table - autoencoder.reconstruct(table)) ** 2, axis=1)
    np.testing.assert_allclose(autoencoder.score_samples(table), by_hand, rtol=1e-4)


def test_y_is_ignored(fitted, small, table):
    y = np.arange(150)
    assert fitted.score(table, y) == fitted.score(table)
    np.testing.assert_array_equal(clone(small).fit(table, y).transform(table), fitted.transform(table))


@pytest.mark.parametrize("method", ["transform", "reconstruct", "predict", "score_samples"])
def test_a_rows_result_does_not_hang_on_its_company(method, fitted):
    rows = np.random.default_rng(3).normal(size=(257, 6))
    function = getattr(fitted, method)
    whole = function(rows)
    order = np.random.default_rng(4).permutation(257)
    np.testing.assert_array_equal(function(rows[order]), whole[order])
    np.testing.assert_array_equal(function(rows[256:]), whole[256:])
    np.testing.assert_array_equal(np.concatenate([function(row[None]) for row in rows[:20]]), whole[:20])


def test_decoding_codes_is_reconstructing(fitted, table):
    for dtype, rtol in ((np.float64, 1e-6), (np.float32, 1e-5)):
        rows = table.astype(dtype)
        codes = fitted.transform(rows)
        assert codes.dtype == dtype
        assert fitted.inverse_transform(codes).dtype == dtype
        np.testing.assert_allclose(fitted.inverse_transform(codes), fitted.reconstruct(rows), rtol=rtol, atol=rtol)
        np.testing.assert_array_equal(fitted.predict(rows), fitted.reconstruct(rows))


def test_the_models_functions_are_those_of_the_estimator(fitted, table):
    x = jnp.asarray(fitted.scaling_.scaled(table))
    np.testing.assert_allclose(fitted.model_.encode(x), fitted.transform(table), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fitted.scaling_.unscaled(fitted.model_.reconstruct(x)), fitted.reconstruct(table), rtol=1e-5, atol=1e-5)


def test_the_network_is_what_its_weights_say(fitted, table):
    x = fitted.scaling_.scaled(table)
    weights = fitted.model_.weights
    for network in (weights.encoder, weights.decoder):
        first, last = network.layers
        x = np.tanh(x @ first.weight + first.bias) @ last.weight + last.bias
    np.testing.assert_allclose(fitted.scaling_.unscaled(x), fitted.reconstruct(table), rtol=1e-4, atol=1e-4)


def test_the_history_is_in_the_scaled_unit(small, table):
    autoencoder = clone(small).set_params(validation_fraction=None, batch_size=150, max_epochs=1, learning_rate=1e-9).fit(table)
    error = ((autoencoder.reconstruct(table) - table) / autoencoder.scaling_.scale) ** 2
    np.testing.assert_allclose(autoencoder.history_["loss"], error.mean(), rtol=1e-4)
    np.testing.assert_allclose(autoencoder.history_["reconstruction"], error.sum(axis=1).mean(), rtol=1e-4)


@pytest.fixture(scope="module")
def summary(fitted):
    return fitted.summary()


class TestSummary:
    def test_counts_are_those_by_hand(self, summary):
        encoder, decoder = 6 * 8 + 8 + 8 * 2 + 2, 2 * 8 + 8 + 8 * 6 + 6
        assert summary.n_parameters == encoder + decoder == sum(size for _, _, size in summary.arrays)
        assert summary.n_bytes == 4 * (encoder + decoder)
        assert summary.data_shape == (6,)
        assert summary.latent_shape == (2,)
        assert summary.parts == {"architecture": "dense", "bottleneck": "deterministic", "loss": "squared_error"}
        assert ("encoder.layers.0.weight", (6, 8), 48) in summary.arrays

    def test_operations_are_two_a_weight_and_a_few_a_unit(self, summary):
        products = 2 * (6 * 8 + 8 * 2 + 2 * 8 + 8 * 6)
        assert products <= summary.n_flops <= products + 4 * (8 + 2 + 8 + 6)

    def test_its_text_is_for_reading(self, summary):
        lines = str(summary).splitlines()
        assert lines[0] == "architecture dense, bottleneck deterministic, loss squared_error"
        assert lines[1] == "6 -> 2 (3 values to one)"
        assert lines[3].split() == ["array", "shape", "values"]
        assert lines[4].split() == ["encoder.layers.0.weight", "6x8", "48"]
        assert lines[-1].startswith("152 parameters, 608 bytes, ")
        assert len({len(line) for line in lines[3:-2]}) == 1

    def test_a_linear_autoencoder_has_two_affine_maps(self):
        autoencoder = Autoencoder(1, architecture="linear", max_epochs=1, random_state=0).fit(np.eye(3))
        assert autoencoder.summary().n_parameters == (3 + 1) + (3 + 3)
