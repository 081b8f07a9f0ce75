"""What is particular to convolutions over series."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA

import isthmus
from isthmus import Autoencoder
from isthmus.architectures import Convolutional, Convolutional1d
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts

SMALL = Convolutional1d(channels=(3, 4))


def halves(architecture, data, latent=(2,), seed=0):
    rng = np.random.default_rng(seed)
    return architecture.encoder(data, latent, rng=rng), architecture.decoder(latent, data, rng=rng)


def mackey_glass(n_steps, delay=17):
    """The chaotic series of Mackey & Glass 1977, one unit of time a step, once it has forgotten its beginning."""
    x = np.full(n_steps + 500, 1.2)
    for t in range(delay, len(x) - 1):
        x[t + 1] = 0.9 * x[t] + 0.2 * x[t - delay] / (1.0 + x[t - delay] ** 10)
    return x[500:]


def cylinder_bell_funnel(n_rows, length=48, seed=0):
    """A plateau, a rise or a fall between two random times, as Saito 1994 made them, with less noise."""
    rng, times = np.random.default_rng(seed), np.arange(length)
    start = rng.integers(length // 8, length // 4, (n_rows, 1))
    end = start + rng.integers(length // 4, 3 * length // 4, (n_rows, 1))
    rise = (times - start) / (end - start)
    form = np.choose(rng.integers(3, size=(n_rows, 1)), [np.ones_like(rise), rise, 1.0 - rise])
    signal = (6.0 + rng.normal(size=(n_rows, 1))) * form * ((times >= start) & (times <= end))
    return signal + 0.1 * rng.normal(size=(n_rows, length))


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_every_length_is_given_back(stride):
    for length in range(1, 20):
        kernel_size = min(length, 4)
        architecture = Convolutional1d((2, 3), kernel_size, min(stride, kernel_size))
        Parts(architecture, SquaredError(), data_shape=(length, 2), latent_shape=(2,))
        encoder, decoder = halves(architecture, (length, 2))

        def there_and_back(x, architecture=architecture, encoder=encoder, decoder=decoder):
            return architecture(decoder, architecture(encoder, x, precision="float32", key=None), precision="float32", key=None)

        assert jax.eval_shape(there_and_back, jnp.zeros((length, 2))).shape == (length, 2)
        assert decoder.maps == encoder.maps[::-1]
        assert encoder.maps[1] == (-(-length // architecture.stride), 2)


def test_a_series_without_an_axis_of_features_has_one():
    encoder, with_axis = (halves(SMALL, data)[0] for data in ((9,), (9, 1)))
    assert encoder.maps == with_axis.maps == ((9, 1), (5, 3), (3, 4))


def test_parameters_are_as_many_as_the_formula_says():
    encoder, decoder = halves(Convolutional1d((3, 4), 5, 2, linear_path=False), (9, 2))
    n_encoder = 5 * 2 * 3 + 3 + 5 * 3 * 4 + 4 + 12 * 2 + 2
    n_decoder = 2 * 12 + 12 + 5 * 4 * 3 + 3 + 5 * 3 * 2 + 18
    assert [sum(np.size(leaf) for leaf in jax.tree.leaves(network)) for network in (encoder, decoder)] == [n_encoder, n_decoder]


def test_a_series_is_an_image_of_one_row_to_a_kernel_of_one_row():
    # A kernel of one pixel sees the same along one axis as along two.
    line, image = Convolutional1d((3,), 1, 1), Convolutional((3,), 1, 1)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(7, 2)), jnp.float32)
    networks = halves(line, (7, 2)), halves(image, (1, 7, 2))
    for left, right in zip(*networks, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True))
    codes = [
        architecture(network[0], row, precision="float32", key=None)
        for architecture, network, row in zip((line, image), networks, (x, x[None]), strict=True)
    ]
    np.testing.assert_allclose(*codes, rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            (8, 8, 1),
            (
                "The architecture 'convolutional1d' is for rows of shape (length,) or (length, features); got rows of shape (8, 8, 1). "
                "Pass `sample_shape`, such as sample_shape=(64, 3),"
            ),
        ),
        ((2, 9), "`kernel_size`=3 of 'convolutional1d' is larger than rows of shape (2, 9)"),
    ],
    ids=str,
)
def test_rows_that_do_not_suit_are_refused_with_advice(data, message):
    with pytest.raises(PartError, match=re.escape(message)):
        Parts(Convolutional1d(), SquaredError(), data_shape=data, latent_shape=(2,))


def test_a_saved_model_is_the_same_when_loaded(tmp_path):
    series = cylinder_bell_funnel(60, 15).reshape(60, 5, 3)
    autoencoder = Autoencoder(2, architecture=SMALL, max_epochs=2, random_state=0).fit(series)
    autoencoder.save(tmp_path / "series.isthmus")
    loaded = isthmus.load(tmp_path / "series.isthmus")
    assert loaded.architecture == SMALL
    np.testing.assert_array_equal(loaded.reconstruct(series), autoencoder.reconstruct(series))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("series", "share"),
    [
        (np.lib.stride_tricks.sliding_window_view(mackey_glass(1800), 48)[::2], 0.2),
        (cylinder_bell_funnel(876), 0.5),
    ],
    ids=["mackey_glass", "cylinder_bell_funnel"],
)
def test_series_come_back_better_than_from_principal_components(series, share):
    # Windows that overlap are held out by time, those that reach over the border are in neither.
    training, held_out = series[:600], series[624:]
    autoencoder = Autoencoder(4, architecture="convolutional1d", max_epochs=60, random_state=0).fit(training)
    pca = PCA(4).fit(training)
    error = np.mean((autoencoder.reconstruct(held_out) - held_out) ** 2)
    assert error < share * np.mean((pca.inverse_transform(pca.transform(held_out)) - held_out) ** 2)
