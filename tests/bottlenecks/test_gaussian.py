"""The variational bottleneck against closed forms, and each of its charges by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus.architectures import Linear
from isthmus.bottlenecks import Deterministic, Gaussian
from isthmus.bottlenecks._annealing import risen
from isthmus.errors import PartError
from isthmus.losses import Normal
from isthmus.model import Model, Objective, Parts
from isthmus.priors import BoundPrior, NormalMixture, StandardNormal

PRIOR = BoundPrior(StandardNormal(), ())
KEY = jax.random.key(3)
N_ROWS, N_DIMS = 5, 3


def hidden_of(part, seed=0):
    return jnp.asarray(0.7 * np.random.default_rng(seed).normal(size=(N_ROWS, *part.hidden_shape((N_DIMS,)))), float)


def covariances(hidden):
    """Of a full posterior, by the docstring's word: a Cholesky factor of which the encoder gives log-diagonal and the rest."""
    factors = []
    for row in np.float64(hidden):
        factor = np.diag(np.exp(row[N_DIMS : 2 * N_DIMS]))
        factor[np.tril_indices(N_DIMS, -1)] = row[2 * N_DIMS :]
        factors.append(factor @ factor.T)
    return np.array(factors)


def called(part, hidden, mask=None, progress=1.0):
    mask = jnp.ones(N_ROWS) if mask is None else mask
    return part((), (), hidden, PRIOR, mask=mask, progress=progress, key=KEY)[0]


def by_dimension(hidden):
    mean, log_scale = np.split(np.float64(hidden), 2, axis=1)
    return 0.5 * (mean**2 + np.exp(2 * log_scale) - 1) - log_scale


class TestPosterior:
    def test_a_diagonal_density_is_that_of_its_codes(self):
        part = Gaussian()
        hidden = hidden_of(part)
        codes, density = part.draw((), hidden, 4, key=KEY)
        mean, log_scale = np.split(np.float64(hidden), 2, axis=1)
        np.testing.assert_allclose(density, scipy.stats.norm(mean, np.exp(log_scale)).logpdf(codes).sum(axis=2), rtol=1e-4)

    def test_a_full_density_is_that_of_its_codes(self):
        part = Gaussian(covariance="full")
        hidden = hidden_of(part)
        codes, density = part.draw((), hidden, 4, key=KEY)
        for row, covariance in enumerate(covariances(hidden)):
            expected = scipy.stats.multivariate_normal(hidden[row, :N_DIMS], covariance).logpdf(codes[:, row])
            np.testing.assert_allclose(density[:, row], expected, rtol=1e-4)

    @pytest.mark.parametrize("covariance", ["diag", "full"])
    def test_codes_have_its_moments(self, covariance):
        part = Gaussian(covariance=covariance)
        hidden = hidden_of(part)
        codes = np.float64(part.draw((), hidden, 40_000, key=KEY)[0])
        wanted = covariances(hidden) if covariance == "full" else [np.diag(row) for row in np.exp(2 * np.float64(hidden[:, N_DIMS:]))]
        for row in range(N_ROWS):
            error = 5 * np.sqrt(np.diag(wanted[row]) / 40_000)
            assert np.all(np.abs(codes[:, row].mean(axis=0) - hidden[row, :N_DIMS]) < error)
            np.testing.assert_allclose(np.cov(codes[:, row].T), wanted[row], atol=0.05 * np.max(wanted[row]))

    @pytest.mark.parametrize("covariance", ["diag", "full"])
    def test_its_mean_is_the_code(self, covariance):
        part = Gaussian(covariance=covariance)
        hidden = hidden_of(part)
        np.testing.assert_array_equal(part.encode((), (), hidden), hidden[:, :N_DIMS])


class TestDivergence:
    def test_of_a_diagonal_posterior_is_in_closed_form(self):
        hidden = hidden_of(Gaussian())
        np.testing.assert_allclose(called(Gaussian(), hidden).terms["kl"], by_dimension(hidden).sum(axis=1), rtol=1e-5)

    def test_of_a_full_posterior_is_in_closed_form(self):
        part = Gaussian(covariance="full")
        hidden = hidden_of(part)
        mean = np.float64(hidden[:, :N_DIMS])
        _, log_det = np.linalg.slogdet(covariances(hidden))
        traces = np.trace(covariances(hidden), axis1=1, axis2=2)
        np.testing.assert_allclose(called(part, hidden).terms["kl"], 0.5 * (traces + (mean**2).sum(axis=1) - N_DIMS - log_det), rtol=1e-5)

    def test_without_a_closed_form_is_taken_at_the_codes(self):
        prior = NormalMixture(4)
        bound = BoundPrior(prior, prior.init((N_DIMS,), (2,), rng=np.random.default_rng(0)))
        part = Gaussian(n_samples=6)
        hidden = hidden_of(part)
        latent, _ = part((), (), hidden, bound, mask=jnp.ones(N_ROWS), progress=1.0, key=KEY)
        codes, density = part.draw((), hidden, 6, key=KEY)
        np.testing.assert_allclose(latent.terms["kl"], density - bound.log_prob(codes), rtol=1e-5)

    def test_several_codes_are_drawn_where_several_are_asked_for(self):
        assert called(Gaussian(), hidden_of(Gaussian())).code.shape == (N_ROWS, N_DIMS)
        assert called(Gaussian(n_samples=4), hidden_of(Gaussian())).code.shape == (4, N_ROWS, N_DIMS)
        assert called(Gaussian(importance_weighted=True), hidden_of(Gaussian())).is_importance_weighted


class TestCharges:
    def test_the_weight_rises_and_stays(self):
        part = Gaussian(beta=4.0, warmup=0.5)
        assert [float(part.term_weights(progress)["kl"]) for progress in (0.0, 0.25, 0.5, 0.9, 1.0)] == [0.0, 2.0, 4.0, 4.0, 4.0]

    def test_the_weight_rises_in_every_cycle(self):
        found = [float(risen(progress, 0.5, 2)) for progress in (0.0, 0.125, 0.25, 0.49, 0.5, 0.625, 0.8, 1.0)]
        np.testing.assert_allclose(found, [0.0, 0.5, 1.0, 1.0, 0.0, 0.5, 1.0, 1.0])

    def test_no_warmup_is_the_whole_weight_from_the_start(self):
        assert [float(risen(progress, 0.0, 3)) for progress in (0.0, 0.4, 1.0)] == [1.0, 1.0, 1.0]

    def test_free_bits_charge_what_is_above_them(self):
        part = Gaussian(free_bits=0.4)
        hidden, mask = hidden_of(part), jnp.asarray([1.0, 1.0, 0.0, 1.0, 0.0])
        terms = called(part, hidden, mask).terms
        means = by_dimension(hidden)[np.asarray(mask) == 1].mean(axis=0)
        assert 0 < np.sum(means < 0.4) < N_DIMS
        np.testing.assert_allclose(np.sum(mask * (terms["kl"] + terms["free"])) / 3, np.maximum(means, 0.4).sum(), rtol=1e-5)

    def test_below_the_free_bits_nothing_pulls(self):
        part = Gaussian(free_bits=50.0)

        def charge(hidden):
            terms = called(part, hidden).terms
            return jnp.mean(terms["kl"] + terms["free"])

        np.testing.assert_allclose(jax.grad(charge)(hidden_of(part)), 0.0, atol=1e-6)

    @pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
    def test_a_capacity_is_reached_in_a_straight_line(self, progress):
        part = Gaussian(capacity=6.0, beta=3.0)
        hidden = hidden_of(part)
        terms = called(part, hidden, progress=progress).terms
        expected = abs(by_dimension(hidden).sum(axis=1).mean() - 6.0 * progress)
        np.testing.assert_allclose(terms["beyond_capacity"], np.full(N_ROWS, expected), rtol=1e-5)
        assert set(part.term_weights(progress)) == {"beyond_capacity"}

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"free_bits": 1.0, "capacity": 1.0}, "Give one of them"),
            ({"free_bits": 1.0, "importance_weighted": True}, "Leave `free_bits` and `capacity` None"),
            ({"free_bits": 1.0, "covariance": "full"}, "Use 'diag'"),
            ({"beta": -1.0}, "gaussian.beta"),
            ({"n_samples": 0}, "gaussian.n_samples"),
            ({"warmup": 1.5}, "gaussian.warmup"),
        ],
    )
    def test_what_does_not_go_together_is_refused(self, fields, message):
        with pytest.raises(PartError, match=message):
            Gaussian(**fields)

    def test_free_bits_want_a_divergence_by_dimension(self):
        prior = NormalMixture(4)
        bound = BoundPrior(prior, prior.init((N_DIMS,), (2,), rng=np.random.default_rng(0)))
        part = Gaussian(free_bits=0.5)
        with pytest.raises(PartError, match="closed form, such as 'standard_normal'"):
            part((), (), hidden_of(part), bound, mask=jnp.ones(N_ROWS), progress=1.0, key=KEY)


def objective(bottleneck, weights, x):
    parts = Parts(Linear(), Normal(), data_shape=(4,), latent_shape=(N_DIMS,), bottleneck=bottleneck, prior=StandardNormal())
    options = {"key": KEY, "progress": 1.0, "training": True}
    return Objective(parts)(weights, Model.init(parts, rng=np.random.default_rng(0)).state, {"x": x}, {}, jnp.ones(len(x)), **options).loss


@pytest.fixture(scope="module")
def weights():
    parts = Parts(Linear(), Normal(), data_shape=(4,), latent_shape=(N_DIMS,), bottleneck=Gaussian(), prior=StandardNormal())
    return jax.tree.map(jnp.asarray, Model.init(parts, rng=np.random.default_rng(1)).weights)


X = jnp.asarray(np.random.default_rng(2).normal(size=(6, 4)), float)


class TestWithoutTheDivergence:
    def test_it_adds_nothing_to_the_value_or_the_gradient(self, weights):
        """The reconstruction alone, with the same codes, has the same value and the same slopes."""

        def reconstruction(weights):
            parts = Parts(Linear(), Normal(), data_shape=(4,), latent_shape=(N_DIMS,), bottleneck=Gaussian(), prior=StandardNormal())
            model = Model(parts, weights, ())
            codes, _ = Gaussian().draw((), model.hidden(X, key=None), 1, key=jax.random.split(KEY, 5)[2])
            return jnp.mean(Normal()((), model.outputs(codes[0], key=None), X)) / 4

        value, slopes = jax.value_and_grad(lambda w: objective(Gaussian(beta=0.0), w, X))(weights)
        expected, expected_slopes = jax.value_and_grad(reconstruction)(weights)
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        for ours, theirs in zip(jax.tree.leaves(slopes), jax.tree.leaves(expected_slopes), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)

    def test_and_without_variance_it_is_the_autoencoder(self, weights):
        parts = Parts(Linear(), Normal(), data_shape=(4,), latent_shape=(N_DIMS,), bottleneck=Deterministic(), prior=StandardNormal())
        fresh = Model.init(parts, rng=np.random.default_rng(0)).weights
        cut = [wide[..., :N_DIMS] for wide in jax.tree.leaves(weights.encoder)]
        plain = weights._replace(encoder=jax.tree.unflatten(jax.tree.structure(fresh.encoder), cut))
        narrow = jax.tree.map(lambda leaf: leaf.at[..., N_DIMS:].set(-60.0 if leaf.ndim == 1 else 0.0), weights.encoder)
        variational = objective(Gaussian(beta=0.0), weights._replace(encoder=narrow), X)
        np.testing.assert_allclose(variational, objective(Deterministic(), plain, X), rtol=1e-6)
        assert not np.isclose(variational, objective(Gaussian(beta=0.0), weights, X), rtol=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"beta": 2.0},
        {"covariance": "full"},
        {"n_samples": 2},
        {"importance_weighted": True, "n_samples": 2},
        {"warmup": 0.9},
        {"free_bits": 3.0},
        {"capacity": 3.0},
    ],
    ids=str,
)
def test_no_field_is_inert(changes):
    def loss(part):
        parts = Parts(Linear(), Normal(), data_shape=(4,), latent_shape=(N_DIMS,), bottleneck=part, prior=StandardNormal())
        model = Model.init(parts, rng=np.random.default_rng(1))
        options = {"key": KEY, "progress": 0.6, "training": True}
        return float(Objective(parts)(model.weights, model.state, {"x": X}, {}, jnp.ones(len(X)), **options).loss)

    assert not np.isclose(loss(Gaussian(**changes)), loss(Gaussian()), rtol=1e-5)


def test_the_number_of_cycles_is_not_inert():
    assert float(Gaussian(warmup=0.5, n_cycles=2).term_weights(0.4)["kl"]) != float(Gaussian(warmup=0.5).term_weights(0.4)["kl"])
