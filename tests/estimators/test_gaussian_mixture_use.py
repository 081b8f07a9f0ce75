"""`GaussianMixture` in use: what it is given, its density as a function, what is drawn from it, files and names."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Theirs

from estimators.clusters import FEW, FEW_STRUCTURES, LABELS, PLAIN, STRUCTURES, X, log_density
from isthmus import GaussianMixture
from isthmus.mixtures import LowRank


@pytest.fixture(scope="module")
def fitted():
    """One mixture of each structure; not to be changed."""
    return {part: GaussianMixture(3, covariance_type=part, **FEW).fit(X) for part in STRUCTURES}


class TestGiven:
    precisions = np.tile(np.eye(4), (3, 1, 1)) * [[[1.0]], [[2.0]], [[3.0]]]

    def test_labels_are_a_start(self):
        with pytest.warns(ConvergenceWarning):
            mixture = GaussianMixture(3, init_params=LABELS, max_iter=1, tol=0.0, **PLAIN).fit(X)
        reference = Theirs(3, reg_covar=0.0)
        reference._initialize(X, np.eye(3)[LABELS])
        _, log_resp = reference._e_step(X)
        reference._m_step(X, log_resp)
        np.testing.assert_allclose(mixture.weights_, reference.weights_, rtol=1e-8)
        np.testing.assert_allclose(mixture.means_, reference.means_, rtol=1e-8)
        np.testing.assert_allclose(mixture.covariances_, reference.covariances_, rtol=1e-7)

    def test_components_keep_the_order_of_what_is_given(self):
        means = np.stack([X[k == LABELS].mean(axis=0) for k in (2, 0, 1)])
        mixture = GaussianMixture(3, means_init=means).fit(X)
        for index, k in enumerate((2, 0, 1)):
            assert np.mean(mixture.predict(X[k == LABELS]) == index) > 0.9

    @pytest.mark.parametrize("acceleration", [None, "squarem"])
    def test_what_is_fixed_stays(self, acceleration):
        given = {"weights_init": [0.2, 0.3, 0.5], "means_init": X[:3], "precisions_init": self.precisions}
        free = GaussianMixture(3, **given, acceleration=acceleration).fit(X)
        for name, attribute, expected in [
            ("weights", "weights_", given["weights_init"]),
            ("means", "means_", given["means_init"]),
            ("covariances", "covariances_", np.linalg.inv(self.precisions)),
        ]:
            mixture = GaussianMixture(3, **given, acceleration=acceleration, fixed=name).fit(X)
            np.testing.assert_allclose(getattr(mixture, attribute), expected, rtol=1e-9, atol=1e-9)
            assert mixture.lower_bound_ < free.lower_bound_
            assert not np.allclose(getattr(free, attribute), expected, rtol=1e-2)

    def test_some_components_may_be_fixed(self):
        mixture = GaussianMixture(3, means_init=X[:3], fixed={"means": [0, 2]}).fit(X)
        np.testing.assert_allclose(mixture.means_[[0, 2]], X[[0, 2]], rtol=1e-9)
        assert not np.allclose(mixture.means_[1], X[1], atol=0.1)

    def test_two_kinds_may_be_fixed(self):
        mixture = GaussianMixture(3, means_init=X[:3], weights_init=[0.2, 0.3, 0.5], fixed=("means", "weights")).fit(X)
        np.testing.assert_allclose(mixture.means_, X[:3], rtol=1e-9)
        np.testing.assert_allclose(mixture.weights_, [0.2, 0.3, 0.5], rtol=1e-9)

    @pytest.mark.parametrize("part", FEW_STRUCTURES)
    def test_a_fitted_mixture_is_a_start_of_its_own_kind(self, part, fitted):
        before = fitted[part]
        given = {"weights_init": before.weights_, "means_init": before.means_, "precisions_init": before.precisions_}
        mixture = GaussianMixture(3, covariance_type=part, **given).fit(X)
        assert mixture.n_iter_ <= 3 or isinstance(part, LowRank)
        np.testing.assert_allclose(mixture.lower_bound_, before.lower_bound_, atol=1e-3)

    def test_a_warm_start_goes_on(self):
        mixture = GaussianMixture(3, warm_start=True, max_iter=2, means_init=X[:3])
        with pytest.warns(ConvergenceWarning):
            first = mixture.fit(X).lower_bound_
        mixture.set_params(max_iter=500).fit(X)
        assert mixture.converged_
        assert mixture.lower_bound_ > first
        assert mixture.fit(X).n_iter_ <= 2

    def test_a_warm_start_may_hold_what_was_found(self):
        mixture = GaussianMixture(3, warm_start=True, **FEW).fit(X)
        means = mixture.means_
        mixture.set_params(fixed="means").fit(X[:100])
        np.testing.assert_allclose(mixture.means_, means, rtol=1e-9)


class TestDensity:
    @pytest.mark.parametrize("part", FEW_STRUCTURES)
    def test_it_is_that_of_its_attributes(self, part, fitted):
        np.testing.assert_allclose(fitted[part].score_samples(X), log_density(fitted[part], X), rtol=1e-8)

    @pytest.mark.parametrize("part", FEW_STRUCTURES)
    def test_a_marginal_is_the_mixture_of_marginals(self, part, fitted):
        kept = [3, 1]
        found = fitted[part].marginal(kept).score_samples(X[:, kept])
        np.testing.assert_allclose(found, log_density(fitted[part], X[:, kept], kept), rtol=1e-8)

    @pytest.mark.parametrize("part", FEW_STRUCTURES)
    def test_a_conditional_is_the_joint_density_over_the_marginal_one(self, part, fitted):
        given, others = [2, 0], [1, 3]
        for row in X[:3]:
            conditional = fitted[part].conditional(given, row[given])
            x = np.tile(row, (5, 1))
            x[:, others] += np.random.default_rng(0).normal(size=(5, 2))
            expected = log_density(fitted[part], x) - log_density(fitted[part], row[given], given)
            np.testing.assert_allclose(conditional.score_samples(x[:, others]), expected, rtol=1e-7, atol=1e-7)

    def test_a_conditional_agrees_with_rows_that_have_about_these_values(self):
        covariances = np.array([[[1.0, 0.8], [0.8, 1.0]], [[1.0, -0.5], [-0.5, 1.0]]])
        mixture = GaussianMixture.from_parameters([0.4, 0.6], [[0.0, 0.0], [1.0, 2.0]], covariances, random_state=0)
        drawn, _ = mixture.sample(200_000)
        near = drawn[np.abs(drawn[:, 0] - 0.5) < 0.02, 1]
        conditional = mixture.conditional([0], [0.5])
        mean = conditional.weights_ @ conditional.means_[:, 0]
        variance = conditional.weights_ @ (conditional.covariances_[:, 0, 0] + conditional.means_[:, 0] ** 2) - mean**2
        assert abs(near.mean() - mean) < 4 * np.sqrt(variance / len(near))
        assert abs(near.var() / variance - 1.0) < 0.1

    def test_a_conditional_far_from_a_component_leaves_it_next_to_no_weight(self):
        mixture = GaussianMixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [1e3, 5.0]], np.tile(np.eye(2), (2, 1, 1)))
        conditional = mixture.conditional([0], [0.0])
        np.testing.assert_allclose(conditional.weights_, [1.0, 0.0], atol=1e-100)
        np.testing.assert_allclose(conditional.score_samples([[0.3]]), scipy.stats.norm.logpdf(0.3))

    @pytest.mark.parametrize("part", FEW_STRUCTURES)
    def test_it_is_a_function_of_jax_with_the_right_gradient(self, part, fitted):
        mixture = fitted[part]
        with jax.enable_x64(True):
            x = jnp.asarray(X[:5])
            np.testing.assert_allclose(jax.jit(mixture.log_prob)(x), mixture.score_samples(X[:5]), rtol=1e-9)
            slopes = jax.grad(lambda x: mixture.log_prob(x).sum())(x)
        for feature in range(4):
            step = np.eye(4)[feature] * 1e-5
            expected = (log_density(mixture, X[:5] + step) - log_density(mixture, X[:5] - step)) / 2e-5
            np.testing.assert_allclose(slopes[:, feature], expected, rtol=1e-5, atol=1e-6)

    def test_it_is_precise_in_single_precision_far_from_zero(self, fitted):
        moved = GaussianMixture.from_parameters(fitted["full"].weights_, fitted["full"].means_ + 12_345.678, fitted["full"].covariances_)
        x = (X[:50] + 12_345.678).astype(np.float32)
        found = moved.log_prob(jnp.asarray(x))
        assert found.dtype == jnp.float32
        np.testing.assert_allclose(found, moved.score_samples(x.astype(np.float64)), atol=2e-4)

    def test_whole_numbers_are_rows_too(self, fitted):
        x = np.arange(8).reshape(2, 4)
        np.testing.assert_allclose(fitted["full"].log_prob(x), fitted["full"].score_samples(x.astype(float)), rtol=1e-4)

    @pytest.mark.parametrize("part", FEW_STRUCTURES)
    def test_what_is_drawn_has_its_moments(self, part, fitted):
        drawn, labels = fitted[part].sample(50_000)
        assert np.all(np.diff(labels) >= 0)
        for k in range(3):
            own, matrix = drawn[labels == k], fitted[part]._matrices()[k]
            assert abs(len(own) / 50_000 - fitted[part].weights_[k]) < 0.01
            root = np.linalg.cholesky(matrix)
            whitened = np.linalg.solve(root, (own - fitted[part].means_[k]).T)
            np.testing.assert_allclose(whitened.mean(axis=1), 0.0, atol=0.04)
            np.testing.assert_allclose(np.cov(whitened), np.eye(4), atol=0.06)

    @pytest.mark.parametrize("part", FEW_STRUCTURES)
    def test_it_may_be_stated_from_parameters(self, part, fitted):
        before = fitted[part]
        stated = GaussianMixture.from_parameters(before.weights_, before.means_, before.covariances_, covariance_type=part)
        if isinstance(part, LowRank):  # which keeps variances and the strongest directions of what it is given
            np.testing.assert_allclose(np.diagonal(stated.covariances_, 0, 1, 2), np.diagonal(before.covariances_, 0, 1, 2), rtol=1e-6)
        else:
            np.testing.assert_allclose(stated.score_samples(X), before.score_samples(X), rtol=1e-8)
            np.testing.assert_allclose(stated.covariances_, before.covariances_, rtol=1e-8)
        assert np.isnan(stated.lower_bound_)


class TestAnEstimator:
    def test_seeds_decide_everything(self):
        first, second = (GaussianMixture(3, **FEW).fit(X) for _ in range(2))
        np.testing.assert_array_equal(first.means_, second.means_)
        np.testing.assert_array_equal(first.sample(5)[0], second.sample(5)[0])
        third = GaussianMixture(3, **{**FEW, "random_state": np.random.RandomState(0)}).fit(X)
        np.testing.assert_array_equal(first.means_, third.means_)

    def test_rows_on_disk_give_what_rows_in_memory_give(self, tmp_path):
        on_disk = np.memmap(tmp_path / "rows", np.float32, "w+", shape=X.shape)
        on_disk[:] = X
        on_disk.flush()
        again = np.memmap(tmp_path / "rows", np.float32, "r", shape=X.shape)
        mixture, reference = (GaussianMixture(3, **FEW).fit(table) for table in (again, X.astype(np.float32)))
        np.testing.assert_array_equal(mixture.means_, reference.means_)
        np.testing.assert_array_equal(mixture.predict(again), reference.predict(X.astype(np.float32)))

    def test_it_is_pickled_and_cloned(self, fitted):
        again = pickle.loads(pickle.dumps(fitted["tied"]))
        np.testing.assert_array_equal(again.score_samples(X), fitted["tied"].score_samples(X))
        fresh = clone(GaussianMixture(3, means_init=X[:3], fixed={"means": [0]}, covariance_type=LowRank(2)))
        assert fresh.get_params()["covariance_type"] == LowRank(2)
        assert not hasattr(fresh, "means_")

    def test_names_of_columns_are_kept_and_held(self):
        frame = pd.DataFrame(X, columns=list("abcd"))
        mixture = GaussianMixture(3, **FEW).fit(frame)
        assert list(mixture.feature_names_in_) == list("abcd")
        np.testing.assert_array_equal(mixture.predict(frame), GaussianMixture(3, **FEW).fit(X).predict(X))
        with pytest.raises(ValueError, match="feature names should match"):
            mixture.predict(frame[list("badc")])

    @pytest.mark.parametrize(
        "refused", [{"X": X[:2, :3]}, {"X": np.full((9, 2), np.nan)}, {"X": X[:, :2], "sample_weight": np.zeros(len(X))}]
    )
    def test_a_refused_fit_loses_nothing(self, refused, fitted):
        mixture = pickle.loads(pickle.dumps(fitted["full"])).set_params(random_state=1)
        for fit in (mixture.fit, mixture.partial_fit):
            with pytest.raises(ValueError):
                fit(**refused)
            assert mixture.n_features_in_ == 4
            np.testing.assert_array_equal(mixture.score_samples(X), fitted["full"].score_samples(X))

    def test_names_of_a_refused_table_are_not_kept(self):
        mixture = GaussianMixture(3, **FEW).fit(pd.DataFrame(X, columns=list("abcd")))
        with pytest.raises(ValueError, match="more than the 2 rows"):
            mixture.fit(pd.DataFrame(X[:2, :2], columns=list("ef")))
        assert list(mixture.feature_names_in_) == list("abcd")
