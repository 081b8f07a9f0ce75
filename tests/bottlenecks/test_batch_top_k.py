"""The largest activations of a batch, and the threshold that takes the batch's place."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bottlenecks.calls import call
from isthmus import Autoencoder
from isthmus.bottlenecks import BatchTopK
from isthmus.bottlenecks._base_sparse import Units
from isthmus.bottlenecks._batch_top_k import _kth_largest

RNG = np.random.default_rng(0)
HIDDEN = RNG.normal(size=(10, 12))


def called(part, threshold=0.0, hidden=HIDDEN, mask=None, progress=0.5):
    state = Units(np.zeros(12, np.float32), np.float32(threshold))
    return call(part, (), state, hidden, mask=mask, progress=progress)[:2]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_keeps_as_many_as_k_a_row(k):
    code = np.asarray(called(BatchTopK(k))[0].code)
    np.testing.assert_array_equal(code, np.float32(np.where(np.sort(HIDDEN, axis=None)[-10 * k] <= HIDDEN, HIDDEN, 0)))
    assert np.sum(code > 0) == 10 * k
    assert called(BatchTopK(k))[0].reports["l0"] == k


def test_padding_is_not_counted_among_the_rows():
    mask = np.float32([1] * 6 + [0] * 4)
    code = np.asarray(called(BatchTopK(2), hidden=np.where(mask[:, None] > 0, HIDDEN, 99.0), mask=mask)[0].code)
    np.testing.assert_array_equal(code[:6], np.asarray(called(BatchTopK(2), hidden=HIDDEN[:6])[0].code))


def test_the_threshold_is_the_moving_average_of_the_smallest_kept():
    smallest = np.sort(HIDDEN, axis=None)[-20]
    for decay in (0.99, 0.5):
        _, after = called(BatchTopK(2, decay=decay), threshold=3.0)
        np.testing.assert_allclose(after.own, 3.0 * decay + (1 - decay) * smallest, rtol=1e-5)


def test_begins_at_the_encoders_first_outputs():
    _, state = BatchTopK(2).start((), Units(np.zeros(12, np.float32), np.float32(0)), lambda: HIDDEN, rng=np.random.default_rng(0))
    np.testing.assert_allclose(state.own, np.sort(HIDDEN, axis=None)[-20], rtol=1e-6)


def test_validation_rows_and_codes_are_cut_at_the_threshold_of_training():
    expected = np.float32(np.where(HIDDEN >= 0.7, HIDDEN, 0))
    np.testing.assert_array_equal(called(BatchTopK(2), threshold=0.7, progress=1.0)[0].code, expected)
    state = Units(jnp.zeros(12), jnp.float32(0.7))
    np.testing.assert_array_equal(BatchTopK(2).encode((), state, jnp.asarray(HIDDEN)), expected)
    np.testing.assert_array_equal(BatchTopK(2).encode((), state, jnp.asarray(HIDDEN[3:4])), expected[3:4])


@pytest.mark.parametrize("values", [np.abs(HIDDEN), np.maximum(HIDDEN, 0), np.ones(50), np.zeros(50), 10.0 ** np.arange(-30, 30)], ids=str)
def test_the_kth_largest_is_found_by_its_bits(values):
    values = np.float32(values).reshape(-1)
    found = jax.jit(jax.vmap(_kth_largest, (None, 0)))(values, jnp.arange(1.0, len(values) + 1.0))
    np.testing.assert_array_equal(found, np.sort(values)[::-1])


def test_codes_have_k_units_on_average_in_the_estimator():
    table = RNG.normal(size=(300, 6)) @ RNG.normal(size=(6, 10))
    autoencoder = Autoencoder(24, bottleneck=BatchTopK(3), architecture="linear", max_epochs=20, random_state=0).fit(table)
    np.testing.assert_allclose(np.mean(np.sum(autoencoder.transform(table) > 0, axis=1)), 3.0, rtol=0.2)
    np.testing.assert_allclose(autoencoder.history_["l0"], 3.0, rtol=1e-3)
