"""The normal likelihood against SciPy, in each of its spreads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus import Autoencoder, load
from isthmus.architectures import Linear
from isthmus.bottlenecks import Gaussian
from isthmus.corruptions import BlindSpot
from isthmus.errors import PartError
from isthmus.losses import Normal, SquaredError
from isthmus.model import Parts
from losses.spreads import LOG, X, Y, shown, spreads_of


@pytest.mark.parametrize(("loss", "weights", "outputs", "scale"), spreads_of(Normal), ids=shown)
def test_the_cost_is_minus_the_log_density(loss, weights, outputs, scale):
    expected = -scipy.stats.norm(np.float64(Y), scale).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(loss(weights, jnp.asarray(outputs), jnp.asarray(X)), expected, rtol=1e-4)
    np.testing.assert_array_equal(loss.mean(jnp.asarray(outputs)), Y)


def test_one_is_half_of_the_squared_error_and_a_constant():
    cost = Normal()((), jnp.asarray(Y), jnp.asarray(X)) - 0.5 * SquaredError()((), jnp.asarray(Y), jnp.asarray(X))
    np.testing.assert_allclose(cost, 2.0 * np.log(2.0 * np.pi), rtol=1e-5)


def test_a_fixed_spread_follows_the_unit_of_the_data_and_learned_ones_stay():
    scale = np.array([0.5, 2.0, 1.0, 4.0])
    rescaled = Normal(0.3).rescaled(scale)
    expected = -scipy.stats.norm(np.float64(Y), 0.3 * scale).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(jax.jit(lambda loss: loss((), jnp.asarray(Y), jnp.asarray(X)))(rescaled), expected, rtol=1e-4)
    assert Normal(spread="shared").rescaled(scale) == Normal(spread="shared")


def test_a_constant_column_ends_at_the_lowest_spread_and_not_at_infinity():
    X = np.column_stack([np.full(200, 3.0), *3 * [np.random.default_rng(0).normal(size=200)]])
    autoencoder = Autoencoder(
        1, loss=Normal(spread="per_feature"), bottleneck="gaussian", learning_rate=0.05, max_epochs=60, random_state=0
    )
    assert np.all(np.isfinite(autoencoder.fit(X).history_["loss"]))
    np.testing.assert_allclose(autoencoder.reconstruct(X)[:, 0], 3.0, atol=0.05)


def test_an_unknown_spread_is_refused():
    with pytest.raises(PartError, match="Choose one of: fixed, shared, per_feature, per_value, optimal"):
        Normal(spread="row")


@pytest.mark.parametrize("spread", ["shared", "per_feature", "per_value"])
def test_a_learned_spread_is_that_of_the_residuals_in_the_users_unit(spread):
    """A code says nothing of columns of noise: what is left is their standard deviation."""
    rng = np.random.default_rng(1)
    scale = np.float64([10.0, 10.0, 10.0]) if spread == "shared" else np.float64([1.0, 10.0, 100.0])
    X = 500.0 + scale * rng.normal(size=(400, 3))
    options = {"architecture": "linear", "learning_rate": 0.02, "max_epochs": 150, "random_state": 0, "validation_fraction": None}
    if spread == "per_value":  # a standard deviation that is exponential in the code would run away
        options |= {"architecture": "dense", "learning_rate": 1e-3}
    scaling = "auto" if spread == "shared" else "standard"
    autoencoder = Autoencoder(1, loss=Normal(spread=spread), bottleneck="gaussian", scaling=scaling, patience=None, **options)
    autoencoder.set_params(optimizer="adam", optimizer__schedule="cosine").fit(X)
    found = np.mean(autoencoder.log_likelihood(X, 200).value)
    # The best linear Gaussian model of one dimension: at least independent columns, at most a free covariance.
    independent = scipy.stats.norm(X.mean(axis=0), X.std(axis=0)).logpdf(X).sum(axis=1).mean()
    free = scipy.stats.multivariate_normal(X.mean(axis=0), np.cov(X.T, bias=True)).logpdf(X).mean()
    assert independent - 0.1 < found < free + 0.1


OPTIMAL = Normal(spread="optimal")


def moved(state, outputs, x, mask=None):
    return OPTIMAL.next_state((), state, jnp.asarray(outputs), jnp.asarray(x), jnp.ones(len(x)) if mask is None else jnp.asarray(mask))


def spread_at(state):
    return float(np.exp(OPTIMAL.at_state((), state)))


def test_the_optimal_spread_is_the_root_of_the_mean_squared_error():
    assert spread_at(OPTIMAL.init_state((4,))) == 1.0
    first = moved(OPTIMAL.init_state((4,)), Y, X)
    np.testing.assert_allclose(spread_at(first), np.sqrt(np.mean((X - Y) ** 2)), rtol=1e-6)
    # That is what costs least, with a slope of zero.
    slope = jax.grad(lambda weights: jnp.sum(OPTIMAL(weights, jnp.asarray(Y), jnp.asarray(X))))(OPTIMAL.at_state((), first))
    np.testing.assert_allclose(slope, 0.0, atol=1e-4)
    # Then it moves by a twentieth of the way, the first batch having counted as much as all those before it.
    second = moved(first, Y, X + 5.0)
    squares = np.mean((X - Y) ** 2), np.mean((X + 5.0 - Y) ** 2)
    np.testing.assert_allclose(spread_at(second) ** 2, (0.95 * squares[0] + squares[1]) / 1.95, rtol=1e-5)
    for _ in range(200):
        second = moved(second, Y, X)
    np.testing.assert_allclose(spread_at(second) ** 2, squares[0], rtol=1e-3)


def test_padding_does_not_enter_the_optimal_spread_and_all_samples_do():
    mask = np.float32([1, 1, 1, 1, 0, 0])
    padded = moved(OPTIMAL.init_state((4,)), Y, np.where(mask[:, None] > 0, X, 1e3), mask)
    np.testing.assert_allclose(spread_at(padded) ** 2, np.mean((X[:4] - Y[:4]) ** 2), rtol=1e-5)
    light = moved(OPTIMAL.init_state((4,)), Y, X, 0.1 * mask)  # rows of little weight, not even one in sum
    np.testing.assert_allclose(spread_at(light), spread_at(padded), rtol=1e-6)
    nothing = moved(padded, Y, X, 0.0 * mask)
    assert nothing == padded
    samples = moved(OPTIMAL.init_state((4,)), np.stack([Y, LOG, X + 1.0]), X)
    expected = np.mean([(X - Y) ** 2, (X - LOG) ** 2, np.ones_like(X)])
    np.testing.assert_allclose(spread_at(samples) ** 2, expected, rtol=1e-5)


def test_the_optimal_spread_takes_no_gradient_and_is_bounded():
    slope = jax.grad(lambda outputs: OPTIMAL.at_state((), moved(OPTIMAL.init_state((4,)), outputs, X)))(jnp.asarray(Y))
    assert np.all(slope == 0.0)
    np.testing.assert_allclose(spread_at(moved(OPTIMAL.init_state((4,)), X, X)), np.exp(-6.0), rtol=1e-5)


@pytest.mark.parametrize("bottleneck", ["deterministic", Gaussian(n_samples=2)], ids=["deterministic", "gaussian"])
def test_an_optimal_spread_ends_at_the_error_is_saved_and_scores_rows(bottleneck, tmp_path):
    rng = np.random.default_rng(2)
    X = 50.0 + 20.0 * (rng.normal(size=(300, 2)) @ rng.normal(size=(2, 5)) + 0.5 * rng.normal(size=(300, 5)))
    autoencoder = Autoencoder(2, architecture="linear", loss=OPTIMAL, bottleneck=bottleneck, validation_fraction=None, random_state=0)
    autoencoder.set_params(optimizer="adam", learning_rate=0.01, max_epochs=40, scaling="common").fit(X)
    unit = float(autoencoder.scaling_.scale[0])
    sigma = unit * float(np.exp(autoencoder.model_.loss_weights))
    if bottleneck == "deterministic":
        np.testing.assert_allclose(sigma**2, np.mean((X - autoencoder.reconstruct(X)) ** 2), rtol=0.1)
    else:  # the errors in training are those of codes that are drawn
        codes = autoencoder.sample_posterior(X, 20)
        drawn = np.stack([autoencoder.inverse_transform(codes[:, index]) for index in range(20)])
        np.testing.assert_allclose(sigma**2, np.mean((X - drawn) ** 2), rtol=0.1)
    expected = scipy.stats.norm(autoencoder.reconstruct(X), sigma).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(autoencoder.score_samples(X), expected, rtol=1e-3)
    autoencoder.save(tmp_path / "model.isthmus")
    again = load(tmp_path / "model.isthmus")
    np.testing.assert_array_equal(again.model_.loss_weights, autoencoder.model_.loss_weights)
    np.testing.assert_array_equal(again.score_samples(X), autoencoder.score_samples(X))


def test_an_optimal_spread_does_not_go_with_single_hidden_values():
    with pytest.raises(PartError, match=r"`blind_spot` judges single values, and the loss 'normal' takes several at once\. Choose one"):
        Parts(Linear(), OPTIMAL, data_shape=(4,), latent_shape=(2,), corruption=BlindSpot())


def test_a_spread_for_each_value_goes_with_the_automatic_network():
    X = np.random.default_rng(3).normal(size=(60, 4))
    autoencoder = Autoencoder(2, loss=Normal(spread="per_value"), max_epochs=2, random_state=0).fit(X)
    assert autoencoder.reconstruct(X).shape == X.shape
    with pytest.raises(PartError, match=r"takes its raw outputs through 'location_and_log_spread'\. Leave it None"):
        autoencoder.set_params(output_activation="tanh").fit(X)
