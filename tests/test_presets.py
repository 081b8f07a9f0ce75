"""Named models: what they choose, and that they do what they are named for."""

import inspect

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from isthmus import Autoencoder, presets
from isthmus.corruptions import BlindSpot, Gaussian, Masking

SIGMA = 0.3
SETTINGS = {"hidden_dims": (128,), "max_epochs": 30, "output_activation": "clip", "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    return (load_digits().data / 16).astype(np.float32)


def noisy(x, seed):
    return (x + SIGMA * np.random.default_rng(seed).standard_normal(x.shape)).astype(np.float32)


def error(x, y):
    return float(np.mean(np.square(x - y)))


def wiener(noisy_rows, clean):
    """The best linear reconstruction when noise and covariance are known."""
    mean, covariance = clean.mean(axis=0), np.cov(clean.T, bias=True)
    return (noisy_rows - mean) @ np.linalg.solve(covariance + SIGMA**2 * np.eye(len(covariance)), covariance) + mean


@pytest.mark.parametrize("name", presets.__all__)
class TestEveryPreset:
    def test_is_an_estimator_that_can_be_cloned_and_changed(self, name):
        estimator = getattr(presets, name)(4, random_state=3, max_epochs=7)
        assert isinstance(estimator, Autoencoder)
        assert clone(estimator).get_params() == estimator.get_params()
        assert estimator.latent_dim == 4
        assert estimator.set_params(max_epochs=2).max_epochs == 2

    def test_a_parameter_that_is_given_replaces_the_chosen_one(self, name):
        assert getattr(presets, name)(4, scaling="standard").scaling == "standard"

    def test_each_argument_of_its_own_changes_what_is_chosen(self, name):
        preset = getattr(presets, name)
        own = [argument for argument in inspect.signature(preset).parameters.values() if argument.kind is argument.KEYWORD_ONLY]
        for argument in own:
            other = argument.default + (1 if isinstance(argument.default, int) else 0.25)
            assert preset(4, **{argument.name: other}).get_params() != preset(4).get_params(), argument.name

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore:The posterior has collapsed", "ignore:Column", "ignore:.*components have no rows")
    @pytest.mark.parametrize("X", [[[1.0, 2.0, 3.0]], np.column_stack([np.full(30, 3.0), np.arange(30.0)])], ids=["one row", "constant"])
    def test_few_rows_and_constant_columns_give_rows_back_and_new_ones(self, name, X):
        options = {"hidden_dims": (4,), "max_epochs": 3, "random_state": 0} | ({"k": 2} if name == "sparse" else {})
        model = getattr(presets, name)(4, **options).fit(X)
        assert np.all(np.isfinite(model.reconstruct(X)))
        assert np.all(np.isfinite(model.fit_density(X, n_components=2).sample(5)))
        if hasattr(model, "active_units_"):
            assert np.all(np.isfinite(model.log_likelihood(X, 20).value))


class TestDenoising:
    def test_its_linear_path_starts_at_the_wiener_filter(self, digits):
        # Without an epoch's training worth the name, and as wide as the rows, it is the filter.
        started = presets.denoising(64, sigma=SIGMA, hidden_dims=(8,), learning_rate=1e-9, max_epochs=1, random_state=0).fit(digits)
        rows = noisy(digits, 1)
        best = error(wiener(rows, digits), digits)
        assert error(started.reconstruct(rows), digits) < 1.05 * best
        assert best < 0.4 * SIGMA**2

    def test_training_goes_below_the_best_linear_filter(self, digits):
        denoiser = presets.denoising(64, sigma=SIGMA, **SETTINGS).fit(digits[:1400])
        rows, clean = noisy(digits[1400:], 1), digits[1400:]
        assert error(denoiser.reconstruct(rows), clean) < 0.85 * error(np.clip(wiener(rows, digits[:1400]), 0, 1), clean)

    @pytest.mark.slow
    def test_two_noisy_copies_are_nearly_as_good_as_a_clean_one(self, digits):
        rows, clean = digits[:1400], digits[1400:]
        model = presets.denoising(64, corruption=None, **SETTINGS)
        test = noisy(clean, 1)
        supervised, pairs = (
            error(clone(model).fit(noisy(rows, 2), target=target).reconstruct(test), clean) for target in (rows, noisy(rows, 3))
        )
        assert supervised < pairs < 1.3 * supervised

    @pytest.mark.slow
    def test_a_single_noisy_copy_is_enough_to_take_most_of_the_noise_off(self, digits):
        model = presets.denoising(64, corruption=BlindSpot(), **SETTINGS).fit(noisy(digits, 2))
        assert error(model.reconstruct(noisy(digits, 2)), digits) < 0.5 * SIGMA**2

    def test_sigma_is_the_noise_of_the_corruption_and_another_corruption_may_be_given(self):
        assert presets.denoising(sigma=0.5).corruption == Gaussian(0.5)
        assert presets.denoising(corruption=Masking(0.2)).corruption == Masking(0.2)
