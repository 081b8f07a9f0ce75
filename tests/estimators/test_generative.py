"""Draws, bounds and likelihoods of a fitted variational autoencoder: a linear one, of which everything is known."""

import dataclasses
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from isthmus import Autoencoder, load
from isthmus.bottlenecks import Gaussian
from isthmus.errors import DataError, PartError
from isthmus.estimators import _densities, _generative, _inference
from isthmus.losses import Normal
from isthmus.model import Objective
from isthmus.priors import NormalMixture, Vamp

N_FEATURES, N_DIMS, SIGMA = 5, 2, 0.6


def table(n_rows=300, seed=0):
    """Rows of a factor model, in units far from one."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(N_DIMS, N_FEATURES)) * np.float64([3.0, 2.0, 1.0, 1.0, 0.5])
    return 100.0 + 10.0 * (rng.normal(size=(n_rows, N_DIMS)) @ factors + 0.7 * rng.normal(size=(n_rows, N_FEATURES)))


def linear_of(**parameters):
    nested = {name: value for name, value in ({"optimizer__schedule": "cosine"} | parameters).items() if "__" in name}
    options = {"architecture": "linear", "loss": Normal(spread="shared"), "bottleneck": "gaussian", "random_state": 0, "optimizer": "adam"}
    training = {"learning_rate": 0.02, "batch_size": 50, "max_epochs": 200, "validation_fraction": None, "patience": None}
    plain = {name: value for name, value in parameters.items() if "__" not in name}
    return Autoencoder(N_DIMS, **(options | training | plain)).set_params(**nested)


@pytest.fixture(scope="module", name="X")
def rows():
    return table()


@pytest.fixture(scope="module")
def fitted(X):
    return linear_of().fit(X)


def spread_of(autoencoder):
    """The learned standard deviation, of scaled rows."""
    return np.exp(-6.0 + np.log1p(np.exp(float(autoencoder.model_.weights.loss) + 6.0)))


def exact(autoencoder, X):
    """log p(x) of a linear model."""
    return scipy.stats.multivariate_normal(*moments_of(autoencoder)).logpdf(X)


def moments_of(autoencoder):
    """Mean and covariance of a linear model's rows: that of the decoder's factors and of the noise."""
    scaling = autoencoder.scaling_
    decoder = np.asarray(jax.jit(autoencoder.model_.decode)(jnp.concatenate([jnp.zeros((1, N_DIMS)), jnp.eye(N_DIMS)])), np.float64)
    mean, factors = decoder[0], decoder[1:] - decoder[0]
    covariance = factors.T @ factors + spread_of(autoencoder) ** 2 * np.eye(N_FEATURES)
    return scaling.offset + scaling.scale * mean, scaling.scale[:, None] * covariance * scaling.scale


class TestLikelihood:
    def test_a_linear_model_reaches_probabilistic_pca(self, fitted, X):
        best = PCA(N_DIMS).fit(X).score(X)
        found = exact(fitted, X).mean()
        assert best - 0.05 < found < best + 0.02

    def test_the_estimate_is_the_exact_one_within_its_error(self, fitted, X):
        value, error = fitted.log_likelihood(X, 2000)
        assert value.shape == error.shape == (300,)
        assert np.all(error < 0.5)
        assert np.mean(np.abs(value - exact(fitted, X)) < 4 * error + 1e-3) > 0.97

    def test_codes_are_counted_rightly_where_they_come_in_chunks(self, fitted, X, monkeypatch):
        changed = widened(fitted)
        whole = changed.log_likelihood(X, 100, random_state=1)
        monkeypatch.setattr(_generative, "_CHUNK_VALUES", 30 * N_FEATURES * _inference.block_rows())
        before = _densities.importance._cache_size()
        parted = changed.log_likelihood(X, 100, random_state=1)  # of 30, 30, 30 and 10
        error = np.sqrt(np.mean(whole.standard_error**2 + parted.standard_error**2) / len(X))
        assert abs(np.mean(parted.value - whole.value)) < 4 * error < 0.1
        np.testing.assert_allclose(parted.standard_error.mean(), whole.standard_error.mean(), rtol=0.1)
        changed.log_likelihood(X[:7], 200)
        assert _densities.importance._cache_size() - before == 1  # neither another number of codes nor of rows compiles anything

    def test_bounds_stand_in_their_order_and_near_with_samples(self, fitted, X):
        changed = widened(fitted)
        truth = exact(fitted, X).mean()
        elbo = changed.elbo(X, 50)["elbo"].mean()
        bounds = [changed.log_likelihood(X, n, random_state=1).value.mean() for n in (5, 50, 500)]
        assert elbo < bounds[0] < bounds[1] < bounds[2] < truth + 0.02
        assert truth - bounds[2] < 0.2 * (truth - bounds[0])

    def test_what_is_minimized_with_several_codes_lies_between_bound_and_likelihood(self, fitted, X):
        model, scaling = widened(fitted).model_, fitted.scaling_
        rows = {"x": jnp.asarray(np.tile((X - scaling.offset) / scaling.scale, (10, 1)), jnp.float32)}
        options = {"key": jax.random.key(0), "progress": 1.0, "training": False}

        def bound(bottleneck):
            parts = dataclasses.replace(model.parts, bottleneck=bottleneck)
            loss = Objective(parts)(model.weights, model.state, rows, {}, jnp.ones(10 * len(X)), **options).loss
            return -N_FEATURES * float(loss) - np.sum(np.log(scaling.scale))

        several = [Gaussian(n_samples=n, importance_weighted=True) for n in (1, 5, 50)]
        elbo, mean_of_five, one, five, fifty = map(bound, (Gaussian(), Gaussian(n_samples=5), *several))
        truth = exact(fitted, X).mean()
        assert abs(one - elbo) < 0.1 > abs(mean_of_five - elbo)  # one code, and the mean of several, are the plain bound
        assert elbo + 0.2 < five < fifty < truth + 0.02
        assert truth - fifty < 0.5 * (truth - five)

    def test_the_bound_of_the_best_posterior_is_tight(self, fitted, X):
        terms = fitted.elbo(X, 200)
        assert terms.keys() == {"reconstruction", "kl", "elbo"}
        np.testing.assert_allclose(terms["elbo"], terms["reconstruction"] - terms["kl"], rtol=1e-5)
        assert exact(fitted, X).mean() - 0.2 < terms["elbo"].mean() < exact(fitted, X).mean() + 0.02

    def test_the_unit_of_the_data_changes_it_by_its_logarithm(self, X):
        small, large = (linear_of(max_epochs=5).fit(unit * X) for unit in (1.0, 1000.0))
        np.testing.assert_allclose(
            small.log_likelihood(X, 50).value - N_FEATURES * np.log(1000.0), large.log_likelihood(1000.0 * X, 50).value, rtol=1e-3
        )

    def test_what_training_charged_does_not_change_it(self, X):
        plain = linear_of(max_epochs=5).fit(X)
        other = load_copy(plain)
        parts = plain.model_.parts
        other.model_ = plain.model_._replace(parts=type(parts)(**{**vars(parts), "bottleneck": Gaussian(7.0, warmup=0.5, free_bits=2.0)}))
        np.testing.assert_array_equal(other.elbo(X)["elbo"], plain.elbo(X)["elbo"])

    def test_the_score_is_the_log_density_at_the_code(self, fitted, X):
        reconstruction, spread = fitted.reconstruct(X), spread_of(fitted) * fitted.scaling_.scale
        expected = scipy.stats.norm(reconstruction, spread).logpdf(X).sum(axis=1)
        np.testing.assert_allclose(fitted.score_samples(X), expected, rtol=1e-4)


def widened(autoencoder):
    """The same with a posterior that is too wide, so that there is a gap between bound and likelihood."""
    model, changed = autoencoder.model_, load_copy(autoencoder)
    layer = model.weights.encoder.layers[0]
    bias = np.asarray(layer.bias).copy()
    bias[N_DIMS:] += 0.7
    wide = jax.tree.map(lambda leaf: bias if leaf is layer.bias else leaf, model.weights.encoder)
    changed.model_ = model._replace(weights=model.weights._replace(encoder=wide))
    return changed


def load_copy(autoencoder):
    copy = Autoencoder()
    vars(copy).update(vars(autoencoder))
    return copy


class TestDraws:
    def test_rows_with_noise_have_the_moments_of_the_model(self, fitted, X):
        drawn = fitted.sample(20_000, noise=True)
        assert drawn.shape == (20_000, N_FEATURES)
        np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=1.5)
        np.testing.assert_allclose(np.cov(drawn.T), np.cov(X.T), atol=0.08 * np.cov(X.T).max())
        mean, covariance = moments_of(fitted)
        spread = np.sqrt(np.diag(covariance))
        np.testing.assert_allclose((drawn.mean(axis=0) - mean) / spread, 0.0, atol=5 / np.sqrt(20_000))
        np.testing.assert_allclose((np.cov(drawn.T) - covariance) / np.outer(spread, spread), 0.0, atol=5 * np.sqrt(2 / 20_000))

    def test_rows_with_noise_are_as_likely_as_the_models_entropy_says(self, fitted):
        value = fitted.log_likelihood(fitted.sample(2000, noise=True, random_state=3), 100).value
        entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * moments_of(fitted)[1])[1]
        assert abs(value.mean() + entropy) < 5 * value.std() / np.sqrt(2000)

    def test_rows_without_noise_lack_its_variance(self, fitted, X):
        spread = spread_of(fitted) * fitted.scaling_.scale
        difference = fitted.sample(20_000, noise=True).var(axis=0) - fitted.sample(20_000).var(axis=0)
        np.testing.assert_allclose(difference, spread**2, atol=0.05 * fitted.sample(20_000).var(axis=0).max())

    def test_the_random_state_decides(self, fitted):
        np.testing.assert_array_equal(fitted.sample(5, random_state=1), fitted.sample(5, random_state=1))
        assert not np.array_equal(fitted.sample(5, random_state=1), fitted.sample(5, random_state=2))

    def test_codes_of_a_row_are_spread_about_its_code(self, fitted, X):
        codes = fitted.sample_posterior(X[:300], 4000)
        assert codes.shape == (300, 4000, N_DIMS)
        hidden = np.asarray(fitted.model_.hidden(jnp.asarray((X - fitted.scaling_.offset) / fitted.scaling_.scale, jnp.float32), key=None))
        np.testing.assert_allclose(codes.mean(axis=1), fitted.transform(X), atol=0.1)
        np.testing.assert_allclose(codes.std(axis=1), np.exp(hidden[:, N_DIMS:]), rtol=0.1)
        assert not np.allclose(codes[0, :100] - codes[0].mean(axis=0), codes[260, :100] - codes[260].mean(axis=0), atol=1e-3)

    def test_its_mean_and_scale_are_told(self, fitted, X):
        mean, scale = fitted.posterior(X[:5])
        np.testing.assert_array_equal(mean, fitted.transform(X[:5]))
        codes = fitted.sample_posterior(X[:5], 4000, random_state=1)
        np.testing.assert_allclose(scale, codes.std(axis=1), rtol=0.05)
        with pytest.raises(PartError, match=r"has no diagonal normal posterior\. Use `sample_posterior`"):
            linear_of(bottleneck=Gaussian(covariance="full"), max_epochs=1).fit(X).posterior(X)

    @pytest.mark.parametrize("spherical", [False, True])
    def test_a_path_leads_from_one_row_to_the_other(self, fitted, X, spherical):
        path = fitted.interpolate(X[0], X[1], 7, spherical=spherical)
        assert path.shape == (7, N_FEATURES)
        np.testing.assert_allclose(path[[0, -1]], fitted.reconstruct(X[:2]), rtol=1e-4)
        halfway = fitted.inverse_transform(fitted.transform(X[:2]).mean(axis=0, keepdims=True))
        assert np.allclose(path[3], halfway[0], rtol=1e-4) != spherical

    def test_an_arc_keeps_the_distance_from_the_origin(self):
        from isthmus.estimators._generative import _arc

        share = np.linspace(0, 1, 9)[:, None]
        points = _arc(np.array([3.0, 0.0, 0.0]), np.array([0.0, 3.0, 0.0]), share)
        np.testing.assert_allclose(np.linalg.norm(points, axis=1), 3.0)
        np.testing.assert_allclose(_arc(np.ones(2), -np.ones(2), share)[4], 0.0, atol=1e-12)


class TestDimensions:
    def test_divergences_add_up_to_the_bounds(self, fitted, X):
        by_dimension = fitted.kl_per_dimension(X)
        assert by_dimension.shape == (N_DIMS,)
        np.testing.assert_allclose(by_dimension.sum(), fitted.elbo(X)["kl"].mean(), rtol=1e-5)

    def test_dimensions_that_nothing_needs_are_not_active(self, X):
        assert linear_of().fit(X).active_units_ == N_DIMS
        wide = linear_of().set_params(latent_dim=4).fit(X)
        assert wide.active_units_ == N_DIMS
        assert np.sum(wide.kl_per_dimension(X) < 0.1) == 2

    def test_a_collapse_is_told(self, X):
        with pytest.warns(ConvergenceWarning, match="The posterior has collapsed: none of the 2 dimensions"):
            autoencoder = linear_of(bottleneck=Gaussian(beta=1000.0)).fit(X)
        assert autoencoder.active_units_ == 0

    def test_the_code_of_one_row_is_not_called_collapsed(self, X):
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            autoencoder = linear_of(max_epochs=3).fit(X[:1])
        assert autoencoder.active_units_ == 0

    @pytest.mark.parametrize("prior", [NormalMixture(3), Vamp(5)], ids=repr)
    def test_a_prior_without_a_closed_form_has_no_divergence_by_dimension(self, X, prior):
        autoencoder = linear_of(prior=prior, max_epochs=3).fit(X)
        with pytest.raises(PartError, match="no divergence in closed form"):
            autoencoder.kl_per_dimension(X)
        assert np.all(np.isfinite(autoencoder.elbo(X)["elbo"]))


@pytest.fixture(scope="module")
def plain(X):
    return Autoencoder(2, max_epochs=2, random_state=0).fit(X)


class TestRefusals:
    @pytest.mark.parametrize("method", ["sample_posterior", "elbo", "log_likelihood"])
    def test_a_plain_code_has_no_posterior(self, plain, X, method):
        with pytest.raises(PartError, match="Codes of the bottleneck 'deterministic' have no posterior"):
            getattr(plain, method)(X)

    def test_a_plain_code_has_no_prior(self, plain, X):
        with pytest.raises(PartError, match="no distribution to sample from"):
            plain.sample(3)
        with pytest.raises(PartError, match="no divergence in closed form"):
            plain.kl_per_dimension(X)

    @pytest.mark.parametrize("method", ["elbo", "log_likelihood"])
    def test_a_loss_that_is_no_likelihood_gives_no_probability(self, X, method):
        autoencoder = linear_of(loss="squared_error", max_epochs=2).fit(X)
        assert autoencoder.sample(3).shape == (3, N_FEATURES)
        with pytest.raises(PartError, match="'squared_error' is no likelihood"):
            getattr(autoencoder, method)(X)
        with pytest.raises(PartError, match="'squared_error' is no likelihood"):
            autoencoder.sample(3, noise=True)

    @pytest.mark.parametrize("count", [0, -1])
    def test_counts_are_at_least_one(self, fitted, X, count):
        for call in (fitted.sample, lambda n: fitted.sample_posterior(X, n), lambda n: fitted.log_likelihood(X, n)):
            with pytest.raises(DataError, match="must be an integer of at least 1"):
                call(count)

    def test_it_must_be_fitted(self):
        with pytest.raises(NotFittedError):
            Autoencoder().sample(3)

    def test_grey_values_have_no_bernoulli_likelihood(self):
        grey = load_digits().data[:100] / 16
        autoencoder = Autoencoder(2, loss="bernoulli", bottleneck="gaussian", scaling=None, max_epochs=2, random_state=0).fit(grey)
        with pytest.warns(UserWarning, match="'bernoulli' is one of whole numbers.*cross-entropy and no log-likelihood"):
            autoencoder.elbo(grey)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            autoencoder.elbo(np.round(grey))
        for method in (autoencoder.elbo, autoencoder.log_likelihood):
            with pytest.raises(DataError, match=r"is defined for values in \[0, 1\]; the scaled rows lie in \[0, 255\]\. Clip them"):
                method(255.0 * np.round(grey))

    def test_rows_that_cannot_be_are_given_no_likelihood(self):
        counts = np.random.default_rng(0).poisson(3.0, size=(60, 4)).astype(float)
        options = {"architecture": "linear", "loss": "poisson", "bottleneck": "gaussian", "max_epochs": 1, "random_state": 0}
        autoencoder = Autoencoder(2, **options).fit(counts)
        for method in (autoencoder.elbo, autoencoder.log_likelihood, autoencoder.score_samples):
            with pytest.raises(DataError, match=r"is defined for values of 0 and more.*; got values down to -.* Give the counts"):
                method(-counts)
        with pytest.warns(UserWarning, match="'poisson' is one of whole numbers.*Fit whole numbers"):
            autoencoder.elbo(counts + 0.5)


@pytest.mark.parametrize("prior", ["standard_normal", NormalMixture(3), Vamp(5)], ids=str)
def test_a_model_comes_back_from_its_file_with_all_that_it_can(X, prior, tmp_path):
    autoencoder = linear_of(prior=prior, max_epochs=3).fit(X)
    autoencoder.save(tmp_path / "model.isthmus")
    again = load(tmp_path / "model.isthmus")
    np.testing.assert_array_equal(again.sample(4, noise=True), autoencoder.sample(4, noise=True))
    np.testing.assert_array_equal(again.log_likelihood(X, 20).value, autoencoder.log_likelihood(X, 20).value)
    assert again.active_units_ == autoencoder.active_units_


def test_the_order_of_rows_does_not_matter_to_their_codes(fitted, X):
    order = np.random.default_rng(0).permutation(len(X))
    for method in (fitted.transform, fitted.reconstruct, fitted.score_samples):
        np.testing.assert_array_equal(method(X[order]), method(X)[order])
    np.testing.assert_array_equal(fitted.posterior(X[order]).scale, fitted.posterior(X).scale[order])
    np.testing.assert_allclose(fitted.kl_per_dimension(X[order]), fitted.kl_per_dimension(X), rtol=1e-6)
