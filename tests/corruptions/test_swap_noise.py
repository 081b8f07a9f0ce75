import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.corruptions import SwapNoise

NEARLY_ONE = 1.0 - 1e-7


def numbered(n_rows, n_features=300):
    """Rows whose values tell which row and which feature they come from."""
    return jnp.asarray(np.arange(n_rows)[:, None] + 1000.0 * np.arange(n_features), float)


def test_values_come_from_other_rows_and_keep_their_feature():
    x = numbered(6)
    swapped = np.asarray(SwapNoise(NEARLY_ONE)(x, key=jax.random.key(0)))
    np.testing.assert_array_equal(swapped // 1000, np.asarray(x) // 1000)
    assert np.all(swapped != np.asarray(x))


def test_every_other_row_is_equally_likely():
    donors = np.asarray(SwapNoise(NEARLY_ONE)(jnp.tile(jnp.arange(5.0)[:, None], (1, 20_000)), key=jax.random.key(1)))
    for row in range(5):
        counts = np.bincount(donors[row].astype(int), minlength=5)
        assert counts[row] == 0
        np.testing.assert_allclose(np.delete(counts, row), 5000, atol=5 * np.sqrt(20_000 * 0.25 * 0.75))


@pytest.mark.parametrize("mask", [[1, 0, 1, 1, 0, 1], [0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]], ids=str)
def test_only_rows_that_count_give_values_and_all_of_them_do(mask):
    mask = np.asarray(mask)
    donors = np.asarray(SwapNoise(NEARLY_ONE)(numbered(6), mask=jnp.asarray(mask, float), key=jax.random.key(2))) % 1000
    for row in np.flatnonzero(mask):
        assert set(donors[row].astype(int)) == set(np.flatnonzero(mask)) - {row}


def test_one_row_has_no_other():
    x = numbered(3)
    swapped = SwapNoise(NEARLY_ONE)(x, mask=jnp.asarray([0.0, 1.0, 0.0]), key=jax.random.key(3))
    np.testing.assert_array_equal(swapped[1], x[1])
    np.testing.assert_array_equal(SwapNoise(NEARLY_ONE)(x[:1], key=jax.random.key(3)), x[:1])


@pytest.mark.parametrize("share", [0.05, 0.4])
def test_the_number_of_swapped_values_is_binomial(share):
    x = numbered(2000, 20)
    swapped = np.asarray(jnp.sum(SwapNoise(share)(x, key=jax.random.key(4)) != x, axis=1))
    variance = 20 * share * (1 - share)
    assert abs(swapped.mean() - 20 * share) < 5 * np.sqrt(variance / 2000)
    assert abs(swapped.var() / variance - 1) < 5 * np.sqrt(2.5 / 2000)


def test_columns_keep_their_distribution():
    columns = np.column_stack([np.repeat([0.0, 1.0], [3000, 1000]), np.random.default_rng(0).exponential(size=4000)])
    x = jnp.asarray(np.random.default_rng(1).permutation(columns), float)
    swapped = np.asarray(SwapNoise(0.5)(x, key=jax.random.key(5)))
    assert set(np.unique(swapped[:, 0])) == {0.0, 1.0}
    np.testing.assert_allclose(swapped.mean(axis=0), columns.mean(axis=0), atol=0.08)
    np.testing.assert_allclose(swapped.std(axis=0), columns.std(axis=0), atol=0.08)
