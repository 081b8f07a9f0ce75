"""What `GaussianMixture` cannot use: an error that says what to do, or a behavior that is documented, and never NaN."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from estimators.clusters import FEW, FEW_STRUCTURES, LABELS, PLAIN, X, rows
from isthmus import GaussianMixture
from isthmus.errors import DataError, PartError

GAP = np.where(np.arange(X.size).reshape(X.shape) % 17 == 0, np.nan, X)
TWO = np.tile(np.eye(4), (2, 1, 1))

PARAMETERS = [
    ({"n_components": 0}, "`n_components` must be an integer of at least 1; got 0"),
    ({"n_components": 2.5}, "`n_components` must be an integer of at least 1; got 2.5"),
    ({"n_components": 241}, "n_components=241 is more than the 240 rows that count. Use fewer"),
    ({"covariance_type": "round"}, "Unknown `covariance_type`: 'round'. Choose one of: diagonal, full, low_rank, spherical, tied"),
    ({"tol": -1.0}, "`tol` must be a number of at least 0; got -1.0"),
    ({"tol": "small"}, "`tol` must be a number"),
    ({"reg_covar": -1e-6}, "`reg_covar` must be a number of at least 0"),
    ({"covariance_prior": np.nan}, "`covariance_prior` must be a number of at least 0; got nan"),
    ({"max_iter": 0}, "`max_iter` must be an integer of at least 1"),
    ({"n_init": 0}, "`n_init` must be an integer of at least 1"),
    ({"n_init": True}, "`n_init` must be an integer"),
    ({"n_swaps": -1}, "`n_swaps` must be an integer of at least 0"),
    ({"init_params": "kmean"}, "Unknown `init_params`: 'kmean'. Choose among kmeans, k-means"),
    ({"init_params": ["kmeans", 3]}, "Unknown `init_params`: 3. Choose among"),
    ({"init_params": []}, "`init_params` must be names of starts or whole numbers from 0 to 1, one for each of 240 rows"),
    ({"init_params": None}, "`init_params` must be names"),
    ({"init_params": np.zeros(3, int)}, "got an array of int64 of shape \\(3,\\). Pass such labels"),
    ({"init_params": np.full(240, 2)}, "whole numbers from 0 to 1"),
    ({"init_params": np.full(240, 0.5)}, "got an array of float64"),
    ({"acceleration": "anderson"}, "Unknown `acceleration`: 'anderson'. Choose 'squarem'"),
    ({"missing_values": "mean"}, "Unknown `missing_values`: 'mean'. Choose 'error' or 'conditional'"),
    ({"weights_init": [1.0]}, "`weights_init` must be 2 positive numbers that sum to 1"),
    ({"weights_init": [0.5, 0.6]}, "Give such weights"),
    ({"weights_init": [1.0, 0.0]}, "2 positive numbers"),
    ({"means_init": X[:3]}, "`means_init` must have the shape \\(2, 4\\) and be finite; got \\(3, 4\\)"),
    ({"means_init": X[:2] * np.nan}, "be finite"),
    ({"means_init": "middle"}, "`means_init` must be an array of numbers; got 'middle'"),
    ({"precisions_init": np.eye(4)}, "shape \\(4, 4\\) where \\(2, 4, 4\\) is needed"),
    ({"precisions_init": -TWO}, "Matrix is not positive definite. Give positive definite matrices"),
    ({"precisions_init": TWO * np.nan}, "not symmetric, or not finite"),
    ({"precisions_init": TWO + np.triu(np.ones((4, 4)), 1)}, "not symmetric"),
    ({"precisions_init": np.ones((2, 3)), "covariance_type": "diag"}, "shape \\(2, 3\\) where \\(2, 4\\) is needed"),
    ({"fixed": "mean"}, "Unknown name in `fixed`: 'mean'. Choose among weights, means, covariances"),
    ({"fixed": None}, "`fixed` must be names, or a mapping of names to components; got None"),
    ({"fixed": 3}, "`fixed` must be names"),
    ({"fixed": "means"}, "`fixed` holds means that were not given. Give `means_init`"),
    ({"fixed": "weights", "warm_start": True}, "Give `weights_init`"),
    ({"fixed": {"means": [2]}, "means_init": X[:2]}, "`fixed` must name components by numbers from 0 to 1; got \\[2\\] for means"),
    ({"fixed": {"means": "all"}, "means_init": X[:2]}, "got 'all' for means. Give such numbers, or the name alone"),
    (
        {"fixed": {"covariances": [0]}, "precisions_init": np.eye(4), "covariance_type": "tied"},
        "A covariance that all components share can only be fixed as a whole",
    ),
]


@pytest.mark.parametrize(("params", "message"), PARAMETERS, ids=lambda value: str(value)[:50] if isinstance(value, str) else "")
def test_parameters_that_cannot_be_used(params, message):
    with pytest.raises((DataError, PartError), match=message):
        GaussianMixture(**{"n_components": 2, **FEW, **params}).fit(X)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (X[:, 0], "Expected 2D array"),
        (X[:1], "1 sample.* minimum of 2 is required"),
        (X[:0], "0 sample"),
        (GAP, 'X contains NaN. Pass `missing_values="conditional"`'),
        (np.where(GAP == X, X, np.inf), "infinity"),
        (np.array([["a", "b"], ["c", "d"]]), "could not convert string to float"),
    ],
)
def test_tables_that_cannot_be_used(table, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2, **FEW).fit(table)


def test_a_column_without_any_value():
    empty = GAP.copy()
    empty[:, 1] = np.nan
    with pytest.raises(DataError, match=r"Columns \[1\] have no value in any row that counts\. Drop them"):
        GaussianMixture(2, missing_values="conditional", **FEW).fit(empty)
    empty[0, 1] = 3.0
    with pytest.raises(DataError, match="Columns \\[1\\] have no value in any row that counts"):
        GaussianMixture(2, missing_values="conditional", **FEW).fit(empty, sample_weight=np.arange(240) > 0)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(240), "zero for every row. At least one row must count; drop the argument"),
        (-np.ones(240), "Negative values in data passed to `sample_weight`"),
        (np.ones(3), "sample_weight.shape == \\(3,\\), expected \\(240,\\)"),
        (np.full(240, np.nan), "sample_weight contains NaN"),
        (np.eye(240)[0], "n_components=2 is more than the 1 rows that count"),
    ],
)
def test_weights_that_cannot_be_used(weight, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2, **FEW).fit(X, sample_weight=weight)


class TestBeforeAndAfter:
    mixture = GaussianMixture.from_parameters([0.5, 0.5], X[:2], TWO)

    def test_it_must_be_fitted(self):
        for call in ("predict", "score_samples", "bic", "log_prob"):
            with pytest.raises(NotFittedError):
                getattr(GaussianMixture(2), call)(X)
        for call in ("sample", "marginal"):
            with pytest.raises(NotFittedError):
                getattr(GaussianMixture(2), call)(1)

    def test_rows_must_have_the_features_of_the_fit(self):
        with pytest.raises(ValueError, match="expecting 4 features"):
            self.mixture.predict(X[:, :3])
        with pytest.raises(DataError, match="`x` must be rows of 4 features; got an array of shape \\(240, 1\\)"):
            self.mixture.log_prob(X[:, :1])
        with pytest.raises(DataError, match="got an array of shape \\(4,\\)"):
            self.mixture.log_prob(X[0])

    def test_rows_that_are_judged_may_not_have_gaps_either(self):
        with pytest.raises(DataError, match="X contains NaN"):
            self.mixture.score_samples(GAP)

    @pytest.mark.parametrize("features", [[], [4], [-1], [0, 0], [0.5], "all"])
    def test_features_are_numbers_of_columns(self, features):
        for call in (self.mixture.marginal, lambda chosen: self.mixture.conditional(chosen, [0.0])):
            with pytest.raises(DataError, match="`features` must be different numbers of columns from 0 to 3"):
                call(features)

    @pytest.mark.parametrize("values", [[1.0, 2.0], [np.nan], 1.0])
    def test_values_are_one_for_each_feature(self, values):
        with pytest.raises(DataError, match="`values` must be 1 finite numbers"):
            self.mixture.conditional([0], values)

    def test_something_must_be_left_to_be_distributed(self):
        with pytest.raises(DataError, match="All features are given"):
            self.mixture.conditional(range(4), X[0])

    @pytest.mark.parametrize("n_samples", [0, -3, True])
    def test_a_count_of_rows_is_a_whole_number(self, n_samples):
        with pytest.raises(DataError, match=f"`n_samples` must be an integer of at least 1; got {n_samples!r}. Give how many"):
            self.mixture.sample(n_samples)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            (([0.5, 0.5], X[0], TWO), "`means` must be finite, of shape"),
            (([1.0], X[:2], TWO), "`weights` must be 2 positive numbers"),
            (([0.5, 0.5], X[:2], TWO[:1]), "`covariances` cannot be used: shape"),
            (([0.5, 0.5], X[:2], -TWO), "not positive definite"),
            (("half", X[:2], TWO), "`weights` must be an array of numbers"),
        ],
    )
    def test_parameters_that_fit_together_are_stated(self, parameters, message):
        with pytest.raises(DataError, match=message):
            GaussianMixture.from_parameters(*parameters)

    @pytest.mark.parametrize(
        ("changes", "table"), [({"n_components": 3}, X), ({"covariance_type": "diag"}, X), ({}, X[:, :3])], ids=["more", "kind", "features"]
    )
    def test_a_warm_start_needs_the_same_shape(self, changes, table):
        mixture = GaussianMixture(2, warm_start=True, **FEW).fit(X)
        with pytest.raises(DataError, match=r"`warm_start` goes on from 2 components of 4 features and Full\(\).* or `warm_start=False`"):
            mixture.set_params(**changes).fit(table)
        assert mixture.n_features_in_ == 4


@pytest.mark.parametrize("part", FEW_STRUCTURES)
class TestDegenerateTables:
    def sound(self, mixture, x):
        """Whether all that it says is finite."""
        drawn, _ = mixture.sample(10)
        said = (mixture.weights_, mixture.means_, mixture.covariances_, mixture.precisions_, mixture.score_samples(x), drawn)
        return all(np.all(np.isfinite(values)) for values in said)

    def test_a_column_that_does_not_vary(self, part):
        x, labels = rows(gap=8.0)
        x[:, 2] = 0.1
        mixture = GaussianMixture(3, covariance_type=part, init_params=labels).fit(x)
        assert self.sound(mixture, x)
        np.testing.assert_allclose(mixture.means_[:, 2], 0.1, atol=1e-12)
        assert np.mean(mixture.predict(x) == labels) > 0.99

    def test_a_column_that_does_not_vary_has_no_most_likely_variance(self, part):
        x = X.copy()
        x[:, 2] = 0.1
        plain = GaussianMixture(3, covariance_type=part, init_params=LABELS, **PLAIN)
        if part == "spherical":
            assert self.sound(plain.fit(x), x)
        else:
            with pytest.raises(DataError, match=r"Columns \[2\] do not vary, and the likelihood has no maximum\. Drop them, or give"):
                plain.fit(x)

    def test_fewer_different_rows_than_components(self, part):
        x = np.repeat(X[:3], 20, axis=0).astype(np.float32 if part == "full" else np.float64)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            mixture = GaussianMixture(6, covariance_type=part, **FEW).fit(x)
        assert self.sound(mixture, x)
        assert len(set(mixture.predict(x))) >= 3
        empty = int(np.sum(mixture.weights_ < 1e-6))
        assert mixture.n_empty_ == empty
        said = [str(warning.message) for warning in caught if issubclass(warning.category, ConvergenceWarning)]
        assert any(f"{empty} of 6 components have no rows" in message for message in said) == (empty > 0)
        if part == "full":
            assert empty == 3

    def test_two_rows(self, part):
        mixture = GaussianMixture(2, covariance_type=part, init_params=[0, 1]).fit(X[:2])
        assert self.sound(mixture, X[:2])
        np.testing.assert_array_equal(mixture.predict(X[:2]), [0, 1])

    def test_one_feature(self, part):
        mixture = GaussianMixture(2, covariance_type=part, means_init=[[-1.0], [1.0]]).fit(X[:, :1])
        assert self.sound(mixture, X[:, :1])
        assert mixture.means_.shape == (2, 1)


def test_columns_that_say_the_same_are_no_trouble():
    x = np.concatenate([X, X @ np.ones((4, 1))], axis=1)
    mixture = GaussianMixture(3, **FEW).fit(x)
    assert np.all(np.isfinite(mixture.score_samples(x)))
    np.testing.assert_allclose(mixture.means_[:, 4], mixture.means_[:, :4].sum(axis=1), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"acceleration": "squarem"}, {"refinement": "lbfgs"}, {"missing_values": "conditional"}], ids=str)
def test_components_without_rows_are_counted_whatever_finds_the_mixture(options):
    x = np.repeat(X[:3], 20, axis=0)
    if "missing_values" in options:
        x[::20, 1] = np.nan
    with pytest.warns(ConvergenceWarning, match="3 of 6 components have no rows: there may be fewer different rows than components"):
        mixture = GaussianMixture(6, **FEW, **options).fit(x)
    assert mixture.n_empty_ == 3
    for values in (mixture.means_, mixture.covariances_, mixture.score_samples(x), mixture.predict_proba(x), mixture.sample(9)[0]):
        assert np.all(np.isfinite(values))


def test_a_component_that_no_chunk_of_a_stream_has_rows_of_fades_and_stays_finite():
    mixture = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [1e3]], [[[1.0]], [[1.0]]])
    for seed in range(12):
        mixture.partial_fit(np.random.default_rng(seed).normal(size=(30, 1)))
    assert 0.0 < mixture.weights_[1] < 1e-2
    np.testing.assert_allclose(mixture.means_[1], 1e3, rtol=1e-6)
    assert np.all(np.isfinite(mixture.score_samples([[0.0], [1e3]])))
    assert abs(mixture.means_[0, 0]) < 0.2
