"""Importance of columns where the answer is known."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from isthmus import Autoencoder, GaussianMixture
from isthmus.errors import DataError, PartError
from isthmus.evaluation import eliminate_features, feature_importance
from isthmus.presets import vae

RNG = np.random.default_rng(0)
HIDDEN = RNG.normal(size=(400, 1))
# Two columns that say the same, a weaker third, one of noise, one that does not vary.
X = np.concatenate([2.0 * HIDDEN, 2.0 * HIDDEN, 0.5 * HIDDEN, 0.1 * RNG.normal(size=(400, 1)), np.ones((400, 1))], axis=1)
MODEL = PCA(1).fit(X)


def reconstructed(rows):
    return MODEL.inverse_transform(MODEL.transform(rows))


class TestReconstruction:
    def test_ablation_is_the_rise_of_the_error_by_its_definition(self):
        found = feature_importance(MODEL, X, method="ablation")
        base = np.sum((X - reconstructed(X)) ** 2, axis=1).mean()
        assert found.base == pytest.approx(base)
        for column in range(5):
            spoiled = X.copy()
            spoiled[:, column] = X[:, column].mean()
            squares = (X - reconstructed(spoiled)) ** 2
            assert found.values[column] == pytest.approx(squares.sum(axis=1).mean() - base, abs=1e-12)
            others = np.delete(squares - (X - reconstructed(X)) ** 2, column, axis=1)
            assert found.others[column] == pytest.approx(others.sum(axis=1).mean(), abs=1e-12)

    def test_permutations_rank_columns_by_what_the_code_takes_from_them(self):
        found = feature_importance(MODEL, X, n_repeats=3)
        assert set(found.ranking[:2]) == {"column 0", "column 1"}
        assert found.ranking[2] == "column 2"
        assert found.values[4] == 0.0
        assert np.all(found.spread[:3] > 0.0)

    def test_the_same_seed_gives_the_same_numbers(self):
        first, second = (feature_importance(MODEL, X, n_repeats=2, max_rows=50, random_state=4) for _ in range(2))
        np.testing.assert_array_equal(first.values, second.values)
        assert "50 rows" in first.note

    def test_it_prints_and_shows_the_largest_first(self):
        found = feature_importance(MODEL, X, n_repeats=1)
        lines = str(found).splitlines()
        assert lines[1].startswith(found.ranking[0])
        assert found._repr_html_().index(found.ranking[0]) < found._repr_html_().index(found.ranking[-1])


class TestLikelihood:
    def test_a_mixture_loses_what_its_density_says(self):
        mixture = GaussianMixture(1, n_init=1, random_state=0).fit(X[:, :4])
        found = feature_importance(mixture, X[:, :4], by="likelihood", method="ablation")
        spoiled = X[:, :4].copy()
        spoiled[:, 0] = spoiled[:, 0].mean()
        assert found.values[0] == pytest.approx(mixture.score(X[:, :4]) - mixture.score(spoiled))
        assert found.unit == "nats a row"

    def test_a_variational_model_is_judged_by_its_bound(self):
        model = vae(1, hidden_dims=(8,), max_epochs=60, random_state=0).fit(X[:, :4])
        found = feature_importance(model, X[:, :4], by="likelihood", n_repeats=2, max_rows=100)
        assert found.values[3] == pytest.approx(0.0, abs=0.1)
        assert min(found.values[:2]) > 0.5

    def test_a_model_without_one_is_refused(self):
        with pytest.raises(PartError, match="The model has no likelihood"):
            feature_importance(Autoencoder(1, max_epochs=1, random_state=0).fit(X), X, by="likelihood")


class TestElimination:
    def test_columns_that_the_code_needs_stay(self):
        selector = eliminate_features(PCA(1), X, 2)
        assert selector.support_.tolist() == [True, True, False, False, False]
        assert selector.transform(X).shape == (400, 2)
        assert sorted(selector.ranking_) == [1, 1, 2, 3, 4]

    def test_it_works_on_an_autoencoder_several_columns_at_a_time(self):
        selector = eliminate_features(Autoencoder(1, hidden_dims=(8,), max_epochs=30, random_state=0), X[:, :4], 2, step=2, n_repeats=2)
        assert selector.support_.tolist() == [True, True, False, False]

    def test_more_columns_than_there_are_cannot_be_kept(self):
        with pytest.raises(DataError, match="Give a number from 1 to 5"):
            eliminate_features(PCA(1), X, 6)


def test_unknown_ways_are_refused():
    with pytest.raises(PartError, match="Choose a method of"):
        feature_importance(MODEL, X, method="shap")
    with pytest.raises(DataError, match="`n_repeats`=0"):
        feature_importance(MODEL, X, n_repeats=0)
