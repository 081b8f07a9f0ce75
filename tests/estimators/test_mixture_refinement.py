"""Mixtures by gradient: through the trainer, and through SciPy by a function of a vector."""

import jax
import numpy as np
import pytest
import scipy.optimize
from sklearn.datasets import make_blobs

from isthmus import GaussianMixture
from isthmus.errors import DataError, PartError
from isthmus.estimators import _mixture_refinement
from isthmus.optimizers import Adam, Lbfgs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

STRUCTURES = ("full", "tied", "diag", "spherical", "low_rank")
FEW_STRUCTURES = [pytest.param(name, marks=[] if name in ("full", "low_rank") else [pytest.mark.slow]) for name in STRUCTURES]
MEANS = np.array([[-1.5, 0.0], [1.5, 0.0], [0.0, 1.0]])
PLAIN = {"covariance_prior": 0.0, "reg_covar": 0.0}


def overlapping(n=300, seed=0):
    """Three groups of different shapes, each well into the others."""
    rng = np.random.default_rng(seed)
    roots = np.array([[[1.0, 0.0], [0.5, 0.6]], [[0.8, 0.0], [-0.3, 1.0]], [[1.2, 0.0], [0.0, 0.4]]])
    which = np.repeat(np.arange(3), n // 3)
    return MEANS[which] + np.einsum("nij,nj->ni", roots[which], rng.normal(size=(n, 2)))


def from_means(**parameters):
    """A mixture of three, with one start."""
    return GaussianMixture(3, means_init=MEANS, **parameters)


@pytest.mark.parametrize("structure", FEW_STRUCTURES)
class TestEveryStructure:
    @pytest.mark.slow
    def test_a_run_that_was_cut_short_is_brought_to_its_end(self, structure):
        X = overlapping()
        short = from_means(covariance_type=structure, max_iter=3).fit(X)
        long = from_means(covariance_type=structure, max_iter=20_000, tol=1e-11).fit(X)
        refined = from_means(covariance_type=structure, max_iter=3, tol=1e-8, refinement="lbfgs").fit(X)
        assert short.refined_gain_ == 0.0
        assert refined.refined_gain_ > 0.0
        assert refined.lower_bound_ == pytest.approx(short.lower_bound_ + refined.refined_gain_, abs=1e-12)
        assert refined.lower_bound_ > long.lower_bound_ - 1e-5
        assert refined.converged_

    def test_the_gradient_is_that_of_finite_differences(self, structure):
        X = overlapping(60)
        objective = from_means(covariance_type=structure, max_iter=2).fit(X).objective(X)
        vector = objective.start + 0.1 * np.random.default_rng(0).normal(size=objective.start.shape)
        numeric = scipy.optimize.approx_fprime(vector, lambda v: objective(v)[0], 1e-6)
        np.testing.assert_allclose(objective(vector)[1], numeric, atol=1e-5)
        assert np.abs(numeric).max() > 1e-2

    def test_the_gradient_vanishes_where_expectation_maximization_ends(self, structure):
        X = overlapping()
        mixture = from_means(covariance_type=structure, max_iter=20_000, tol=1e-13, reg_covar=0.0).fit(X)
        objective = mixture.objective(X)
        assert np.abs(objective(objective.start)[1]).max() < 1e-5

    def test_every_vector_is_a_mixture_and_that_of_the_start_is_the_one_it_was_made_from(self, structure):
        X = overlapping(60)
        fitted = from_means(covariance_type=structure, max_iter=5, reg_covar=0.0).fit(X)
        objective = fitted.objective(X)
        same = objective.mixture(objective.start)
        for name in ("weights_", "means_", "covariances_"):
            np.testing.assert_allclose(getattr(same, name), getattr(fitted, name), rtol=1e-9, atol=1e-12)
        vector = np.random.default_rng(1).normal(size=objective.start.shape)
        other = objective.mixture(vector)
        assert other.weights_.sum() == pytest.approx(1.0)
        assert np.all(np.linalg.eigvalsh(other.fitted_.matrices) > 0.0)
        assert other.lower_bound_ - fitted.lower_bound_ == pytest.approx(objective(objective.start)[0] - objective(vector)[0])

    def test_missing_values_do_not_matter(self, structure):
        X = overlapping(60)
        X[::4, 0] = np.nan
        objective = from_means(covariance_type=structure, max_iter=2, missing_values="conditional", **PLAIN).fit(X).objective(X)
        assert objective(objective.start)[0] == pytest.approx(-objective.mixture(objective.start).score(X))
        numeric = scipy.optimize.approx_fprime(objective.start, lambda v: objective(v)[0], 1e-6)
        np.testing.assert_allclose(objective(objective.start)[1], numeric, atol=1e-5)


def test_the_objective_is_minus_the_mean_log_density_and_has_a_vector_with_one_number_too_many():
    X = overlapping()
    for structure in STRUCTURES[:4]:
        mixture = from_means(covariance_type=structure, max_iter=2, **PLAIN).fit(X)
        objective = mixture.objective(X)
        assert objective(objective.start)[0] == pytest.approx(-mixture.score(X), rel=1e-12)
        assert len(objective.start) == mixture._n_parameters() + 1


def test_the_prior_has_its_share_in_the_objective():
    x = np.array([[0.0], [1.0], [5.0], [6.0], [8.0]])
    mixture = GaussianMixture(1, covariance_prior=2.0, reg_covar=0.0).fit(x)
    objective = mixture.objective(x)
    # Of rows of variance one: two rows of that variance beside five with their own, which is one as well.
    assert objective(objective.start)[0] == pytest.approx(-mixture.score(x) + 2.0 * 0.5 / 5)
    wider = objective.start + np.array([0.0, 0.0, -np.log(2.0)])
    assert objective(wider)[0] == pytest.approx(-objective.mixture(wider).score(x) + 0.5 * 2.0 * (np.log(4.0) + 0.25) / 5)


@pytest.mark.parametrize("structure", FEW_STRUCTURES[:4])
def test_a_ridge_moves_the_optimum_to_where_a_maximization_with_it_ends(structure):
    X = overlapping(60)
    with_ridge, without = (
        GaussianMixture(1, covariance_type=structure, covariance_prior=0.0, reg_covar=ridge).fit(X).objective(X) for ridge in (0.5, 0.0)
    )
    assert np.abs(with_ridge(with_ridge.start)[1]).max() < 1e-9
    assert np.abs(without(with_ridge.start)[1]).max() > 0.1


def test_a_vector_of_another_length_is_refused():
    X = overlapping(60)
    objective = from_means(max_iter=2).fit(X).objective(X)
    with pytest.raises(DataError, match="A vector of shape"):
        objective(np.zeros(3))


def test_another_fit_leaves_an_objective_as_it_is():
    X = overlapping(60)
    mixture = from_means(max_iter=2).fit(X)
    objective = mixture.objective(X)
    value = objective(objective.start)[0]
    mixture.fit(X[:, ::-1] + 100.0)
    assert objective(objective.start)[0] == value


def test_bfgs_of_scipy_ends_where_expectation_maximization_does():
    X, _ = make_blobs(1000, centers=4, cluster_std=0.60, random_state=42)
    mixture = GaussianMixture(4, n_init=4, n_swaps=2, random_state=0).fit(X)
    objective = mixture.objective(X)
    found = scipy.optimize.minimize(objective, objective.start, jac=True, method="BFGS", options={"maxiter": 1000})
    refined = objective.mixture(found.x)
    assert found.fun <= objective(objective.start)[0]
    assert refined.score(X) == pytest.approx(mixture.score(X), abs=1e-4)
    np.testing.assert_array_equal(refined.predict(X), mixture.predict(X))


def test_random_batches_of_rows_raise_the_value_too():
    X = overlapping(3000)
    mixture = from_means(max_iter=2, refinement="adam", random_state=0).fit(X)
    short, long = from_means(max_iter=2).fit(X), from_means(max_iter=5000, tol=1e-10).fit(X)
    assert mixture.refined_gain_ > 0.5 * (long.lower_bound_ - short.lower_bound_) > 0.0
    assert mixture.lower_bound_ == pytest.approx(short.lower_bound_ + mixture.refined_gain_)


def test_what_is_not_better_is_not_kept():
    X = overlapping()
    best = from_means(max_iter=20_000, tol=1e-13).fit(X)
    after = from_means(max_iter=20_000, tol=1e-13, refinement=Adam(10.0), random_state=0).fit(X)
    assert after.refined_gain_ == 0.0
    np.testing.assert_array_equal(after.means_, best.means_)


def test_overlapping_components_gain_after_expectation_maximization_has_stopped():
    X = overlapping()
    stopped, refined = from_means().fit(X), from_means(refinement="lbfgs").fit(X)
    assert stopped.converged_
    assert refined.refined_gain_ > 1e-4
    assert refined.score(X) > stopped.score(X)


@pytest.mark.parametrize("structure", ["full", "tied"])
def test_what_is_fixed_stays(structure):
    X = overlapping()
    begin = from_means(covariance_type=structure, max_iter=1).fit(X)
    weights = np.array([0.5, 0.2, 0.3])
    parts = {"weights": [0], "means": [1], "covariances": [0, 1, 2] if structure == "tied" else [2]}
    options = {"weights_init": weights, "precisions_init": begin.precisions_, "fixed": parts, "max_iter": 2}
    mixture = from_means(covariance_type=structure, refinement=Lbfgs(), **options).fit(X)
    assert mixture.refined_gain_ > 0.0
    assert mixture.weights_[0] == pytest.approx(0.5, rel=1e-12)
    assert mixture.weights_.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(mixture.means_[1], MEANS[1], atol=1e-12)
    if structure == "tied":
        np.testing.assert_allclose(mixture.covariances_, begin.covariances_, rtol=1e-9)
    else:
        np.testing.assert_allclose(mixture.covariances_[2], begin.covariances_[2], rtol=1e-9)
        assert not np.allclose(mixture.covariances_[0], begin.covariances_[0], rtol=1e-2)
    assert not np.allclose(mixture.means_[0], MEANS[0], atol=1e-2)
    assert not np.isclose(mixture.weights_[1], 0.2, atol=1e-3)


def test_a_weight_of_two_is_a_row_twice():
    X = overlapping()
    weight = np.where(np.arange(300) % 3 == 0, 2.0, 1.0)
    options = {"max_iter": 3, "tol": 1e-9, "refinement": "lbfgs"}
    weighted = from_means(**options).fit(X, sample_weight=weight)
    twice = from_means(**options).fit(np.concatenate([X, X[::3]]))
    assert weighted.refined_gain_ == pytest.approx(twice.refined_gain_, abs=1e-6)
    np.testing.assert_allclose(weighted.means_, twice.means_, atol=1e-2)
    ignored = from_means(**options).fit(np.concatenate([X, X + 50.0]), sample_weight=np.repeat([1.0, 0.0], 300))
    np.testing.assert_allclose(ignored.lower_bound_, from_means(**options).fit(X).lower_bound_, atol=1e-6)


def test_rows_with_missing_values_are_refined_by_what_they_have():
    X = overlapping()
    X[::4, 0] = np.nan
    X[1::4, 1] = np.nan
    options = {"max_iter": 2, "missing_values": "conditional", "random_state": 0}
    short, refined = from_means(**options).fit(X), from_means(refinement="adam", **options).fit(X)
    assert refined.refined_gain_ > 0.0
    assert refined.score(X) > short.score(X)


def test_single_precision_stays_single_and_gains():
    X = overlapping().astype(np.float32) + np.float32(1000.0)
    options = {"max_iter": 3, "refinement": "lbfgs"}
    single = GaussianMixture(3, means_init=MEANS + 1000.0, **options).fit(X)
    double = GaussianMixture(3, means_init=MEANS + 1000.0, **options).fit(X.astype(np.float64))
    assert single.refined_gain_ > 0.0
    assert single.lower_bound_ == pytest.approx(double.lower_bound_, abs=1e-3)
    assert not jax.config.jax_enable_x64


def test_of_a_table_that_is_too_large_a_part_is_learned_from_and_all_rows_judge(monkeypatch):
    X = overlapping()
    short, of_all = from_means(max_iter=2).fit(X), from_means(max_iter=2, refinement="lbfgs", random_state=0).fit(X)
    monkeypatch.setattr(_mixture_refinement, "_MOST_BYTES", 290 * 2 * 8)
    mixture = from_means(max_iter=2, refinement="lbfgs", random_state=0).fit(X)
    # The optimum of some rows is not that of all.
    assert 0.0 < mixture.refined_gain_ < of_all.refined_gain_ - 1e-4
    assert mixture.lower_bound_ == pytest.approx(short.lower_bound_ + mixture.refined_gain_)


def test_no_variance_falls_below_the_ridge():
    X = overlapping()
    X[:20] = [[9.0, 0.0]] * 10 + [[9.0, 1e-3]] * 10
    options = {"means_init": [[9.0, 0.0], *MEANS[1:]], "covariance_prior": 0.0, "reg_covar": 1e-3, "max_iter": 3}
    mixture = GaussianMixture(3, refinement="lbfgs", **options).fit(X)
    assert mixture.refined_gain_ > 0.0
    variances = np.linalg.eigvalsh(np.cov(X.T, bias=True))
    assert np.linalg.eigvalsh(mixture.covariances_).min() > 0.9e-3 * variances.min()


def test_an_optimizer_that_does_not_exist_is_refused():
    with pytest.raises(PartError, match=r"Unknown `refinement`: 'newton'\. Choose one of: .*lbfgs"):
        GaussianMixture(2, refinement="newton").fit(overlapping(60))
