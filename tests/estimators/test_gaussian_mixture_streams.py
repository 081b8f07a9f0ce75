"""`GaussianMixture.partial_fit`: rows that come in chunks."""

import numpy as np
import pytest

from estimators.clusters import FEW, FEW_STRUCTURES, LABELS, X, rows
from isthmus import GaussianMixture
from isthmus.mixtures import LowRank


def streamed(part, x, size, **params):
    mixture = GaussianMixture(3, covariance_type=part, **{**FEW, **params})
    for start in range(0, len(x), size):
        mixture.partial_fit(x[start : start + size])
    return mixture


@pytest.mark.slow
@pytest.mark.parametrize("part", ["full", "diag", LowRank(1)], ids=str)
def test_chunks_lead_to_about_the_fit_of_all_rows(part):
    x, _ = rows(2400, gap=1.5)
    x = x * [1.0, 100.0, 0.01, 1.0] + [0.0, 1e4, 0.0, 0.0]
    whole = GaussianMixture(3, covariance_type=part, **FEW).fit(x)
    first = streamed(part, x[:120], 120)
    stream = streamed(part, x, 120)
    assert stream.score(x) > whole.score(x) - 0.05
    assert stream.score(x) > first.score(x)


@pytest.mark.parametrize("part", FEW_STRUCTURES)
def test_the_same_rows_again_lead_nowhere(part):
    fine = {"tol": 1e-8, "max_iter": 9000, "acceleration": "squarem"}
    mixture = GaussianMixture(3, covariance_type=part, init_params=LABELS, **fine).partial_fit(X)
    means, covariances = mixture.means_, mixture.covariances_
    mixture.partial_fit(X).partial_fit(X)
    np.testing.assert_allclose(mixture.means_, means, atol=2e-3)
    np.testing.assert_allclose(mixture.covariances_, covariances, atol=5e-3)


def test_a_first_chunk_is_a_fit():
    np.testing.assert_array_equal(GaussianMixture(3, **FEW).partial_fit(X).means_, GaussianMixture(3, **FEW).fit(X).means_)


def test_what_a_fit_has_found_is_not_forgotten_at_the_first_chunk():
    x, labels = rows(1200)
    mixture = GaussianMixture(3, **FEW).fit(x)
    before = mixture.score(x)
    mixture.partial_fit(x[labels == 0][:40])  # of one cluster alone
    assert np.all(mixture.weights_ > 0.05)
    assert mixture.score(x) > before - 1.0


def test_a_stated_mixture_may_be_followed():
    mixture = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [5.0]], [[[1.0]], [[1.0]]])
    rng = np.random.default_rng(0)
    for _ in range(10):
        mixture.partial_fit(np.concatenate([rng.normal(1.0, 1.0, 50), rng.normal(6.0, 1.0, 50)])[:, None])
    np.testing.assert_allclose(mixture.means_[:, 0], [1.0, 6.0], atol=0.3)


def test_weights_count_in_chunks():
    weight = np.random.default_rng(0).integers(1, 3, size=120)
    weighted = GaussianMixture(3, **FEW).partial_fit(X[:120]).partial_fit(X[120:], sample_weight=weight)
    repeated = GaussianMixture(3, **FEW).partial_fit(X[:120]).partial_fit(np.repeat(X[120:], weight, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_, rtol=1e-9)


def test_what_is_fixed_stays_in_a_stream():
    mixture = streamed("full", X, 80, means_init=X[:3], fixed="means")
    np.testing.assert_allclose(mixture.means_, X[:3], rtol=1e-9)


def test_chunks_may_have_gaps_and_lack_a_whole_column():
    gaps = np.where(np.random.default_rng(0).uniform(size=X.shape) < 0.1, np.nan, X)
    mixture = GaussianMixture(3, missing_values="conditional", **FEW).partial_fit(gaps[:160])
    before = mixture.score(X)
    gaps[160:, 1] = np.nan
    mixture.partial_fit(gaps[160:])
    assert mixture.score(X) > before - 0.2


def test_single_rows_are_chunks_and_other_features_are_not():
    mixture = GaussianMixture(3, **FEW).partial_fit(X)
    n_iter = mixture.n_iter_
    assert mixture.partial_fit(X[:1]).n_iter_ == n_iter + 1
    with pytest.raises(ValueError, match="expecting 4 features"):
        mixture.partial_fit(X[:, :3])


def test_a_fit_begins_anew():
    mixture = streamed("full", X + 50.0, 80).fit(X)
    np.testing.assert_array_equal(mixture.means_, GaussianMixture(3, **FEW).fit(X).means_)
    assert not hasattr(mixture, "stream_")
