import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from sklearn.linear_model import ElasticNet as Reference

from isthmus.errors import PartError
from isthmus.model import Weights
from isthmus.regularizers import L1, L2, ElasticNet
from regularizers.views import amounts, network_weights, weights_view


def value(part, weights):
    return float(part((), weights_view(weights), key=None))


def test_is_a_mixture_of_the_lasso_and_half_of_ridge():
    weights = network_weights()
    expected = 0.3 * value(L1(), weights) + 0.7 * 0.5 * value(L2(), weights)
    np.testing.assert_allclose(value(ElasticNet(l1_share=0.3), weights), expected, rtol=1e-6)


def test_a_share_of_one_is_the_lasso_in_value_and_map():
    weights = network_weights()
    assert value(ElasticNet(l1_share=1), weights) == value(L1(), weights)
    shrunk = [part.shrink(weights, amounts(weights, 0.4)) for part in (ElasticNet(l1_share=1), L1())]
    jax.tree.map(np.testing.assert_array_equal, *shrunk)


def test_a_share_of_none_scales_weights_down():
    weights = network_weights()
    shrunk = ElasticNet(l1_share=0).shrink(weights, amounts(weights, 0.25))
    np.testing.assert_allclose(shrunk.encoder["kernel"], weights.encoder["kernel"] / 1.25, rtol=1e-6)
    np.testing.assert_array_equal(shrunk.decoder["gain"], weights.decoder["gain"])


def test_shrink_minimizes_each_weights_own_problem():
    weights = network_weights()
    shrunk = ElasticNet(l1_share=0.6).shrink(weights, amounts(weights, 0.5)).encoder["kernel"]
    assert 0 < np.sum(shrunk == 0) < shrunk.size
    for w, expected in zip(np.ravel(weights.encoder["kernel"]), np.ravel(shrunk), strict=True):

        def cost(v, w=w):
            return 0.5 * (v - w) ** 2 + 0.5 * (0.6 * abs(v) + 0.4 * 0.5 * v**2)

        found = scipy.optimize.minimize_scalar(cost, bounds=(-4, 4), method="bounded")
        np.testing.assert_allclose(found.x, expected, atol=1e-3)


@pytest.mark.parametrize("l1_share", [0.2, 0.5, 1.0])
def test_proximal_gradient_steps_reach_scikit_learns_solution(l1_share):
    # A linear decoder at fixed codes: the objective's mean over rows and features, and `alpha` of the docstring.
    rng = np.random.default_rng(0)
    codes, n_features, alpha = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5)), 4, 0.3
    x = codes @ (rng.normal(size=(5, n_features)) * (rng.uniform(size=(5, n_features)) > 0.5)) + rng.normal(size=(60, n_features))
    with jax.enable_x64(True):
        part = ElasticNet(weight=2.0 * alpha / n_features, l1_share=l1_share)

        def objective(kernel):
            return jnp.mean(jnp.square(codes @ kernel - x))

        rate = 1.0 / np.linalg.eigvalsh(2.0 * codes.T @ codes / x.size)[-1]
        weights = Weights((), {"kernel": jnp.zeros((5, n_features))}, bottleneck=(), prior=(), loss=(), regularizers=())

        def step(_, weights):
            moved = jax.tree.map(
                lambda w, slope: w - rate * slope, weights.decoder, {"kernel": jax.grad(objective)(weights.decoder["kernel"])}
            )
            moved = weights._replace(decoder=moved)
            return part.shrink(moved, amounts(moved, rate * part.weight))

        found = jax.lax.fori_loop(0, 4000, step, weights).decoder["kernel"]
        reference = Reference(alpha=alpha, l1_ratio=l1_share, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(codes, x).coef_.T
        np.testing.assert_allclose(found, reference, atol=1e-6)
        np.testing.assert_array_equal(found == 0, np.abs(reference) < 1e-9)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_outside_of_zero_to_one_is_refused(share):
    with pytest.raises(PartError, match=rf"`elastic_net\.l1_share` must be in \[0, 1\]; got {share}\."):
        ElasticNet(l1_share=share)
