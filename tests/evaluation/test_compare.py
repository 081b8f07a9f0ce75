"""Comparisons: scores by their definitions, the test of differences by its formula, and what goes wrong."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from isthmus import Autoencoder, compare
from isthmus._types import Fraction
from isthmus.corruptions import AbstractCorruption
from isthmus.errors import DataError
from isthmus.evaluation import Comparison, loss_by_corruption, optimizer_study, rate_quality
from isthmus.presets import vae

X, Y = load_iris(return_X_y=True)
X = scale(X)


class Noisy(BaseEstimator):
    """A PCA that gives rows back with noise, so that its errors differ between seeds."""

    def __init__(self, noise=0.0, random_state=0):
        self.noise = noise
        self.random_state = random_state

    def fit(self, X, y=None):
        self.pca_ = PCA(2).fit(X)
        return self

    def transform(self, X):
        return self.pca_.transform(X)

    def reconstruct(self, X):
        noise = np.random.default_rng(self.random_state).normal(size=X.shape) * self.noise
        return self.pca_.inverse_transform(self.transform(X)) + noise


@pytest.fixture(scope="module")
def found():
    return compare({"one": PCA(1), "two": PCA(2), "same": Noisy(1e-3)}, X, Y, n_seeds=4, random_state=7)


class TestScores:
    def test_they_are_those_of_rows_held_out(self, found):
        training, test = train_test_split(np.arange(150), test_size=0.25, random_state=8, stratify=Y)
        pca = PCA(1, random_state=8).fit(X[training])
        error = X[test] - pca.inverse_transform(pca.transform(X[test]))
        assert found.values["mean squared error"][0, 1] == pytest.approx(np.mean(error**2))
        assert found.values["mean absolute error"][0, 1] == pytest.approx(np.mean(np.abs(error)))
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, tol=1e-3)).fit(pca.transform(X[training]), Y[training])
        assert found.values["linear probe accuracy"][0, 1] == pytest.approx(probe.score(pca.transform(X[test]), Y[test]))

    def test_the_best_stands_first_and_differences_are_told_from_noise(self, found):
        rows = {row.model: row for row in found.table("mean squared error")}
        assert found.table("mean squared error")[0].verdict == "best"
        assert rows["one"].verdict == "worse"
        assert {rows["two"].verdict, rows["same"].verdict} == {"best", "no real difference"}
        assert rows["two"].low < rows["two"].mean < rows["two"].high

    def test_sparse_rows_are_as_good_as_dense_ones(self):
        models = {"one": PCA(1, svd_solver="covariance_eigh"), "two": PCA(2, svd_solver="covariance_eigh")}
        dense, sparse = (compare(models, rows, Y, n_seeds=2) for rows in (X, scipy.sparse.csr_matrix(X)))
        for name in ("mean squared error", "R2", "linear probe accuracy"):
            np.testing.assert_allclose(sparse.values[name], dense.values[name], rtol=1e-6)

    def test_a_variational_model_has_its_bound(self):
        found = compare({"narrow": vae(1, max_epochs=1), "wide": vae(2, max_epochs=1)}, X, n_seeds=2)
        assert found.better["evidence lower bound"] == "higher"
        assert np.isfinite(found.values["evidence lower bound"]).all()


class TestTheTest:
    VALUES = np.array([[1.0, 1.2, 0.9, 1.1], [1.3, 1.6, 1.1, 1.5], [1.05, 1.22, 0.93, 1.11]])

    def table(self):
        found = Comparison(("a", "b", "c"), {"error": self.VALUES}, {"error": "lower"}, {"error": ""}, test_share=0.5)
        return {row.model: row for row in found.table("error")}

    def test_it_is_the_corrected_test_of_nadeau_and_bengio_with_holms_correction(self):
        def probability(other):
            gap = self.VALUES[other] - self.VALUES[0]
            statistic = gap.mean() / np.sqrt((1 / 4 + 0.5) * gap.var(ddof=1))
            return 2.0 * stats.t.sf(abs(statistic), 3)

        first, second = sorted([probability(1), probability(2)])
        table = self.table()
        smaller, larger = ("b", "c") if probability(1) < probability(2) else ("c", "b")
        assert table[smaller].p == pytest.approx(min(1.0, 2 * first))
        assert table[larger].p == pytest.approx(max(min(1.0, 2 * first), second))
        assert table["a"].p == 1.0

    def test_the_interval_is_students(self):
        row = self.table()["b"]
        low, high = stats.t.interval(0.95, 3, loc=self.VALUES[1].mean(), scale=stats.sem(self.VALUES[1]))
        assert (row.low, row.high) == (pytest.approx(low), pytest.approx(high))

    def test_equal_models_do_not_differ(self):
        values = np.ones((2, 3))
        found = Comparison(("a", "b"), {"error": values}, {"error": "lower"}, {"error": ""}, test_share=0.5)
        assert [row.verdict for row in found.table("error")] == ["best", "no real difference"]


class TestWhatGoesWrong:
    def test_a_model_that_cannot_be_fitted_is_listed_and_the_others_go_on(self):
        found = compare({"bad": PCA(9), "one": PCA(1), "two": PCA(3)}, X, n_seeds=3)
        assert "n_components=9" in found.failures["bad"]
        assert [row.verdict for row in found.table("R2")] == ["best", "worse", "failed"]
        assert "bad failed: " in str(found)
        assert "<li>bad failed: " in found._repr_html_()
        assert json.loads(json.dumps(found.to_dict()["values"], allow_nan=False))["R2"][0] == [None, None, None]

    def test_models_that_all_fail(self):
        with pytest.raises(DataError, match="No model could be fitted"):
            compare({"bad": PCA(9), "worse": PCA(10)}, X, n_seeds=2)

    @pytest.mark.parametrize(("models", "n_seeds"), [({"one": PCA(1)}, 3), ({"one": PCA(1), "two": PCA(2)}, 1)])
    def test_too_few_to_compare(self, models, n_seeds):
        with pytest.raises(DataError, match="compare nothing"):
            compare(models, X, n_seeds=n_seeds)

    def test_the_same_model_twice(self):
        with pytest.raises(DataError, match="Two models are the same"):
            compare([PCA(1), PCA(1)], X)

    def test_labels_of_other_rows(self):
        with pytest.raises(DataError, match="one value for each of the 150 rows"):
            compare([PCA(1), PCA(2)], X, Y[1:])

    def test_a_score_that_is_not_there(self, found):
        with pytest.raises(DataError, match="Choose from: mean squared error"):
            found.table("accuracy")
        with pytest.raises(DataError, match="stand for no numbers"):
            found.curve("R2")


def test_it_prints_and_shows_every_model(found):
    for name in found.models:
        assert name in str(found)
        assert name in found._repr_html_()


class TestStudies:
    def test_quality_rises_with_the_width_of_the_code(self):
        found = rate_quality(PCAutoencoder(), X, latent_dims=(1, 2, 3, 99), n_seeds=2)
        curve = found.curve("R2")
        assert curve.x.tolist() == [1.0, 2.0, 3.0]
        assert np.all(np.diff(curve.lines["PCA"]) > 0.0)
        np.testing.assert_allclose(curve.lines["model"], curve.lines["PCA"])

    def test_a_loss_that_forgives_withstands_values_that_are_wrong(self):
        wrong, model = Stuck(0.2), Autoencoder(2, architecture="linear", learning_rate=0.02, max_epochs=150)
        found = loss_by_corruption(X, ["squared_error", "absolute_error"], [None, wrong], model=model, n_seeds=3)
        assert set(found) == {"none", repr(wrong)}
        damaged, whole = found[repr(wrong)].table("mean absolute error"), found["none"].table("mean absolute error")
        assert damaged[0].model == "absolute_error"
        assert damaged[1].mean > 1.3 * damaged[0].mean
        assert whole[1].mean < 1.3 * whole[0].mean

    def test_optimizers_are_compared_by_epochs_to_the_same_goal(self):
        found = optimizer_study(X, ["adam", "sgd"], model=Autoencoder(2, hidden_dims=(8,), max_epochs=12), n_seeds=2)
        lowest = np.min([own["loss"].min(axis=1) for own in found.values()], axis=0)
        for own in found.values():
            assert own["loss"].shape == (2, 12)
            for loss, goal, epochs in zip(own["loss"], 1.05 * lowest, own["epochs_to_goal"], strict=True):
                below = np.flatnonzero(loss <= goal)
                assert (np.isnan(epochs) and not len(below)) or epochs == below[0] + 1
        assert any(np.isfinite(own["epochs_to_goal"]).any() for own in found.values())

    def test_one_loss_is_no_comparison(self):
        with pytest.raises(DataError, match="two losses or more"):
            loss_by_corruption(X, ["squared_error"], [None])


class Stuck(AbstractCorruption):
    """Some values are those of an instrument that is stuck."""

    share: Fraction = 0.2

    def __call__(self, x, *, mask=None, key):
        return jnp.where(jax.random.uniform(key, x.shape) < self.share, 10.0, x)


class PCAutoencoder(BaseEstimator):
    """A PCA whose width is called as an autoencoder's is."""

    def __init__(self, latent_dim=2):
        self.latent_dim = latent_dim

    def fit(self, X, y=None):
        self.pca_ = PCA(self.latent_dim).fit(X)
        return self

    def transform(self, X):
        return self.pca_.transform(X)

    def inverse_transform(self, Z):
        return self.pca_.inverse_transform(Z)
