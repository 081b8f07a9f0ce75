"""Rows with values that are missing, beside conditional normal distributions written out row by row."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus import GaussianMixture
from isthmus.mixtures import Fixed, Limits, Prior, joint_of_chunks, run_em, whole_moments
from isthmus.mixtures._passes import compiled_run
from mixtures.tables import N_COMPONENTS, N_DIMS, PARTS, chunked, of_each, random_mixture, rows_of

PATTERNS = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [0, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool)
PER_PATTERN = 40
FEW = {"n_init": 4, "n_swaps": 0, "init_params": "kmeans", "random_state": 0}


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def incomplete_rows(fill=0.0):
    """Chunks, each of one pattern of values that are there, and the table; the last two rows of a chunk do not count."""
    x = rows_of(len(PATTERNS) * PER_PATTERN).reshape(len(PATTERNS), PER_PATTERN, N_DIMS)
    there = np.broadcast_to(PATTERNS[:, None, :], x.shape)
    rows = chunked(np.where(there, x, fill).reshape(-1, N_DIMS), PER_PATTERN)
    weight = rows.weight.at[:, -2:].set(0.0).at[1, 0].set(2.5)
    return rows._replace(weight=weight, observed=jnp.asarray(PATTERNS, x.dtype)), np.where(there, x, np.nan)


def by_hand(mixture, matrices, x):
    """The log-density of each component at what a row has, and what each expects of the whole row, with its covariance."""
    there = ~np.isnan(x)
    joint, filled, left = [], [], []
    for log_weight, mean, matrix in zip(*(np.asarray(array) for array in mixture[:2]), matrices, strict=True):
        own = matrix[np.ix_(there, there)]
        normal = scipy.stats.multivariate_normal(mean[there], own).logpdf(x[there]) if there.any() else 0.0
        joint.append(log_weight + normal)
        gain = matrix[:, there] @ np.linalg.inv(own)
        filled.append(np.where(there, x, mean + gain @ (x[there] - mean[there])))
        left.append(matrix - gain @ matrix[there])
    return np.array(joint), np.array(filled), np.array(left)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
class TestEveryStructure:
    def test_a_row_is_judged_by_the_values_it_has(self, part):
        mixture = random_mixture(part)
        rows, table = incomplete_rows()
        density, shares = joint_of_chunks(part, mixture, rows)
        matrices = of_each(part, mixture.spread)
        for chunk, x in enumerate(table):
            for row in (0, 7, 39):
                joint, _, _ = by_hand(mixture, matrices, x[row])
                np.testing.assert_allclose(density[chunk, row], np.logaddexp.reduce(joint), rtol=1e-9, atol=1e-10)
                np.testing.assert_allclose(shares[chunk, :, row], np.exp(joint - np.logaddexp.reduce(joint)), rtol=1e-8, atol=1e-10)

    def test_moments_are_those_of_rows_as_the_components_expect_them(self, part):
        mixture = random_mixture(part)
        rows, table = incomplete_rows(fill=77.0)
        total, moments = whole_moments(part, mixture, rows)
        matrices = of_each(part, mixture.spread)
        count, first, second, value = np.zeros(N_COMPONENTS), 0.0, 0.0, 0.0
        for x, weight in zip(table.reshape(-1, N_DIMS), np.asarray(rows.weight).reshape(-1), strict=True):
            joint, filled, left = by_hand(mixture, matrices, x)
            shares = weight * np.exp(joint - np.logaddexp.reduce(joint))
            value += weight * np.logaddexp.reduce(joint)
            count += shares
            first += shares[:, None] * filled
            second += shares[:, None, None] * (filled[:, :, None] * filled[:, None, :] + left)
        np.testing.assert_allclose(total, value, rtol=1e-9)
        np.testing.assert_allclose(moments.count, count, rtol=1e-8)
        np.testing.assert_allclose(moments.first, first, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(moments.second, second, rtol=1e-8, atol=1e-8)

    def test_no_iteration_lowers_the_value(self, part):
        rows, _ = incomplete_rows()
        start = random_mixture(part)

        @jax.jit
        def path(prior, fixed):
            def step(mixture, max_iter):
                run = run_em(part, mixture, rows, Limits(0.0, max_iter), prior, fixed)
                return run.mixture, run.value

            return jax.lax.scan(step, start, jnp.minimum(jnp.arange(12), 1))[1]

        nothing, some = (jnp.asarray(which) for which in ([False] * 3, [True, False, True]))
        for prior in (Prior(0.0, 0.0), Prior(3.0, 0.0)):
            for fixed in (Fixed(nothing, nothing, nothing), Fixed(nothing, some, nothing)):
                values = path(prior, fixed)
                assert np.all(np.diff(values) > -1e-12)
                assert values[-1] > values[0] + 1e-3

    def test_complete_rows_lead_where_they_always_lead(self, part):
        rows = chunked(rows_of(200), 64)
        start, limits, prior = random_mixture(part), Limits(0.0, 5), Prior(1.0, 1e-6)
        usual = compiled_run(part, start, rows, limits, prior)
        other = compiled_run(part, start, rows._replace(observed=jnp.ones((len(rows.x), N_DIMS))), limits, prior)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9), usual, other)


def missing_at_random(n=600, seed=0):
    """Two clusters; the second value, which follows the first, is missing where the first is large."""
    rng = np.random.default_rng(seed)
    means = np.array([[0.0, 0.0, 0.0], [3.0, 3.0, 8.0]])
    first = rng.normal(size=n)
    which = rng.integers(2, size=n)
    x = means[which] + np.stack([first, 0.95 * first + 0.2 * rng.normal(size=n), 0.5 * rng.normal(size=n)], axis=1)
    x[first > 0.2, 1] = np.nan
    x[rng.uniform(size=n) < 0.1, 2] = np.nan
    return x, which, means


class TestMissingAtRandom:
    def test_means_are_recovered_where_filling_in_means_is_wrong(self):
        x, _, means = missing_at_random()
        mixture = GaussianMixture(2, missing_values="conditional", **FEW).fit(x)
        found = mixture.means_[np.argsort(mixture.means_[:, 2])]
        filled = GaussianMixture(2, **FEW).fit(np.where(np.isnan(x), np.nanmean(x, axis=0), x))
        naive = filled.means_[np.argsort(filled.means_[:, 2])]
        assert np.abs(found - means).max() < 0.2
        assert np.abs(naive - means).max() > 0.5
        assert mixture.covariances_[0][0, 1] > 0.8

    def test_clusters_are_told_apart_by_what_is_there(self):
        x, which, _ = missing_at_random()
        mixture = GaussianMixture(2, missing_values="conditional", **FEW).fit(x)
        labels = mixture.predict(x)
        assert max(np.mean(labels == which), np.mean(labels != which)) > 0.97

    def test_single_precision_is_near_double(self):
        x = missing_at_random()[0].astype(np.float32)
        shifted = (x * 3.0 + np.array([3e4, 0.0, -3e4])).astype(np.float32)
        fit = GaussianMixture(2, missing_values="conditional", **FEW).fit
        np.testing.assert_allclose(fit(shifted).score(shifted), fit(shifted.astype(float)).score(shifted.astype(float)), atol=1e-4)

    def test_a_table_without_gaps_gives_what_it_gives_otherwise(self):
        x = rows_of(200)
        usual, other = (GaussianMixture(2, missing_values=mode, **FEW).fit(x) for mode in ("error", "conditional"))
        np.testing.assert_array_equal(usual.means_, other.means_)
        assert usual.lower_bound_ == other.lower_bound_

    def test_the_lower_bound_is_the_score_where_there_is_no_prior(self):
        x, _, _ = missing_at_random()
        x = x * np.array([1.0, 100.0, 0.01])
        mixture = GaussianMixture(2, missing_values="conditional", covariance_prior=0.0, **FEW).fit(x)
        np.testing.assert_allclose(mixture.lower_bound_, mixture.score(x), rtol=1e-9)

    def test_a_row_without_any_value_says_nothing(self):
        x, _, _ = missing_at_random()
        mixture = GaussianMixture(2, missing_values="conditional", **FEW).fit(x)
        nothing = np.full((1, 3), np.nan)
        np.testing.assert_allclose(mixture.score_samples(nothing), 0.0, atol=1e-12)
        np.testing.assert_allclose(mixture.predict_proba(nothing)[0], mixture.weights_, rtol=1e-9)

    def test_a_column_may_be_missing_from_rows_that_are_judged(self):
        x, _, _ = missing_at_random()
        mixture = GaussianMixture(2, missing_values="conditional", **FEW).fit(x)
        alone = mixture.marginal([0, 2])
        part = np.array([[0.3, 1.0], [3.2, 8.0]])
        rows = np.insert(part, 1, np.nan, axis=1)
        np.testing.assert_allclose(mixture.score_samples(rows), alone.score_samples(part), rtol=1e-9)
