"""Choices by their probabilities, relaxed draws by their limits, and the likelihood of the discrete model by a sum over all codes."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from isthmus import Autoencoder
from isthmus.architectures import Linear
from isthmus.bottlenecks import Categorical
from isthmus.errors import PartError
from isthmus.estimators._generative import active_units
from isthmus.losses import SquaredError
from isthmus.model import Parts
from isthmus.priors import StandardNormal

KEY = jax.random.key(3)
N_ROWS, N_GROUPS, N_CATEGORIES, N_DRAWS = 3, 2, 4, 20_000
PART = Categorical(n_groups=N_GROUPS)
HIDDEN = jnp.asarray(np.random.default_rng(0).normal(size=(N_ROWS, N_GROUPS * N_CATEGORIES)), jnp.float32)
PROBABILITIES = scipy.special.softmax(np.float64(HIDDEN).reshape(N_ROWS, N_GROUPS, N_CATEGORIES), axis=-1)


def grouped(codes):
    return np.float64(codes).reshape(*np.shape(codes)[:-1], N_GROUPS, N_CATEGORIES)


def called(part, hidden=HIDDEN, progress=1.0, key=KEY):
    return part((), (), hidden, None, mask=jnp.ones(len(hidden)), progress=progress, key=key)[0]


def repeated(part, progress=1.0):
    """Draws as in training for the first row, over and over."""
    return grouped(called(part, jnp.tile(HIDDEN[:1], (N_DRAWS, 1)), progress).code)


class TestPosterior:
    def test_the_code_is_its_mean(self):
        np.testing.assert_allclose(grouped(PART.encode((), (), HIDDEN)), PROBABILITIES, rtol=1e-5)

    def test_indices_are_the_likeliest_categories(self):
        np.testing.assert_array_equal(PART.indices((), (), HIDDEN), PROBABILITIES.argmax(axis=-1))

    def test_draws_are_choices_as_frequent_as_probable(self):
        codes, log_probability = PART.draw((), HIDDEN, N_DRAWS, key=KEY)
        codes = grouped(codes)
        np.testing.assert_array_equal(np.sort(codes, axis=-1)[..., -1], 1.0)
        np.testing.assert_array_equal(codes.sum(axis=-1), 1.0)
        np.testing.assert_allclose(codes.mean(axis=0), PROBABILITIES, atol=5 * 0.5 / np.sqrt(N_DRAWS))
        chosen = np.sum(codes * np.log(PROBABILITIES), axis=(-2, -1))
        np.testing.assert_allclose(log_probability, chosen, rtol=1e-5)

    def test_groups_and_rows_are_chosen_apart(self):
        codes = grouped(PART.draw((), HIDDEN, N_DRAWS, key=KEY)[0]).argmax(axis=-1).reshape(N_DRAWS, -1)
        correlations = np.corrcoef(codes.T) - np.eye(codes.shape[1])
        np.testing.assert_allclose(correlations, 0.0, atol=5 / np.sqrt(N_DRAWS))

    def test_the_divergence_is_the_entropy_that_the_uniform_choice_has_more(self):
        by_group = PART.divergence((), HIDDEN, None)
        expected = np.log(N_CATEGORIES) - scipy.stats.entropy(PROBABILITIES, axis=-1)
        np.testing.assert_allclose(by_group, expected, rtol=1e-4)
        np.testing.assert_allclose(called(PART).terms["kl"], expected.sum(axis=1), rtol=1e-4)

    def test_it_is_the_mean_of_the_log_ratio_of_draws(self):
        codes, log_probability = PART.draw((), HIDDEN, N_DRAWS, key=KEY)
        ratio = np.float64(log_probability - PART.log_prior(None, codes))
        assert np.all(np.abs(ratio.mean(axis=0) - PART.divergence((), HIDDEN, None).sum(axis=1)) < 5 * ratio.std(axis=0) / np.sqrt(N_DRAWS))


class TestPrior:
    def test_samples_are_uniform_choices(self):
        codes = grouped(PART.sample((), None, (N_DRAWS, N_GROUPS * N_CATEGORIES), key=KEY))
        np.testing.assert_array_equal(codes.sum(axis=-1), 1.0)
        np.testing.assert_allclose(codes.mean(axis=0), 1 / N_CATEGORIES, atol=5 * 0.5 / np.sqrt(N_DRAWS))

        np.testing.assert_allclose(codes.var(axis=0), PART.prior_variance((N_GROUPS * N_CATEGORIES,)), atol=5 * 0.5 / np.sqrt(N_DRAWS))

    def test_dimensions_that_are_used_are_active_however_many_categories_there_are(self):
        codes = np.eye(300)
        assert active_units(codes, Categorical().prior_variance((300,))) == 300
        assert active_units(0.05 * codes + 0.95 * codes.mean(axis=0), Categorical().prior_variance((300,))) == 0

    def test_all_codes_together_have_the_probability_one(self):
        choices = [np.eye(N_CATEGORIES)[list(which)].ravel() for which in itertools.product(range(N_CATEGORIES), repeat=N_GROUPS)]
        np.testing.assert_allclose(np.exp(np.float64(PART.log_prior(None, jnp.asarray(choices, float)))).sum(), 1.0, rtol=1e-5)

    def test_what_lies_between_goes_to_the_nearest_choice(self):
        codes = PART.nearest((), (), jnp.asarray([[0.1, 0.5, 0.2, 0.2, 0.0, 0.0, 0.3, -1.0]]))
        np.testing.assert_array_equal(codes, [[0, 1, 0, 0, 0, 0, 1, 0]])


class TestTraining:
    def test_a_relaxed_draw_is_a_mixture_with_the_greatest_share_as_often_as_probable(self):
        codes = repeated(PART)
        np.testing.assert_allclose(codes.sum(axis=-1), 1.0, rtol=1e-5)
        shares = np.eye(N_CATEGORIES)[codes.argmax(axis=-1)].mean(axis=0)
        np.testing.assert_allclose(shares, PROBABILITIES[0], atol=5 * 0.5 / np.sqrt(N_DRAWS))

    def test_two_categories_follow_the_logistic_distribution(self):
        """t times the logit of a share is logistic about the logit of its probability (Maddison et al., their section 3.1)."""
        hidden = jnp.tile(jnp.asarray([[0.7, 0.0]]), (N_DRAWS, 1))
        code = np.float64(called(Categorical(temperature=2.0, final_temperature=2.0), hidden).code)
        logit = 2.0 * (np.log(code[:, 0]) - np.log(code[:, 1]))
        assert scipy.stats.kstest(logit, scipy.stats.logistic(loc=0.7).cdf).pvalue > 1e-3

    def test_the_temperature_falls_in_equal_ratios(self):
        falling = Categorical(n_groups=N_GROUPS, temperature=4.0, final_temperature=0.25)
        for progress, temperature in ((0.0, 4.0), (0.25, 2.0), (1.0, 0.25)):
            steady = Categorical(n_groups=N_GROUPS, temperature=temperature, final_temperature=temperature)
            np.testing.assert_allclose(called(falling, progress=progress).code, called(steady).code, rtol=1e-4, atol=1e-6)

    def test_it_is_a_choice_where_the_temperature_is_nothing(self):
        code = grouped(called(Categorical(n_groups=N_GROUPS, final_temperature=1e-4)).code)
        np.testing.assert_allclose(np.sort(code, axis=-1)[..., -1], 1.0, atol=1e-5)

    def test_a_hard_draw_is_a_choice_with_the_slope_of_the_soft_one(self):
        soft, hard = PART, Categorical(n_groups=N_GROUPS, hard=True)
        codes = grouped(called(hard).code)
        np.testing.assert_allclose(codes, np.eye(N_CATEGORIES)[grouped(called(soft).code).argmax(axis=-1)], atol=1e-6)
        weight = jnp.arange(float(N_GROUPS * N_CATEGORIES))
        slopes = [jax.grad(lambda hidden, part=part: jnp.sum(called(part, hidden).code @ weight))(HIDDEN) for part in (soft, hard)]
        np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-6)
        assert np.any(np.abs(slopes[0]) > 0.01)

    @pytest.mark.parametrize("size", [0.0, 1e4, 1e20, 3e38])
    def test_no_hidden_value_breaks_it(self, size):
        def cost(hidden):
            latent = called(PART, hidden)
            return jnp.sum(latent.code**2) + jnp.sum(latent.terms["kl"])

        hidden = jnp.asarray([[1.0, -1, 0, 0.5, 1, 1, -1, -1]]) * size
        value, slope = jax.value_and_grad(cost)(hidden)
        assert np.isfinite(value)
        assert np.all(np.isfinite(slope))
        codes, log_probability = PART.draw((), hidden, 5, key=KEY)
        assert np.all(np.isfinite(log_probability))
        assert np.all(np.isfinite(PART.encode((), (), hidden)))
        assert np.all(np.isfinite(codes))

    def test_the_weight_rises_in_its_cycles(self):
        part = Categorical(3.0, warmup=0.5, n_cycles=2)
        assert [float(part.term_weights(progress)["kl"]) for progress in (0.0, 0.125, 0.25, 0.625, 1.0)] == [0.0, 1.5, 3.0, 1.5, 3.0]


@pytest.mark.parametrize(
    ("fields", "options", "message"),
    [
        ({}, {"latent_shape": (1,)}, "groups of at least 2 categories; got 1. Give `latent_dim` as n_groups"),
        ({"n_groups": 3}, {"latent_shape": (8,)}, "`categorical.n_groups`=3 must divide `latent_dim`"),
        ({"n_groups": 4}, {"latent_shape": (4,)}, "at least 2 categories"),
        ({}, {"latent_shape": (2, 3)}, "for codes of one axis"),
        ({}, {"prior": StandardNormal()}, "a prior of its own, the uniform distribution over categories.* Leave `prior` None"),
    ],
    ids=str,
)
def test_what_does_not_go_with_it_is_refused(fields, options, message):
    with pytest.raises(PartError, match=message):
        Parts(Linear(), SquaredError(), data_shape=(4,), bottleneck=Categorical(**fields), **({"latent_shape": (2,)} | options))


def test_bounds_and_likelihoods_are_those_of_the_discrete_model():
    """By the sum over all of its nine codes."""
    rng = np.random.default_rng(0)
    kinds = rng.random((4, 6)) < 0.5
    X = np.float64(kinds[rng.integers(4, size=200)] ^ (rng.random((200, 6)) < 0.1))
    autoencoder = Autoencoder(6, loss="bernoulli", bottleneck=Categorical(n_groups=2), hidden_dims=(8,), max_epochs=20, scaling=None)
    autoencoder.set_params(random_state=0, learning_rate=0.02).fit(X)
    choices = list(itertools.product(range(3), repeat=2))
    codes = np.array([np.eye(3)[list(which)].ravel() for which in choices])
    means = np.float64(autoencoder.inverse_transform(codes))
    by_code = X @ np.log(means).T + (1 - X) @ np.log1p(-means).T
    probabilities = np.float64(autoencoder.transform(X)).reshape(-1, 2, 3)
    posterior = np.array([probabilities[:, 0, first] * probabilities[:, 1, second] for first, second in choices]).T
    kl = np.sum(posterior * (np.log(posterior) + np.log(9)), axis=1)
    terms = autoencoder.elbo(X, 500)
    np.testing.assert_allclose(terms["kl"], kl, rtol=1e-3, atol=1e-4)
    spread = np.sqrt(np.sum(posterior * by_code**2, axis=1) - np.sum(posterior * by_code, axis=1) ** 2)
    assert np.all(np.abs(terms["reconstruction"] - np.sum(posterior * by_code, axis=1)) < 5 * spread / np.sqrt(500) + 1e-3)
    exact = scipy.special.logsumexp(by_code, axis=1) - np.log(9)
    value, error = autoencoder.log_likelihood(X, 500)
    assert np.mean(np.abs(value - exact) < 4 * error + 1e-3) > 0.97
    assert terms["elbo"].mean() < exact.mean()
    # Drawn rows are as frequent as the likelihood says, for each of all that there are.
    everything = np.array(list(itertools.product([0.0, 1.0], repeat=6)))
    probability = np.exp(np.float64(autoencoder.log_likelihood(everything, 500).value))
    np.testing.assert_allclose(probability.sum(), 1.0, atol=0.02)
    drawn = autoencoder.sample(N_DRAWS, noise=True, random_state=0) @ 2 ** np.arange(5, -1, -1)
    frequency = np.bincount(np.int64(np.round(drawn)), minlength=64) / N_DRAWS
    assert np.all(np.abs(frequency - probability) < 5 * np.sqrt(probability / N_DRAWS) + 0.05 * probability)
