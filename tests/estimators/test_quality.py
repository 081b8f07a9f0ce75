"""What the defaults are worth."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from isthmus import Autoencoder


@pytest.fixture(scope="module")
def halves(digits):
    return train_test_split(digits, test_size=0.25, random_state=0)


@pytest.fixture(scope="module")
def by_default(halves):
    return Autoencoder(8, random_state=0).fit(halves[0])


def error_of_pca(n_codes, train, test):
    pca = PCA(n_codes).fit(train)
    return np.mean(np.sum((test - pca.inverse_transform(pca.transform(test))) ** 2, axis=1))


@pytest.mark.slow
def test_held_out_digits_come_back_better_than_from_principal_components(by_default, halves):
    train, test = halves
    assert -by_default.score(test) < 0.85 * error_of_pca(8, train, test)


@pytest.mark.slow
def test_the_defaults_stop_by_themselves_or_at_their_last_epoch(by_default):
    assert by_default.stop_reason_ in ("patience", "max_epochs")
    values = by_default.history_["val_loss"]
    assert values[by_default.best_epoch_ - 1] == values.min()


def test_training_begins_at_principal_components(halves):
    train, test = halves
    autoencoder = Autoencoder(8, max_epochs=1, learning_rate=1e-9, random_state=0).fit(train)
    np.testing.assert_allclose(-autoencoder.score(test), error_of_pca(8, train, test), rtol=1e-3)


def test_a_few_epochs_are_already_better_than_principal_components(halves):
    train, test = halves
    autoencoder = Autoencoder(8, max_epochs=10, random_state=0).fit(train)
    assert -autoencoder.score(test) < 0.95 * error_of_pca(8, train, test)
