"""`GaussianMixture` beside scikit-learn's, beside closed forms, and what its users may rely on."""

import numpy as np
import pytest
import scipy.stats
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Theirs

from estimators.clusters import FEW, KINDS, LABELS, PLAIN, SHAPES, STEPS, STRUCTURES, X, rows
from isthmus import GaussianMixture
from isthmus.mixtures import LowRank


@pytest.fixture(scope="module")
def fitted():
    """One mixture of each structure; not to be changed."""
    return {part: GaussianMixture(3, covariance_type=part, **FEW).fit(X) for part in STRUCTURES}


def as_theirs(mixture, kind):
    """scikit-learn's mixture of the same parameters."""
    reference = Theirs(3, covariance_type=kind)
    reference.weights_, reference.means_, reference.covariances_ = mixture.weights_, mixture.means_, mixture.covariances_
    reference.precisions_cholesky_ = mixture.precisions_cholesky_
    return reference


class TestBesideScikitLearn:
    @pytest.mark.parametrize("seed", [0, 1, 2])
    @pytest.mark.parametrize("kind", KINDS)
    def test_from_the_same_start_the_value_is_no_lower(self, kind, seed):
        x, _ = rows(seed=seed, gap=1.0)
        rng = np.random.default_rng(seed)
        precisions = {"full": np.tile(np.eye(4), (3, 1, 1)), "tied": np.eye(4), "diag": np.ones((3, 4)), "spherical": np.ones(3)}
        given = {
            "weights_init": rng.dirichlet(np.full(3, 9.0)),
            "means_init": x[rng.permutation(len(x))[:3]],
            "precisions_init": precisions[kind],
        }
        limits = {"tol": 1e-5, "max_iter": 1000, "reg_covar": 0.0}
        reference = Theirs(3, covariance_type=kind, **limits, **given).fit(x)
        mixture = GaussianMixture(3, covariance_type=kind, covariance_prior=0.0, **limits, **given).fit(x)
        assert mixture.score(x) >= reference.score(x) - 1e-6
        assert mixture.lower_bound_ >= reference.lower_bound_ - 1e-6
        assert mixture.converged_

    @pytest.mark.parametrize("kind", KINDS)
    def test_its_attributes_mean_the_same(self, kind, fitted):
        mixture = fitted[kind]
        reference = as_theirs(mixture, kind)
        np.testing.assert_allclose(reference.score_samples(X), mixture.score_samples(X), rtol=1e-8)
        np.testing.assert_allclose(reference.predict_proba(X), mixture.predict_proba(X), atol=1e-8)
        np.testing.assert_array_equal(reference.predict(X), mixture.predict(X))
        np.testing.assert_allclose(reference.score(X), mixture.score(X), rtol=1e-8)
        np.testing.assert_allclose(reference.bic(X), mixture.bic(X), rtol=1e-8)
        np.testing.assert_allclose(reference.aic(X), mixture.aic(X), rtol=1e-8)

    @pytest.mark.parametrize("part", STRUCTURES, ids=str)
    def test_its_attributes_fit_together(self, part, fitted):
        mixture = fitted[part]
        assert mixture.weights_.shape == (3,)
        assert mixture.means_.shape == (3, 4)
        for name in ("covariances_", "precisions_", "precisions_cholesky_"):
            assert getattr(mixture, name).shape == SHAPES[part]
        np.testing.assert_allclose(mixture.weights_.sum(), 1.0)
        if part in ("diag", "spherical"):
            np.testing.assert_allclose(mixture.precisions_, 1.0 / mixture.covariances_)
            np.testing.assert_allclose(mixture.precisions_cholesky_, np.sqrt(mixture.precisions_))
        else:
            root = mixture.precisions_cholesky_
            np.testing.assert_allclose(mixture.precisions_ @ mixture.covariances_, np.broadcast_to(np.eye(4), SHAPES[part]), atol=1e-8)
            np.testing.assert_allclose(root @ np.swapaxes(root, -1, -2), mixture.precisions_, rtol=1e-8)
            np.testing.assert_array_equal(root, np.triu(root))
        assert mixture.converged_
        assert mixture.n_iter_ > 1
        assert mixture.n_empty_ == 0
        assert mixture.n_features_in_ == 4

    def test_all_components_are_found(self, fitted):
        # The same clusters, whatever their numbers: each found label goes with one true one.
        counts = np.zeros((3, 3))
        np.add.at(counts, (fitted["full"].predict(X), LABELS), 1)
        assert counts.max(axis=1).sum() > 0.95 * len(X)

    def test_the_integrated_completed_likelihood_adds_the_entropy_of_the_shares(self, fitted):
        shares = fitted["full"].predict_proba(X)
        entropy = scipy.stats.entropy(shares, axis=1).sum()
        np.testing.assert_allclose(fitted["full"].icl(X), fitted["full"].bic(X) + 2.0 * entropy, rtol=1e-9)

    def test_labels_are_those_of_predict(self):
        mixture = GaussianMixture(3, **FEW)
        np.testing.assert_array_equal(mixture.fit_predict(X), mixture.predict(X))


class TestValue:
    def test_without_a_prior_the_lower_bound_is_the_score(self):
        mixture = GaussianMixture(3, **{**FEW, **PLAIN}).fit(X * 100.0)
        np.testing.assert_allclose(mixture.lower_bound_, mixture.score(X * 100.0), rtol=1e-10)

    def test_with_a_prior_it_has_the_share_of_the_prior(self):
        # In the unit of the rows, the prior's rows have the covariance of all rows.
        mixture = GaussianMixture(3, covariance_prior=5.0, reg_covar=0.0, **FEW).fit(X)
        whole = np.cov(X.T, bias=True)
        relative = np.linalg.solve(whole, mixture.covariances_)
        share = -0.5 * np.sum(np.linalg.slogdet(relative)[1] + np.trace(np.linalg.inv(relative), axis1=1, axis2=2))
        np.testing.assert_allclose(mixture.lower_bound_, mixture.score(X) + 5.0 * share / len(X), rtol=1e-7)

    def test_few_iterations_are_a_warning(self):
        with pytest.warns(ConvergenceWarning, match="has not converged in 1 iterations. Give a larger `max_iter`"):
            mixture = GaussianMixture(3, max_iter=1, **FEW).fit(X)
        assert not mixture.converged_
        assert mixture.n_iter_ == 1

    def test_acceleration_leads_to_no_less(self):
        x, _ = rows(gap=0.5)
        plain, fast = (GaussianMixture(3, acceleration=how, tol=1e-7, max_iter=3000, **FEW).fit(x) for how in (None, "squarem"))
        assert fast.n_iter_ < plain.n_iter_
        assert fast.lower_bound_ > plain.lower_bound_ - 1e-4


class TestPrecision:
    @pytest.mark.parametrize("part", STRUCTURES, ids=str)
    def test_single_precision_is_near_double_far_from_zero(self, part):
        # Seed 3 has a component that is all but flat, which sums of squares in float32 cannot tell from a flat one.
        for seed in (0, 3):
            unit, labels = rows(2400, seed)
            x = (unit * [1.0, 5.0, 0.1, 2.0] + [1e4, 5e4, 0.0, -2e3]).astype(np.float32)
            start = {"means_init": [x[labels == k].mean(axis=0, dtype=np.float64) for k in range(3)], "tol": 1e-6, "max_iter": 3000}
            single, double = (GaussianMixture(3, covariance_type=part, **start).fit(table) for table in (x, x.astype(np.float64)))
            np.testing.assert_allclose(single.score(x), double.score(x.astype(np.float64)), atol=1e-4)
            np.testing.assert_allclose(double.score_samples(x), double.score_samples(x.astype(np.float64)), rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(single.weights_, double.weights_, atol=1e-3)
        assert single.means_.dtype == np.float64

    @pytest.mark.parametrize("part", STRUCTURES, ids=str)
    @pytest.mark.parametrize(("scale", "shift"), [(1e-5, 3.0), (2.5e4, -1e6)])
    def test_another_unit_gives_the_same_labels(self, part, scale, shift, fitted):
        labels = GaussianMixture(3, covariance_type=part, **FEW).fit_predict(scale * X + shift)
        np.testing.assert_array_equal(labels, fitted[part].predict(X))

    @pytest.mark.parametrize("part", ["full", "diag", LowRank(1)], ids=str)
    def test_units_of_columns_do_not_matter_where_distances_are_whitened(self, part):
        mixture = GaussianMixture(3, covariance_type=part, **{**FEW, "init_params": "whitened_kmeans"})
        np.testing.assert_array_equal(mixture.fit_predict(X), clone(mixture).fit_predict(X * [1e-6, 1.0, 1e3, 77.0] + [5.0, 0.0, 0.0, 1e4]))


class TestWeights:
    @pytest.mark.parametrize("part", STRUCTURES, ids=str)
    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_a_weight_of_two_is_a_row_twice_and_of_zero_no_row(self, part):
        weight = np.random.default_rng(0).integers(0, 3, size=len(X))
        weighted = GaussianMixture(3, covariance_type=part, **STEPS).fit(X, sample_weight=weight)
        repeated = GaussianMixture(3, covariance_type=part, **STEPS).fit(np.repeat(X, weight, axis=0))
        for name in ("weights_", "means_", "covariances_", "lower_bound_"):
            np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-7, atol=1e-9)

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_without_a_prior_only_proportions_count(self):
        weight = np.random.default_rng(0).uniform(0.1, 1.0, size=len(X))
        small, large = (GaussianMixture(3, **STEPS, **PLAIN).fit(X, sample_weight=weight * scale) for scale in (1e-3, 1e3))
        np.testing.assert_allclose(small.means_, large.means_, rtol=1e-9)
        np.testing.assert_allclose(small.lower_bound_, large.lower_bound_, rtol=1e-9)

    def test_rows_of_no_weight_may_lie_anywhere(self):
        outside = np.concatenate([X, np.full((30, 4), 1e5)])
        mixture = GaussianMixture(3, **FEW).fit(outside, sample_weight=np.r_[np.ones(len(X)), np.zeros(30)])
        assert np.abs(mixture.means_).max() < 20.0


class TestTooManyComponents:
    @pytest.mark.parametrize("part", ["full", "diag"])
    def test_three_times_as_many_do_not_collapse(self, part):
        x, _ = rows(600)
        train, held = x[::2], x[1::2]
        many = GaussianMixture(9, covariance_type=part, **FEW).fit(train)
        right = GaussianMixture(3, covariance_type=part, **FEW).fit(train)
        assert many.n_empty_ == 0
        assert np.all(np.bincount(many.predict(train), minlength=9) > 1)
        assert np.all(np.isfinite(many.score_samples(held)))
        assert many.score(held) > right.score(held) - 0.5

    def test_components_of_fewer_rows_than_features_keep_some_width(self):
        x = np.random.default_rng(0).normal(size=(60, 10)) * np.arange(1, 11)
        mixture = GaussianMixture(12, **FEW).fit(x)
        scaled = mixture.covariances_ / np.arange(1, 11) / np.arange(1, 11)[:, None]
        assert np.linalg.eigvalsh(scaled).min() > 1e-6
        assert np.isfinite(mixture.score(x))
