"""How many components: criteria, ways to the mixtures, and rows left out by a formula."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn.datasets import make_blobs

from isthmus import GaussianMixture, select_components
from isthmus.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLOSED = ("full", "tied", "diag", "spherical")
PLAIN = {"covariance_prior": 0.0, "reg_covar": 0.0}
CENTERS = np.array([[-5.0, 0.0], [5.0, 0.0], [0.0, 6.0]])
QUICK = GaussianMixture(n_init=3, n_swaps=2)


def blobs(n=210, seed=0):
    X, _ = make_blobs(n, centers=CENTERS, cluster_std=1.0, random_state=seed)
    return X


def log_normal(structure, row, mean, scatter, count):
    """Of one row, under the normal distribution of a scatter matrix."""
    if structure == "diag":
        scatter = np.diag(np.diag(scatter))
    if structure == "spherical":
        scatter = np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    return scipy.stats.multivariate_normal(mean, scatter / count).logpdf(row)


def without_each(structure, X, weight, shares, prior_rows):
    """The log-density of each row once it is taken out of all sums, its shares and all others held."""
    found = np.empty(len(X))
    covariance = np.cov(X.T, aweights=weight, bias=True).reshape(X.shape[1], -1)
    for left_out in range(len(X)):
        counted = weight * (np.arange(len(X)) != left_out)
        counts, means, scatters = [], [], []
        for share in shares.T:
            own = counted * share
            mean = own @ X / own.sum()
            counts.append(own.sum())
            means.append(mean)
            scatters.append((own * (X - mean).T) @ (X - mean) + (0.0 if structure == "tied" else prior_rows) * covariance)
        if structure == "tied":
            scatters, sizes = [sum(scatters) + prior_rows * covariance] * len(means), [sum(counts) + prior_rows] * len(means)
        else:
            sizes = [count + prior_rows for count in counts]
        densities = [log_normal(structure, X[left_out], *each) for each in zip(means, scatters, sizes, strict=True)]
        found[left_out] = np.logaddexp.reduce(np.log(np.array(counts) / sum(counts)) + densities)
    return found


@pytest.mark.parametrize("structure", CLOSED)
class TestLeaveOneOut:
    def test_of_one_component_is_what_fitting_the_others_gives(self, structure):
        X = np.random.default_rng(0).normal(size=(12, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 0.3]]) + 7.0
        weight = np.where(np.arange(12) < 3, 2.0, 1.0)
        mixture = GaussianMixture(covariance_type=structure, **PLAIN)
        found = mixture.fit(X, sample_weight=weight).leave_one_out(X, weight)
        for row in (0, 5):
            others = np.arange(12) != row
            expected = mixture.fit(X[others], sample_weight=weight[others]).score_samples(X[[row]])
            np.testing.assert_allclose(found[row], expected[0], rtol=1e-9)

    def test_of_several_is_taking_the_row_out_of_all_sums(self, structure):
        X = blobs(30)
        weight = np.where(np.arange(30) < 5, 3.0, 1.0)
        for prior_rows in (0.0, 2.0) if structure in ("full", "tied") else (0.0,):
            mixture = GaussianMixture(
                3, means_init=CENTERS * 0.5, covariance_type=structure, covariance_prior=prior_rows, reg_covar=0.0, tol=1e-14, max_iter=5000
            ).fit(X, sample_weight=weight)
            expected = without_each(structure, X, weight, mixture.predict_proba(X), prior_rows)
            np.testing.assert_allclose(mixture.leave_one_out(X, weight), expected, rtol=1e-4, atol=1e-4)

    def test_is_near_to_fits_of_the_others(self, structure):
        X = blobs(45, seed=1)
        options = {"covariance_type": structure, "covariance_prior": 0.5}
        mixture = GaussianMixture(3, means_init=CENTERS, tol=1e-10, **options).fit(X)
        found, seen = mixture.leave_one_out(X), mixture.score_samples(X)
        refits = [
            GaussianMixture(3, means_init=mixture.means_, tol=1e-10, **options).fit(np.delete(X, row, axis=0)).score_samples(X[[row]])[0]
            for row in range(0, 45, 3)
        ]
        assert np.all(found < seen)
        assert np.corrcoef(found[::3], refits)[0, 1] > 0.99
        assert abs(np.mean(found[::3]) - np.mean(refits)) < 0.2 * (np.mean(seen[::3]) - np.mean(refits))


def test_a_component_that_is_one_row_is_gone_without_it():
    X = np.concatenate([np.random.default_rng(0).normal(size=(30, 2)), [[50.0, 50.0]]])
    mixture = GaussianMixture(2, means_init=[[0.0, 0.0], [50.0, 50.0]]).fit(X)
    one = GaussianMixture(1).fit(X[:30])
    np.testing.assert_allclose(mixture.leave_one_out(X)[30], one.score_samples(X[30:])[0], rtol=1e-2)
    assert np.all(np.isfinite(mixture.leave_one_out(X)))


def test_low_rank_covariances_and_missing_values_have_no_closed_form():
    X = blobs(60)
    with pytest.raises(DataError, match=r"'low_rank' covariances have no closed form.*cross-validation"):
        GaussianMixture(1, covariance_type="low_rank", n_init=1, n_swaps=0).fit(X).leave_one_out(X)
    X[0, 0] = np.nan
    with pytest.raises(DataError, match="rows without missing values"):
        GaussianMixture(1, missing_values="conditional", n_init=1, n_swaps=0).fit(X).leave_one_out(X)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["restarts", "split"])
def test_the_number_of_blobs_is_found(path):
    X = blobs()
    candidates, n_folds = ([1, 2, 3, 4], 3) if path == "split" else ([2, 3, 4], None)
    right = candidates.index(3)
    selection = select_components(X, candidates, criterion="icl", path=path, n_folds=n_folds, estimator=QUICK, random_state=0)
    table = selection.table
    assert selection.best.n_components == 3
    assert table["n_components"][np.argmin(table["bic"])] == 3
    for name in ("cross_validation", "leave_one_out") if n_folds else ("leave_one_out",):
        # Of a number too large they lose little; of one too small they lose much.
        error = table[f"{name}_error"][right]
        assert np.all(table[name][:right] < table[name][right] - 3.0 * error)
        assert table[name].max() - table[name][right] < error
    assert np.all(np.diff(table["log_likelihood"]) > 0.0)
    assert selection.best is selection.mixtures[right]
    np.testing.assert_allclose(table["bic"], [mixture.bic(X) for mixture in selection.mixtures])
    np.testing.assert_allclose(sorted(selection.best.means_[:, 0]), [-5.0, 0.0, 5.0], atol=0.5)


@pytest.mark.slow
def test_a_walk_finds_what_restarts_find():
    X = blobs()
    walked, restarted = (select_components(X, (2, 4, 3), path=path, estimator=QUICK, random_state=1) for path in ("split", "restarts"))
    assert list(walked.table["n_components"]) == [2, 4, 3]
    assert np.all(walked.table["log_likelihood"] > restarted.table["log_likelihood"] - 0.02)
    assert not any(mixture.warm_start for mixture in walked.mixtures)


def test_as_many_folds_as_rows_leave_one_out():
    X = blobs(12)
    options = {"candidates": [1], "estimator": GaussianMixture(n_init=1, **PLAIN), "n_folds": 12, "random_state": 0}
    table = select_components(X, **options).table
    for suffix in ("", "_error"):
        np.testing.assert_allclose(table[f"cross_validation{suffix}"], table[f"leave_one_out{suffix}"], rtol=1e-9)


def test_the_criterion_chooses_and_costly_ones_are_left_out_unless_asked_for():
    X = blobs(60)
    selection = select_components(X, [1, 2], criterion="aic", estimator=QUICK)
    assert "cross_validation" not in selection.table
    assert "leave_one_out" in selection.table
    assert selection.best is selection.mixtures[int(np.argmin(selection.table["aic"]))]
    low_rank = GaussianMixture(covariance_type="low_rank", n_init=1, n_swaps=0)
    assert "leave_one_out" not in select_components(X, [1], estimator=low_rank).table
    with pytest.raises(DataError, match="no closed form"):
        select_components(X, [1], criterion="leave_one_out", estimator=low_rank)


def test_the_same_seed_chooses_the_same_and_the_estimator_is_left_alone():
    X, template = blobs(60), GaussianMixture(n_init=3, n_swaps=2, random_state=5)
    one, other = (select_components(X, [1, 2], criterion="cross_validation", n_folds=2, estimator=template) for _ in range(2))
    for name, column in one.table.items():
        np.testing.assert_array_equal(column, other.table[name])
    assert not hasattr(template, "fitted_")
    assert template.n_components == 1


def test_a_data_frame_keeps_its_names_and_the_table_can_be_read():
    frame = pd.DataFrame(blobs(60), columns=["length", "width"])
    selection = select_components(frame, [1, 2], criterion="cross_validation", n_folds=2, estimator=QUICK, random_state=0)
    assert list(selection.best.feature_names_in_) == ["length", "width"]
    lines = str(selection).splitlines()
    assert lines[0].split()[:2] == ["n_components", "n_parameters"]
    assert [line.endswith("<") for line in lines] == [False, False, True]
    assert len(lines[0].split()) == len(selection.table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"criterion": "mdl"}, "Unknown `criterion`: 'mdl'. Choose one of: bic"),
        ({"path": "greedy"}, "Unknown `path`: 'greedy'. Choose one of: restarts, split"),
        ({"candidates": 3}, "`candidates` must be integers of at least 1"),
        ({"candidates": []}, "`candidates` must be integers of at least 1"),
        ({"candidates": [0, 1]}, "`candidates` must be integers of at least 1"),
        ({"candidates": [1.5]}, "`candidates` must be integers of at least 1"),
        ({"candidates": "123"}, "`candidates` must be integers of at least 1"),
        ({"candidates": [31]}, "n_components=31 is more than the 30 rows"),
        ({"n_folds": 1}, "`n_folds` must be an integer from 2"),
        ({"n_folds": 31}, "`n_folds` must be an integer from 2"),
        ({"n_folds": 2.0}, "`n_folds` must be an integer from 2"),
        ({"estimator": "full"}, "`estimator` must be a `GaussianMixture`"),
        ({"estimator": GaussianMixture(means_init=np.zeros((1, 2)))}, "`means_init` of the estimator says where to start"),
        ({"estimator": GaussianMixture(warm_start=True)}, "`warm_start` of the estimator says where to start"),
        ({"estimator": GaussianMixture(init_params=np.zeros(30, int))}, "`init_params` of the estimator says where to start"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments, message):
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        select_components(blobs(30), **({"candidates": [1]} | arguments))
