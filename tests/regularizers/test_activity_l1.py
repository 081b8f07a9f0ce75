import jax.numpy as jnp
import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.regularizers import ActivityL1, View


def value(code, hidden=None):
    code = jnp.asarray(code, float)
    view = View(None, None, code if hidden is None else hidden, code, None, None, None, None)
    return ActivityL1()((), view, key=None)


@pytest.mark.parametrize("shape", [(6, 4), (6, 3, 2, 4)], ids=str)
def test_is_the_sum_of_sizes_of_each_rows_code(shape):
    code = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_allclose(value(code), np.abs(code).reshape(6, -1).sum(axis=1), rtol=1e-6)


def test_of_several_codes_a_row_is_their_mean():
    codes = np.random.default_rng(1).normal(size=(5, 6, 4))
    found = value(codes, hidden=jnp.zeros((6, 8)))
    np.testing.assert_allclose(found, np.abs(codes).sum(axis=2).mean(axis=0), rtol=1e-6)


def test_makes_rectified_codes_exactly_zero():
    table = np.random.default_rng(2).exponential(size=(300, 6))
    options = {"code_activation": "relu", "max_epochs": 40, "learning_rate": 0.01, "random_state": 0, "hidden_dims": (16,)}
    plain = Autoencoder(8, **options).fit(table)
    sparse = Autoencoder(8, regularizers=ActivityL1(0.3), **options).fit(table)
    assert np.mean(sparse.transform(table) == 0) > np.mean(plain.transform(table) == 0) + 0.1
    assert sparse.history_["activity_l1"][-1] < sparse.history_["activity_l1"][0]
