import jax
import numpy as np
import pytest
import scipy.linalg
from sklearn.decomposition import PCA

from isthmus import Autoencoder
from isthmus.architectures import Linear


def networks(seed=0):
    rng = np.random.default_rng(seed)
    return Linear().encoder((6,), (2,), rng=rng), Linear().decoder((2,), (6,), rng=rng)


def test_each_half_is_one_affine_map():
    x = np.random.default_rng(1).normal(size=(6,)).astype(np.float32)
    encoder, _ = networks()
    (layer,) = encoder.layers
    np.testing.assert_allclose(Linear()(encoder, x, precision="float32", key=None), x @ layer.weight + layer.bias, rtol=1e-5)
    assert encoder.path is None
    assert not Linear().is_random


def test_training_begins_at_random_weights_and_at_the_mean():
    def never():
        raise AssertionError

    mean = np.arange(6.0)
    encoder, decoder = Linear().start(*networks(), never, mean)
    np.testing.assert_array_equal(decoder.layers[0].bias, mean)
    for before, after in zip(jax.tree.leaves(networks()[0]), jax.tree.leaves(encoder), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.fixture(scope="module")
def rows():
    """Three directions that stand out, by standard deviations of their own, from seven that do not; turned and moved."""
    rng = np.random.default_rng(2)
    turned = scipy.linalg.qr(rng.normal(size=(10, 10)))[0]
    return (rng.normal(size=(400, 10)) * np.array([4.0, 3.0, 2.0] + 7 * [0.8])) @ turned + rng.normal(size=10)


@pytest.fixture(scope="module")
def trained(rows):
    """From random weights; the schedule takes the noise of the batches out."""
    autoencoder = Autoencoder(
        3,
        architecture="linear",
        optimizer="adam",
        learning_rate=0.02,
        max_epochs=150,
        patience=None,
        validation_fraction=None,
        random_state=0,
    )
    return autoencoder.set_params(optimizer__schedule="cosine").fit(rows)


def test_a_trained_linear_autoencoder_spans_the_principal_subspace(trained, rows):
    axes = PCA(3).fit(rows).components_.T
    decoder = trained.model_.weights.decoder.layers[0].weight.T
    encoder = trained.model_.weights.encoder.layers[0].weight
    assert np.degrees(scipy.linalg.subspace_angles(decoder, axes)).max() < 1.0
    assert np.degrees(scipy.linalg.subspace_angles(encoder, axes)).max() < 1.0


def test_its_loss_is_that_of_principal_components(trained, rows):
    pca = PCA(3).fit(rows)
    best = np.sum((rows - pca.inverse_transform(pca.transform(rows))) ** 2, axis=1).mean()
    assert best * (1 - 1e-6) <= -trained.score(rows) <= 1.01 * best


def test_it_began_far_from_there(trained, rows):
    assert trained.history_["loss"][0] > 3 * trained.history_["loss"].min()
