import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus.architectures import Linear
from isthmus.bottlenecks import Deterministic, Gaussian
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts
from isthmus.priors import StandardNormal
from isthmus.regularizers import Dip, TotalCorrelation
from isthmus.regularizers._total_correlation import _log_weights
from regularizers.views import codes_view, gaussian_codes, penalty


def value(code, mask=None, *, mean=None, log_scale=-1.0, n_rows=100):
    view = codes_view(code, mask, log_scale=log_scale, n_rows=n_rows)
    return penalty(TotalCorrelation(), view if mean is None else view._replace(posterior=view.posterior._replace(mean=mean)))


def by_hand(codes, means, scales, n_rows):
    """The definition, code by code, with the weights as the docstring has them."""
    values = []
    for i, code in enumerate(codes):
        shares = np.full(len(codes), (1 - 1 / n_rows) / (len(codes) - 1))
        shares[i] = 1 / n_rows
        densities = scipy.stats.norm.pdf(code, means, scales)
        values.append(np.log(shares @ np.prod(densities, axis=1)) - np.sum(np.log(shares @ densities)))
    return values


def test_is_the_definition_over_the_rows_that_count():
    means, mask = gaussian_codes(6, seed=1), np.array([1, 1, 0, 1, 0, 1])
    codes, log_scale = means + 0.5 * gaussian_codes(6, seed=2), gaussian_codes(6, seed=3) - 1.0
    counted = (np.asarray(each, np.float64)[mask == 1] for each in (codes, means, np.exp(log_scale)))
    found = value(codes, mask, mean=means, log_scale=log_scale, n_rows=50)
    np.testing.assert_allclose(found[mask == 1], by_hand(*counted, n_rows=50), rtol=1e-4, atol=1e-6)


def test_of_several_codes_a_row_is_the_mean():
    means = gaussian_codes(6, seed=1)
    codes = jnp.stack([means + 0.3, means - 0.5])
    view = codes_view(means, log_scale=-1.0, n_rows=50)
    each = [value(code, mean=means, n_rows=50) for code in codes]
    np.testing.assert_allclose(penalty(TotalCorrelation(), view._replace(code=codes)), np.mean(each, axis=0), rtol=1e-5)


@pytest.mark.parametrize("correlation", [0.0, 0.6, -0.95])
def test_of_a_normal_aggregate_is_the_closed_form(correlation):
    n_rows, scale = 1500, 0.3
    means = gaussian_codes(n_rows, correlation=correlation)
    codes = means + scale * gaussian_codes(n_rows, seed=9)
    aggregate = correlation / (1 + scale**2)
    found = np.mean(value(codes, mean=means, log_scale=np.log(scale), n_rows=n_rows))
    np.testing.assert_allclose(found, -0.5 * np.log(1 - aggregate**2), atol=0.05)


@pytest.mark.parametrize(("n_batch", "n_rows"), [(2, 2), (3, 7), (5, 7), (7, 7)])
def test_the_weights_of_a_batch_sum_to_one_and_estimate_the_aggregate_without_bias(n_batch, n_rows):
    densities = np.random.default_rng(0).uniform(size=n_rows)
    weights = np.exp(_log_weights(jnp.ones(n_batch), float(n_rows)))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(np.diag(weights), 1 / n_rows, rtol=1e-5)
    others = itertools.combinations(range(1, n_rows), n_batch - 1)
    estimates = [weights[0] @ densities[[0, *chosen]] for chosen in others]
    np.testing.assert_allclose(np.mean(estimates), densities.mean(), rtol=1e-5)


def test_the_weight_of_the_others_is_the_mean_of_the_papers_over_its_choice_of_the_odd_one():
    m, n_rows = 4, 30  # M of the paper is one less than the batch
    paper = ((m - 1) / m + (n_rows - m) / (n_rows * m)) / m
    np.testing.assert_allclose(np.exp(_log_weights(jnp.ones(m + 1), float(n_rows)))[0, 1:], paper, rtol=1e-5)


def test_padding_has_no_weight_and_a_row_alone_has_all():
    weights = np.exp(_log_weights(jnp.asarray([1.0, 0.0, 1.0]), 10.0))
    np.testing.assert_allclose(weights[0], [0.1, 0.0, 0.9], rtol=1e-5)
    np.testing.assert_allclose(value(np.ones((2, 3)), [1, 0])[0], 0.0, atol=1e-5)
    np.testing.assert_allclose(value(np.ones((1, 3)))[0], 0.0, atol=1e-5)


def test_one_entry_tells_nothing():
    np.testing.assert_allclose(value(gaussian_codes(8, (0.0,), (1.0,))), 0.0, atol=1e-5)


@pytest.mark.parametrize("log_scale", [-200.0, -20.0, 30.0])
@pytest.mark.parametrize("size", [1.0, 1e10])
def test_narrow_and_wide_posteriors_have_finite_values_and_slopes(log_scale, size):
    def total(code, log_scale):
        return jnp.sum(value(code, log_scale=log_scale, n_rows=4))

    found = jax.value_and_grad(total, argnums=(0, 1))(size * gaussian_codes(4), jnp.full((4, 2), log_scale))
    assert all(jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(found))


@pytest.mark.parametrize("part", [TotalCorrelation(), Dip()], ids=repr)
@pytest.mark.parametrize("bottleneck", [Deterministic(), Gaussian(covariance="full")], ids=repr)
def test_a_bottleneck_without_diagonal_normal_posteriors_is_refused(part, bottleneck):
    options = {"data_shape": (5,), "latent_shape": (2,), "prior": StandardNormal(), "bottleneck": bottleneck}
    with pytest.raises(PartError, match=r"looks at a diagonal normal posterior of each row; .* has none\. Use bottleneck='gaussian'"):
        Parts(Linear(), SquaredError(), regularizers=(part,), **options)
