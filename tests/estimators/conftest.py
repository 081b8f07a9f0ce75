"""Data and fitted models that several files look at; no test changes them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import Autoencoder


@pytest.fixture(scope="session")
def digits():
    return load_digits().data


@pytest.fixture(scope="session")
def table():
    """A curve of two parameters in six dimensions, with a little noise: 150 rows of unlike units."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(150, 2))
    curved = np.tanh(hidden @ rng.normal(size=(2, 6))) + 0.02 * rng.normal(size=(150, 6))
    return curved * np.array([1.0, 2.0, 5.0, 1.0, 0.5, 3.0]) + np.array([0.0, 10.0, -3.0, 1.0, 0.0, 7.0])


@pytest.fixture(scope="session")
def small():
    """The estimator of most tests: one structure, so that it compiles once. Clone it."""
    return Autoencoder(2, hidden_dims=(8,), activation="tanh", batch_size=32, max_epochs=3, random_state=0)


@pytest.fixture(scope="session")
def fitted(small, table):
    """`small` fitted to `table`; not to be fitted again."""
    return Autoencoder(**small.get_params(deep=False)).fit(table)
