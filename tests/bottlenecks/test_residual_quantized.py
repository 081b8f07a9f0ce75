"""A chain of codebooks against one codebook, and against sums by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from bottlenecks.calls import call
from isthmus.architectures import Linear
from isthmus.bottlenecks import ResidualQuantized, VectorQuantized
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts

RNG = np.random.default_rng(0)
HIDDEN = RNG.normal(size=(6, 4))
ENTRIES = RNG.normal(size=(3, 5, 2)) * np.array([1.0, 0.5, 0.25])[:, None, None]


def called(part, entries):
    return call(part, *part._of_entries(entries), HIDDEN, indexed=True)[:3]


def by_hand(vectors):
    """The numbers of the entries, stage by stage, and their partial sums."""
    left, numbers, sums = vectors, [], []
    for entries in ENTRIES:
        numbers.append(np.argmin(np.sum((left[:, None] - entries) ** 2, axis=2), axis=1))
        left = left - entries[numbers[-1]]
        sums.append(vectors - left)
    return np.stack(numbers, axis=1), sums


NUMBERS, SUMS = by_hand(HIDDEN.reshape(-1, 2))


def test_the_code_is_the_sum_of_the_stages():
    latent, _, numbers = called(ResidualQuantized(5, 3, n_groups=2), ENTRIES)
    np.testing.assert_allclose(latent.code, SUMS[-1].reshape(6, 4), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(numbers, NUMBERS.reshape(6, 6))


def test_the_terms_are_the_sums_over_stages():
    terms = called(ResidualQuantized(5, 3, n_groups=2, update="gradient"), ENTRIES)[0].terms
    expected = sum(np.sum((HIDDEN - each.reshape(6, 4)) ** 2, axis=1) for each in SUMS)
    np.testing.assert_allclose(terms["commitment"], expected, rtol=1e-5)
    np.testing.assert_allclose(terms["codebook"], expected, rtol=1e-5)  # what is left minus its entry is what is left next


def test_one_stage_is_one_codebook():
    chain, _, numbers = called(ResidualQuantized(5, 1, n_groups=2), ENTRIES[:1])
    single, _, expected = called(VectorQuantized(5, n_groups=2), ENTRIES[:1])
    np.testing.assert_array_equal(chain.code, single.code)
    np.testing.assert_array_equal(chain.terms["commitment"], single.terms["commitment"])
    np.testing.assert_array_equal(numbers, expected)


def test_each_stage_follows_what_was_left_for_it():
    part = ResidualQuantized(5, 3, n_groups=2, decay=0.0, revival=False)
    _, after, _ = called(part, ENTRIES)
    left = HIDDEN.reshape(-1, 2)
    for stage, entries in enumerate(ENTRIES):
        for number in set(NUMBERS[:, stage]):
            np.testing.assert_allclose(after.entries[stage, number], left[NUMBERS[:, stage] == number].mean(axis=0), rtol=1e-4, atol=1e-5)
        left = left - entries[NUMBERS[:, stage]]


def test_more_stages_start_nearer_to_the_rows():
    rows, costs = RNG.normal(size=(400, 4)), []
    for n_stages in (1, 2, 4):
        part = ResidualQuantized(8, n_stages)
        _, state = part.start((), (), lambda: rows, rng=np.random.default_rng(0))
        costs.append(np.mean((part.encode((), state, jnp.asarray(rows)) - rows) ** 2))
    assert costs[1] < 0.75 * costs[0]
    assert costs[2] < 0.75 * costs[1]


def test_perplexity_is_the_mean_of_the_stages():
    shares = [np.unique(numbers, return_counts=True)[1] / len(numbers) for numbers in NUMBERS.T]
    expected = np.mean([np.exp(-np.sum(share * np.log(share))) for share in shares])
    np.testing.assert_allclose(called(ResidualQuantized(5, 3, n_groups=2), ENTRIES)[0].reports["perplexity"], expected, rtol=1e-5)


def test_groups_that_do_not_divide_the_code_are_refused():
    with pytest.raises(PartError, match=r"'residual_quantized' parts a code of one axis into `n_groups`=3 .*Choose a `latent_dim`"):
        Parts(Linear(), SquaredError(), data_shape=(5,), latent_shape=(4,), bottleneck=ResidualQuantized(n_groups=3))
