"""A component more, a component less."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import part_name
from isthmus.mixtures import Chunks, Diagonal, Full, LowRank, Mixture, Prior, Spherical, Tied, best_of, merged, split

STRUCTURES = [Full(), Tied(), Diagonal(), Spherical(), LowRank(rank=3)]
WEIGHT, MEAN = np.array([0.5, 0.3, 0.2]), np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 1.0], [4.5, 0.5, 1.0]])


def mixture_of(part):
    roots = np.random.default_rng(0).normal(size=(3, 3, 3)) * 0.3 + np.eye(3)
    matrices = roots @ np.swapaxes(roots, 1, 2)
    return Mixture(np.log(WEIGHT), MEAN, part.of_covariances(matrices))


def moments(part, mixture):
    """Mean and covariance of the whole."""
    weight = np.exp(mixture.log_weight)
    with jax.enable_x64(True):
        matrices = np.asarray(part.covariances(jax.tree.map(jnp.asarray, mixture.spread), mixture.mean.shape[1]))
    center = weight @ mixture.mean
    deviation = mixture.mean - center
    within = np.einsum("k,kij->ij", weight, np.broadcast_to(matrices, (len(weight), *matrices.shape[1:])))
    return weight.sum(), center, within + np.einsum("k,ki,kj->ij", weight, deviation, deviation)


def each_of(mixtures):
    return [jax.tree.map(lambda leaf, index=index: leaf[index], mixtures) for index in range(len(mixtures.log_weight))]


@pytest.mark.parametrize("part", STRUCTURES, ids=lambda part: part_name(type(part)))
def test_splits_and_merges_keep_weight_and_mean_and_the_covariance_as_far_as_the_structure_can(part):
    before = mixture_of(part)
    total, center, covariance = moments(part, before)
    for found, n_components, n_found in ((split(part, before), 4, 6), (merged(part, before), 2, 3)):
        assert found.mean.shape == (n_found, n_components, 3)
        for mixture in each_of(found):
            own = moments(part, mixture)
            assert own[0] == pytest.approx(total)
            np.testing.assert_allclose(own[1], center, atol=1e-12)
            if isinstance(part, Full | Tied | LowRank):
                np.testing.assert_allclose(own[2], covariance, atol=1e-5)
            assert np.trace(own[2]) == pytest.approx(np.trace(covariance), rel=1e-5)


def test_the_two_that_are_most_alike_are_merged_first():
    first = each_of(merged(Full(), mixture_of(Full())))[0]
    assert np.exp(first.log_weight) == pytest.approx([0.5, 0.5])
    np.testing.assert_allclose(first.mean, [MEAN[0], 0.6 * MEAN[1] + 0.4 * MEAN[2]])


def test_the_split_that_helps_is_found():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3)) * 0.3 + np.array([[0.0, 0, 0], [5.0, 0, 0], [5.0, 3.0, 0]])[np.arange(600) % 3]
    right = np.array([5.0, 1.5, 0.0])
    matrices = np.stack([0.1 * np.eye(3), np.diag([0.1, 2.4, 0.1])])
    before = Mixture(np.log([1 / 3, 2 / 3]), np.stack([np.zeros(3), right]), Full().of_covariances(matrices))
    rows = Chunks(jnp.asarray(x.T[None], jnp.float32), jnp.ones((1, 600)))
    found = best_of(Full(), split(Full(), before), rows, Prior(0.0, 1e-6))
    np.testing.assert_allclose(sorted(found.mean[:, 1]), [0.0, 0.0, 3.0], atol=0.1)
    again = best_of(Full(), merged(Full(), found), rows, Prior(0.0, 1e-6))
    np.testing.assert_allclose(sorted(np.exp(again.log_weight)), [1 / 3, 2 / 3], atol=1e-3)
