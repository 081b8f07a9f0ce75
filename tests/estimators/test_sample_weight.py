"""What a row's weight means."""

import numpy as np
import pytest
from sklearn.base import clone

from isthmus.errors import DataError


@pytest.fixture(scope="module")
def descent(small):
    """Every step sees every row, and none is held out: then weights and repetitions are the same thing."""
    return clone(small).set_params(optimizer="gradient_descent", learning_rate=0.2, validation_fraction=None, max_epochs=30, scaling=None)


@pytest.fixture(scope="module")
def rows(table):
    return (table - table.mean(axis=0)) / table.std(axis=0)


def test_a_weight_of_two_is_a_row_given_twice(descent, rows):
    # Both halves have mean zero, so that the output bias, at which weights are not looked, begins at the same place.
    rows = np.concatenate([rows[:75] - rows[:75].mean(axis=0), rows[75:] - rows[75:].mean(axis=0)])
    weight = np.repeat([2.0, 1.0], 75)
    weighted = clone(descent).fit(rows, sample_weight=weight)
    repeated = clone(descent).fit(np.repeat(rows, weight.astype(int), axis=0))
    np.testing.assert_allclose(weighted.transform(rows), repeated.transform(rows), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(weighted.history_["loss"], repeated.history_["loss"], rtol=1e-4)
    assert np.max(np.abs(weighted.transform(rows) - clone(descent).fit(rows).transform(rows))) > 0.01


def test_a_weight_of_zero_is_a_row_left_out(descent, rows):
    weight = np.ones(150)
    weight[::3] = 0.0
    weighted, without = clone(descent).fit(rows, sample_weight=weight), clone(descent).fit(rows[weight > 0])
    np.testing.assert_allclose(weighted.transform(rows), without.transform(rows), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(weighted.history_["loss"], without.history_["loss"], rtol=1e-4)
    absurd = np.where(weight[:, None] > 0, rows, 1e6)
    np.testing.assert_array_equal(clone(descent).fit(absurd, sample_weight=weight).transform(rows), weighted.transform(rows))


def test_rows_of_weight_zero_are_not_watched_either(small, table):
    weight = np.ones(150)
    weight[100:] = 0.0
    rows = table.copy()
    rows[100:] = 1e6
    autoencoder = clone(small).fit(rows, sample_weight=weight)
    np.testing.assert_array_equal(autoencoder.transform(table), clone(small).fit(table[:100], sample_weight=np.ones(100)).transform(table))


def test_only_proportions_of_weights_count(descent, rows):
    weight = np.random.default_rng(2).uniform(0.5, 2.0, size=150)
    once, thrice = clone(descent).fit(rows, sample_weight=weight), clone(descent).fit(rows, sample_weight=3.0 * weight)
    np.testing.assert_allclose(once.transform(rows), thrice.transform(rows), rtol=1e-4, atol=1e-5)


def test_equal_weights_are_as_good_as_none(descent, rows):
    weighted, plain = clone(descent).fit(rows, sample_weight=np.full(150, 0.7)), clone(descent).fit(rows)
    np.testing.assert_allclose(weighted.transform(rows), plain.transform(rows), rtol=1e-4, atol=1e-5)


def test_heavy_rows_are_reconstructed_better(small, rows):
    weight = np.where(np.arange(150) < 30, 50.0, 1.0)
    fit = clone(small).set_params(latent_dim=1, max_epochs=60, learning_rate=0.02).fit
    heavy, light = fit(rows, sample_weight=weight).score(rows[:30]), fit(rows, sample_weight=1 / weight).score(rows[:30])
    assert heavy > light


def test_partial_fit_takes_weights(descent, rows):
    weight = np.ones(150)
    weight[::3] = 0.0
    weighted, without = clone(descent), clone(descent)
    for _ in range(3):
        weighted.partial_fit(rows, sample_weight=weight)
        without.partial_fit(rows[weight > 0])
    np.testing.assert_allclose(weighted.transform(rows), without.transform(rows), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(150), r"`sample_weight` is zero for every row\. At least one row must count; drop the argument to count all the same\."),
        (-np.ones(150), "Negative values in data passed to `sample_weight`"),
        (np.ones(149), r"sample_weight.shape == \(149,\), expected \(150,\)!"),
        (np.full(150, np.nan), "Input sample_weight contains NaN"),
        (np.ones((150, 2)), "Sample weights must be 1D array or scalar"),
    ],
    ids=["zeros", "negative", "too few", "missing", "a table"],
)
def test_weights_that_mean_nothing_are_refused(weight, message, small, table):
    with pytest.raises(ValueError, match=message):
        clone(small).fit(table, sample_weight=weight)


def test_our_own_refusal_is_a_data_error(small, table):
    with pytest.raises(DataError):
        clone(small).fit(table, sample_weight=np.zeros(150))
