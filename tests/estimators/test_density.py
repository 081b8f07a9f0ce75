"""Rows drawn from any autoencoder, by a mixture of normal distributions on its codes."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from isthmus import Autoencoder, load
from isthmus.errors import DataError, PartError
from isthmus.estimators._density import fitted_density


def groups(n=400, seed=0):
    """Two groups on a plane in five dimensions."""
    rng = np.random.default_rng(seed)
    which = rng.integers(2, size=n)
    codes = rng.normal(size=(n, 2)) * [1.0, 0.3] + np.where(which[:, None], [6.0, 0.0], [-6.0, 2.0])
    return codes @ rng.normal(size=(2, 5)) + 3.0, which


@pytest.fixture(scope="module")
def fitted():
    X, _ = groups()
    return Autoencoder(2, max_epochs=3, random_state=0).fit(X)


def test_a_plain_autoencoder_samples_after_it(fitted):
    X, _ = groups()
    with pytest.raises(PartError, match=r"Call `fit_density\(X\)` first"):
        fitted.sample(3)
    assert fitted.fit_density(X, n_components=2) is fitted
    rows = fitted.sample(4000, random_state=1)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows.mean(axis=0), X.mean(axis=0), atol=0.5)
    np.testing.assert_allclose(np.cov(rows.T), np.cov(X.T), rtol=0.15, atol=0.4)
    # Between the groups there is nothing, which one normal distribution would not know.
    codes = fitted.transform(X)
    axis = np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)[2][0]
    along = (fitted.transform(rows) - codes.mean(axis=0)) @ axis
    assert np.mean(np.abs(along) < 1.0) < 0.02


def test_the_same_seed_draws_the_same_rows(fitted):
    X, _ = groups()
    fitted.fit_density(X, n_components=2, random_state=0)
    np.testing.assert_array_equal(fitted.sample(5, random_state=3), fitted.sample(5, random_state=3))
    assert not np.array_equal(fitted.sample(5, random_state=3), fitted.sample(5, random_state=4))


def test_it_is_saved_and_forgotten_by_another_fit(tmp_path):
    X, _ = groups(60)
    autoencoder = Autoencoder(2, max_epochs=1, random_state=0).fit(X).fit_density(X, n_components=3)
    autoencoder.save(tmp_path / "model.isthmus")
    again = load(tmp_path / "model.isthmus")
    np.testing.assert_array_equal(again.sample(4, random_state=0), autoencoder.sample(4, random_state=0))
    with pytest.raises(DataError):
        autoencoder.fit_density(X, n_components=0)
    assert hasattr(autoencoder, "density_")
    autoencoder.fit(X)
    assert not hasattr(autoencoder, "density_")


def test_it_takes_the_priors_place():
    X, _ = groups()
    variational = Autoencoder(2, loss="normal", bottleneck="gaussian", max_epochs=5, random_state=0).fit(X)
    from_prior = variational.sample(2000, random_state=0)
    from_codes = variational.fit_density(X, n_components=2).sample(2000, random_state=0)

    def distance(rows):
        return np.abs(np.sort(rows, axis=0)[::5] - np.sort(X, axis=0)).mean()

    assert distance(from_codes) < distance(from_prior)


class TestTheMixture:
    def test_of_one_component_is_the_normal_distribution_of_the_codes(self):
        codes = np.random.default_rng(0).normal(size=(500, 3)) @ np.diag([1.0, 10.0, 0.1]) + 5.0
        density = fitted_density(codes, np.zeros(500, int), 1, np.random.default_rng(0))
        np.testing.assert_allclose(density.means[0, 0], codes.mean(axis=0), rtol=1e-6)
        factor = density.factors[0, 0]
        np.testing.assert_allclose(factor @ factor.T, np.cov(codes.T, bias=True), rtol=1e-4, atol=1e-4)
        drawn = density.sample(np.zeros(20_000, int), np.random.default_rng(1))
        unit = codes.std(axis=0)
        np.testing.assert_allclose(np.cov((drawn / unit).T), np.cov((codes / unit).T), atol=0.04)

    @pytest.mark.parametrize("codes", [np.ones((1, 2)), np.ones((5, 2)), np.eye(2), np.zeros((4, 3))], ids=["one", "same", "two", "zero"])
    def test_few_or_constant_codes_are_drawn_again(self, codes):
        density = fitted_density(codes, np.zeros(len(codes), int), 4, np.random.default_rng(0))
        drawn = density.sample(np.zeros(50, int), np.random.default_rng(1))
        assert np.all(np.abs(drawn[:, None] - codes).max(axis=2).min(axis=1) < 0.05)

    @pytest.mark.parametrize("wrong", [0, 2.5, True])
    def test_a_number_of_components_is_a_number(self, wrong):
        with pytest.raises(DataError, match=r"`n_components` must be an integer of at least 1; got .*\. Give"):
            fitted_density(np.ones((3, 2)), np.zeros(3, int), wrong, np.random.default_rng(0))


def test_nothing_is_found_before_a_fit():
    with pytest.raises(NotFittedError):
        Autoencoder().fit_density(np.ones((3, 2)))
