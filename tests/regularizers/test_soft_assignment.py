import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.regularizers import SoftAssignment
from regularizers.views import codes_view, gaussian_codes, penalty

MEANS = np.array([[0.0, 0.0], [3.0, 1.0], [-2.0, 2.0]])
COVARIANCES = np.array([[[1.0, 0.3], [0.3, 0.5]], [[2.0, 0.0], [0.0, 1.0]], [[0.4, -0.1], [-0.1, 0.4]]])


def part(freedom=1.0):
    return SoftAssignment(n_components=3, freedom=freedom)


def own(of=None):
    return jax.tree.map(jnp.asarray, (of or part()).of_mixture(np.full(3, 1 / 3), MEANS, COVARIANCES))


def by_hand(codes, mask, freedom):
    """The definition, row by row."""
    codes = np.asarray(codes, np.float64)
    shares = np.empty((len(codes), 3))
    for i, z in enumerate(codes):
        for k in range(3):
            squares = (z - MEANS[k]) @ np.linalg.inv(COVARIANCES[k]) @ (z - MEANS[k]) / 2
            shares[i, k] = (1 + squares / freedom) ** (-(freedom + 1) / 2)
    shares /= shares.sum(axis=1, keepdims=True)
    target = shares**2 / shares[mask > 0].sum(axis=0)
    target /= target.sum(axis=1, keepdims=True)
    return np.sum(target * np.log(target / shares), axis=1)


@pytest.mark.parametrize("freedom", [1.0, 4.0])
def test_is_the_definition_over_the_rows_that_count(freedom):
    codes, mask = gaussian_codes(7, (0.5, 0.5), (2.0, 2.0)), np.array([1, 1, 0, 1, 1, 1, 0])
    found = penalty(part(freedom), codes_view(codes, mask), own())
    np.testing.assert_allclose(found[mask > 0], by_hand(codes, mask, freedom)[mask > 0], rtol=1e-4, atol=1e-6)


def test_the_mean_over_samples_is_charged():
    codes = jnp.stack([gaussian_codes(5, seed=1), gaussian_codes(5, seed=2)])
    view = codes_view(codes[0])._replace(code=codes)
    both = by_hand(np.concatenate(codes), np.ones(10), 1.0).reshape(2, 5)
    np.testing.assert_allclose(penalty(part(), view, own()), both.mean(axis=0), rtol=1e-4, atol=1e-6)


def test_a_step_down_makes_shares_sharper():
    codes = gaussian_codes(40, (0.5, 0.8), (2.0, 1.5))
    gradient = jax.grad(lambda codes: penalty(part(), codes_view(codes), own()).mean())(codes)
    before, after = (jnp.max(part().log_shares(own(), z), axis=1).mean() for z in (codes, codes - 5.0 * gradient))
    assert after > before + 1e-3


def test_the_sharpened_shares_are_taken_as_given():
    codes = gaussian_codes(6, (0.5, 0.5), (2.0, 2.0))
    gradient = jax.grad(lambda codes: penalty(part(), codes_view(codes), own()).sum())(codes)
    log_share = part().log_shares(own(), codes)
    target = jnp.exp(2 * log_share) / jnp.sum(jnp.exp(log_share), axis=0)
    target = target / jnp.sum(target, axis=1, keepdims=True)
    expected = jax.grad(lambda codes: -jnp.sum(target * part().log_shares(own(), codes)))(codes)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


def test_clusters_stand_still_at_a_rate_of_zero():
    assert float(SoftAssignment(rate=0.0).own_rate) == 0.0
    assert float(SoftAssignment(rate=0.5).own_rate) == 0.5


def test_weights_begin_as_unit_normals_at_random_places():
    weights = part().init((2,), rng=np.random.default_rng(0))
    assert weights.mean.shape == (3, 2)
    np.testing.assert_array_equal(weights.root, np.broadcast_to(np.eye(2), (3, 2, 2)))
