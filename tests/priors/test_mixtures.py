"""The two priors that are mixtures, against SciPy, and where their weights begin."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from isthmus._gaussians import Normals
from isthmus.architectures import Dense
from isthmus.bottlenecks import Deterministic, Gaussian
from isthmus.errors import PartError
from isthmus.losses import Bernoulli
from isthmus.model import Model, Parts
from isthmus.priors import NormalMixture, Vamp
from isthmus.priors._components import Components


def components(n=4, n_dims=3, seed=0):
    rng = np.random.default_rng(seed)
    return Components(*(rng.normal(size=shape).astype(np.float32) for shape in ((n,), (n, n_dims), (n, n_dims))))


def density(parts, codes):
    """The log-density of a mixture by SciPy."""
    shares = scipy.special.log_softmax(np.float64(parts.logits))
    pairs = zip(np.float64(parts.mean), np.float64(parts.log_scale), strict=True)
    each = [scipy.stats.norm(mean, np.exp(log_scale)).logpdf(codes).sum(axis=-1) for mean, log_scale in pairs]
    return scipy.special.logsumexp(shares[:, None] + np.array(each), axis=0)


def test_the_density_of_a_mixture_is_scipys():
    parts, codes = components(), np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    np.testing.assert_allclose(parts.log_prob(jnp.asarray(codes)), density(parts, codes), rtol=1e-4)


@pytest.mark.parametrize("log_scale", [-3.0, -7.0])
def test_narrow_components_lose_no_precision(log_scale):
    parts = components(20, 40)._replace(log_scale=np.full((20, 40), log_scale, np.float32))
    noise = np.random.default_rng(1).normal(size=(50, 40)).astype(np.float32)
    codes = parts.mean[np.arange(50) % 20] + np.float32(np.exp(log_scale)) * noise
    np.testing.assert_allclose(parts.log_prob(jnp.asarray(codes)), density(parts, codes), atol=1e-3)


def test_draws_come_from_the_components_by_their_shares():
    parts = Components(np.log(np.float32([0.2, 0.8])), np.float32([[-5.0], [5.0]]), np.zeros((2, 1), np.float32))
    draws = np.asarray(parts.sample((20_000, 1), key=jax.random.key(0)))
    np.testing.assert_allclose(np.mean(draws > 0), 0.8, atol=0.015)
    np.testing.assert_allclose(draws[draws > 0].mean(), 5.0, atol=0.05)


def model_of(prior, **options):
    options = {"bottleneck": Gaussian(), "latent_shape": (3,)} | options
    return Model.init(Parts(Dense((4,)), Bernoulli(), data_shape=(6,), prior=prior, **options), rng=np.random.default_rng(0))


class TestVamp:
    def test_is_the_mixture_of_the_posteriors_of_its_pseudo_rows(self):
        model = jax.tree.map(jnp.asarray, model_of(Vamp(5)))
        mean, log_scale = np.split(np.asarray(model.hidden(model.weights.prior, key=None)), 2, axis=1)
        codes = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
        expected = density(Components(np.zeros(5), mean, log_scale), codes)
        np.testing.assert_allclose(model.bound_prior().log_prob(jnp.asarray(codes)), expected, rtol=1e-4)

    @pytest.mark.parametrize("n_pseudo_rows", [3, 30])
    def test_begins_with_rows_of_the_data(self, n_pseudo_rows):
        rows = np.random.default_rng(2).uniform(size=(10, 6))
        model = model_of(Vamp(n_pseudo_rows)).started(lambda: (rows, rows), rows.mean(axis=0), rng=np.random.default_rng(3))
        found = model.weights.prior
        assert found.shape == (n_pseudo_rows, 6)
        assert all(np.any(np.all(np.isclose(rows, row), axis=1)) for row in found)
        assert len(np.unique(found, axis=0)) == 3 if n_pseudo_rows == 3 else len(np.unique(found, axis=0)) > 5

    def test_its_rows_have_a_gradient(self):
        model = model_of(Vamp(5))
        codes = jnp.zeros((2, 3))
        slope = jax.grad(lambda rows: jnp.sum(model._replace(weights=model.weights._replace(prior=rows)).bound_prior().log_prob(codes)))(
            jnp.asarray(model.weights.prior)
        )
        assert np.all(np.any(slope != 0.0, axis=1))

    @pytest.mark.parametrize("bottleneck", [Deterministic(), Gaussian(covariance="full")], ids=repr)
    def test_needs_diagonal_posteriors(self, bottleneck):
        with pytest.raises(PartError, match="The prior 'vamp' mixes diagonal normal posteriors"):
            model_of(Vamp(5), bottleneck=bottleneck)


def test_a_learned_mixture_begins_wide():
    logits, mean, log_scale = NormalMixture(7).init((2,), (5,), rng=np.random.default_rng(0))
    assert (logits.shape, mean.shape, log_scale.shape) == ((7,), (7, 2), (7, 2))
    assert np.all(logits == 0)
    assert np.all(log_scale == 0)
    assert len(np.unique(mean)) == 14


SHARES, MEANS = np.array([0.3, 0.7]), np.array([[-3.0, 1.0], [2.0, 0.0]])
COVARIANCES = np.array([[[1.0, 0.6], [0.6, 0.9]], [[0.5, -0.2], [-0.2, 2.0]]])


@pytest.mark.parametrize(("covariance", "kept"), [("diag", COVARIANCES * np.eye(2)), ("full", COVARIANCES)])
class TestOfAMixture:
    def test_the_density_is_the_mixtures(self, covariance, kept):
        part = NormalMixture(2, covariance=covariance)
        codes = np.random.default_rng(0).normal(scale=3.0, size=(40, 2))
        pairs = zip(SHARES, MEANS, kept, strict=True)
        expected = np.log(sum(share * scipy.stats.multivariate_normal(mean, own).pdf(codes) for share, mean, own in pairs))
        found = part.log_prob(part.of_mixture(SHARES, MEANS, COVARIANCES), jnp.asarray(codes, jnp.float32))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)

    def test_draws_have_its_moments(self, covariance, kept):
        part = NormalMixture(2, covariance=covariance)
        weights = jax.tree.map(jnp.asarray, part.of_mixture(SHARES, MEANS, COVARIANCES))
        draws = np.asarray(part.sample(weights, (40_000, 2), key=jax.random.key(0)), np.float64)
        mean = SHARES @ MEANS
        whole = np.einsum("k,kij->ij", SHARES, kept + np.einsum("ki,kj->kij", MEANS - mean, MEANS - mean))
        np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.05)
        np.testing.assert_allclose(np.cov(draws.T), whole, atol=0.1)


def test_free_covariances_begin_as_balls():
    part = NormalMixture(3, covariance="full")
    weights = part.init((2,), (5,), rng=np.random.default_rng(0))
    assert isinstance(weights, Normals)
    alike = NormalMixture(3).init((2,), (5,), rng=np.random.default_rng(0))
    codes = jnp.asarray(np.random.default_rng(1).normal(size=(9, 2)), jnp.float32)
    np.testing.assert_allclose(weights.log_prob(codes), alike.log_prob(codes), rtol=1e-5)


def test_mixtures_are_for_codes_of_one_axis():
    with pytest.raises(PartError, match="for codes of one axis"):
        model_of(NormalMixture(), latent_shape=(2, 3))
