"""What is particular to convolutions over images, and what they share with those over series."""

import itertools
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import isthmus
from isthmus import Autoencoder
from isthmus._activations import fan_scale
from isthmus.architectures import Convolutional
from isthmus.errors import PartError
from isthmus.initializers import Orthogonal
from isthmus.losses import AbstractLoss, SquaredError
from isthmus.model import Model, Parts

SMALL = Convolutional(channels=(3, 4))


def halves(architecture, data, latent=(2,), seed=0):
    rng = np.random.default_rng(seed)
    return architecture.encoder(data, latent, rng=rng), architecture.decoder(latent, data, rng=rng)


def batch(shape, rows=6, seed=1):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(rows, *shape)), jnp.float32)


def applied(architecture, network, x, precision="float32"):
    return jax.jit(jax.vmap(lambda row: architecture(network, row, precision=precision, key=None)))(x)


def parts(architecture, data, loss=None):
    return Parts(architecture, loss or SquaredError(), data_shape=data, latent_shape=(2,))


class TestShapes:
    @pytest.mark.parametrize("stride", [1, 2, 3])
    def test_every_size_is_given_back(self, stride):
        for height, width in itertools.product(range(1, 10), repeat=2):
            kernel_size = min(height, width, 4)
            architecture = Convolutional((2, 3), kernel_size, min(stride, kernel_size), linear_path=False)
            shape = (height, width, 2)
            assert parts(architecture, shape).data_shape == shape
            encoder, decoder = halves(architecture, shape)
            assert encoder.maps[1] == (-(-height // architecture.stride), -(-width // architecture.stride), 2)
            assert decoder.maps == encoder.maps[::-1]
            if width not in (height, 10 - height):
                continue

            # Traced only: XLA would compile each of them for a second.
            def there_and_back(x, architecture=architecture, encoder=encoder, decoder=decoder):
                code = architecture(encoder, x, precision="float32", key=None)
                return code, architecture(decoder, code, precision="float32", key=None)

            code, image = jax.eval_shape(there_and_back, jnp.zeros(shape))
            assert (code.shape, image.shape) == ((2,), shape)

    def test_an_image_without_channels_has_one(self):
        architecture, x = SMALL, batch((7, 5))
        (encoder, decoder), (with_axis, _) = halves(architecture, (7, 5)), halves(architecture, (7, 5, 1))
        codes = applied(architecture, encoder, x)
        np.testing.assert_array_equal(codes, applied(architecture, with_axis, x[..., None]))
        assert applied(architecture, decoder, codes).shape == (6, 7, 5)

    def test_codes_may_have_any_shape(self):
        encoder, decoder = halves(SMALL, (5, 4, 2), (2, 3))
        codes = applied(SMALL, encoder, batch((5, 4, 2)))
        assert codes.shape == (6, 2, 3)
        assert applied(SMALL, decoder, codes).shape == (6, 5, 4, 2)

    @pytest.mark.parametrize("dense_dims", [(), (7,), (7, 5)], ids=str)
    @pytest.mark.parametrize("linear_path", [False, True])
    def test_parameters_are_as_many_as_the_formula_says(self, dense_dims, linear_path):
        architecture = Convolutional((3, 4), 3, 2, dense_dims=dense_dims, linear_path=linear_path)
        encoder, decoder = halves(architecture, (7, 10, 2))
        widths = (2 * 3 * 4, *dense_dims, 2)
        dense = sum(a * b for a, b in itertools.pairwise(widths))
        path = linear_path * 7 * 10 * 2 * 2
        n_encoder = 9 * 2 * 3 + 3 + 9 * 3 * 4 + 4 + dense + sum(widths[1:]) + path
        n_decoder = dense + sum(widths[:-1]) + 9 * 4 * 3 + 3 + 9 * 3 * 2 + 7 * 10 * 2 + path
        assert [sum(np.size(leaf) for leaf in jax.tree.leaves(network)) for network in (encoder, decoder)] == [n_encoder, n_decoder]


def by_hand(x, network, stride, activation):
    """An encoder as the formula says, with JAX's own convolution."""
    *layers, last = network.layers
    for layer in layers:
        filters = layer.weight.T.reshape(3, 3, x.shape[-1], -1)
        x = jax.lax.conv_general_dilated(x, filters, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = activation(x + layer.bias)
    return x.reshape(len(x), -1) @ last.weight + last.bias


def with_biases(network, seed=5):
    """The network with random biases, which begin at zero."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: leaf if leaf.ndim > 1 else rng.normal(size=leaf.shape).astype(np.float32), network)


class TestFormula:
    @pytest.mark.parametrize("stride", [1, 2, 3])
    def test_an_encoder_convolves_and_then_multiplies(self, stride):
        architecture, x = Convolutional((3, 4), 3, stride, "tanh", linear_path=False), batch((8, 5, 2))
        encoder = with_biases(halves(architecture, (8, 5, 2))[0])
        np.testing.assert_allclose(applied(architecture, encoder, x), by_hand(x, encoder, stride, jnp.tanh), rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("data", [(8, 5, 2), (7, 6, 1)], ids=str)
    def test_a_decoder_without_biases_and_activation_is_an_encoders_transpose(self, data):
        architecture = Convolutional((3, 4), activation="identity", dense_dims=(6,), linear_path=False)
        encoder, decoder = halves(architecture, data)
        mirrored = [
            layer.__class__(layer.weight.T, np.zeros_like(own.bias))
            for layer, own in zip(encoder.layers[::-1], decoder.layers, strict=True)
        ]
        mirrored = decoder.__class__(tuple(mirrored), None, decoder.maps, decoder.out_shape, is_decoder=True)
        x, codes = batch(data), batch((2,), seed=2)
        down, up = applied(architecture, encoder, x), applied(architecture, mirrored, codes)
        np.testing.assert_allclose(jnp.sum(up * x, axis=(1, 2, 3)), jnp.sum(down * codes, axis=1), rtol=1e-3, atol=1e-4)

    def test_every_hidden_layer_of_a_decoder_is_activated_and_the_last_is_bare(self):
        architecture = Convolutional((3, 4), activation="relu", dense_dims=(6,), linear_path=False)
        decoder = with_biases(halves(architecture, (7, 6, 2))[1])
        codes, silent = batch((2,)), []
        for number, layer in enumerate(decoder.layers[:-1]):
            # A layer whose units are all below zero says nothing, whatever comes before it.
            bias = np.full_like(layer.bias, -1e6)
            layers = (*decoder.layers[:number], layer.__class__(layer.weight, bias), *decoder.layers[number + 1 :])
            silent.append(applied(architecture, decoder.__class__(layers, None, decoder.maps, decoder.out_shape, is_decoder=True), codes))
        for images in silent:
            np.testing.assert_allclose(images, np.broadcast_to(images[:1], images.shape), atol=1e-6)
        bare = silent[-1][0]
        np.testing.assert_allclose(bare, decoder.layers[-1].bias.reshape(7, 6, 2), atol=1e-6)
        assert np.min(bare) < 0.0

    def test_dense_layers_stand_between_the_last_map_and_the_code(self):
        architecture = Convolutional((3, 4), dense_dims=(9, 5))
        encoder, decoder = halves(architecture, (8, 8, 1))
        assert [layer.weight.shape for layer in encoder.layers[2:]] == [(16, 9), (9, 5), (5, 2)]
        assert [layer.weight.shape for layer in decoder.layers[:3]] == [(2, 5), (5, 9), (9, 16)]

    def test_the_linear_path_is_added(self):
        architecture = Convolutional((3,), linear_path=True)
        x, codes = batch((5, 4, 1)), batch((2,))
        rng = np.random.default_rng(3)
        for network, given in zip(halves(architecture, (5, 4, 1)), (x, codes), strict=True):
            path = rng.normal(size=network.path.shape).astype(np.float32)
            values = [
                applied(architecture, network.__class__(network.layers, way, network.maps, network.out_shape, network.is_decoder), given)
                for way in (path, None)
            ]
            straight = given.reshape(6, -1) @ path
            np.testing.assert_allclose(values[0], values[1] + straight.reshape(values[1].shape), rtol=1e-4, atol=1e-5)

    def test_a_shifted_image_has_shifted_maps(self):
        architecture = Convolutional((3,), 3, 2, linear_path=False)
        encoder, _ = halves(architecture, (10, 10, 1), (5 * 5 * 3,))
        last = encoder.layers[-1].__class__(np.eye(75, dtype=np.float32), np.zeros(75, np.float32))
        encoder = encoder.__class__((encoder.layers[0], last), None, encoder.maps, (5, 5, 3), is_decoder=False)
        x = np.zeros((1, 10, 10, 1), np.float32)
        x[:, 3:6, 2:5] = np.random.default_rng(0).normal(size=(1, 3, 3, 1))
        maps, shifted = (applied(architecture, encoder, image) for image in (x, np.roll(x, (2, 2), axis=(1, 2))))
        np.testing.assert_allclose(shifted, np.roll(maps, (1, 1), axis=(1, 2)), atol=1e-6)


class TestStart:
    def test_weights_are_as_wide_as_what_reaches_each_value(self):
        encoder, decoder = halves(Convolutional((30, 40), 4, 2, "relu"), (8, 8, 5), (10,))
        fans = [(16 * 5, 30), (16 * 30, 40), (4 * 40, 10)]
        for layer, (fan_in, fan_out), name in zip(encoder.layers, fans, ("relu", "relu", "identity"), strict=True):
            np.testing.assert_allclose(layer.weight.std(), fan_scale(name, fan_in, fan_out) / math.sqrt(3), rtol=0.05)
        # Four positions reach each value of a transposed convolution with a kernel of 4 and a stride of 2.
        np.testing.assert_allclose(decoder.layers[1].weight.std(), fan_scale("relu", 4 * 40, 1) / math.sqrt(3), rtol=0.05)

    def test_an_initializer_may_be_chosen(self):
        encoder, _ = halves(Convolutional((4,), 2, 2, "tanh", initializer=Orthogonal()), (4, 4, 1))
        np.testing.assert_allclose(encoder.layers[0].weight @ encoder.layers[0].weight.T, np.eye(4), atol=1e-5)

    def test_a_linear_path_starts_at_the_principal_components(self):
        x = np.random.default_rng(0).normal(size=(60, 5, 4, 2)) * np.arange(1, 6)[:, None, None] + 3.0
        networks = SMALL.start(*halves(SMALL, (5, 4, 2), (3,)), lambda: (x, x), x.mean(axis=0))
        found = applied(SMALL, networks[1], applied(SMALL, networks[0], jnp.asarray(x, jnp.float32)))
        pca = PCA(3).fit(x.reshape(60, -1))
        np.testing.assert_allclose(found.reshape(60, -1), pca.inverse_transform(pca.transform(x.reshape(60, -1))), rtol=1e-3, atol=1e-3)

    def test_without_one_it_starts_at_the_mean_image_but_for_the_random_weights(self):
        architecture = Convolutional((3,), linear_path=False)
        mean = np.random.default_rng(0).normal(size=(5, 4, 2))
        encoder, decoder = halves(architecture, (5, 4, 2))
        decoder = architecture.start(encoder, decoder, lambda: pytest.fail("no rows are needed"), mean)[1]
        np.testing.assert_allclose(applied(architecture, decoder, jnp.zeros((1, 2)))[0], mean, atol=1e-6)


class Paired(AbstractLoss):
    """Two numbers for each value, in front."""

    def output_shape(self, shape):
        return (2, *shape)

    def __call__(self, weights, outputs, x):
        return jnp.sum(jnp.square(outputs[:, 0] - x), axis=tuple(range(1, x.ndim)))

    def mean(self, outputs):
        return outputs[:, 0]


class TestRefusals:
    @pytest.mark.parametrize(
        ("architecture", "data", "message"),
        [
            (
                Convolutional(),
                (64,),
                (
                    "The architecture 'convolutional' is for rows of shape (height, width) or (height, width, channels); got rows of shape "
                    "(64,). Pass `sample_shape`, such as sample_shape=(28, 28, 1), if a row is one laid flat; or choose another "
                    "architecture, such as 'dense'."
                ),
            ),
            (Convolutional(), (2, 8, 8, 3), "got rows of shape (2, 8, 8, 3). Pass `sample_shape`"),
            (
                Convolutional(),
                (2, 8),
                (
                    "`kernel_size`=3 of 'convolutional' is larger than rows of shape (2, 8), which would be seen from outside only. "
                    "Lower it to 2, and `stride` with it if that is larger; or choose"
                ),
            ),
            (Convolutional(kernel_size=5), (8, 4, 3), "`kernel_size`=5 of 'convolutional' is larger than rows of shape (8, 4, 3)"),
            (
                Convolutional(stride=4),
                (8, 8),
                (
                    "`stride`=4 of 'convolutional' is larger than `kernel_size`=3: of rows of shape (8, 8), values between two kernels "
                    "would never be seen. Lower `stride` to 3, or enlarge the kernel."
                ),
            ),
        ],
        ids=lambda value: "" if isinstance(value, str) else str(value),
    )
    def test_rows_that_do_not_suit_are_refused_with_advice(self, architecture, data, message):
        with pytest.raises(PartError, match=re.escape(message)):
            parts(architecture, data)

    def test_a_loss_whose_outputs_have_other_axes_is_refused(self):
        message = (
            "The loss 'paired' wants outputs of shape (2, 8, 8) for rows of shape (8, 8); 'convolutional' gives any number of channels"
        )
        with pytest.raises(PartError, match=re.escape(message)):
            parts(Convolutional(), (8, 8), Paired())

    def test_no_convolution_is_refused(self):
        message = "`channels`=() leaves no convolution. Give one number for each, such as (32, 64); or choose 'dense'."
        with pytest.raises(PartError, match=re.escape(message)):
            Convolutional(channels=())

    def test_a_flat_table_is_refused_before_training(self):
        with pytest.raises(PartError, match=r"Pass `sample_shape`, such as sample_shape=\(28, 28, 1\)"):
            Autoencoder(2, architecture="convolutional").fit(np.zeros((10, 64)))

    def test_fields_may_be_set_one_after_the_other(self):
        autoencoder = Autoencoder(2, architecture=Convolutional()).set_params(architecture__stride=5, architecture__kernel_size=5)
        assert parts(autoencoder.architecture, (5, 5)).architecture.stride == 5


@pytest.mark.parametrize("architecture", [SMALL, Convolutional((3,), dense_dims=(5,), linear_path=False)], ids=("path", "bare"))
def test_rounded_operands_change_little_and_have_gradients(architecture):
    x, shape = batch((6, 5, 2)), {"data_shape": (6, 5, 2), "latent_shape": (2,)}
    model = Model.init(parts(architecture, (6, 5, 2)), rng=np.random.default_rng(0))

    @jax.jit
    def gradients(weights):
        def loss(weights, precision):
            rounded = model._replace(parts=Parts(architecture, SquaredError(), precision=precision, **shape), weights=weights)
            return jnp.mean(jnp.square(rounded.reconstruct(x) - x))

        return tuple(jax.grad(loss)(weights, precision) for precision in ("float32", "bfloat16"))

    full, rounded = (jax.tree.leaves(slopes) for slopes in gradients(model.weights))
    for a, b in zip(full, rounded, strict=True):
        assert b.dtype == jnp.float32
        assert np.any(a != b)
        np.testing.assert_allclose(a, b, atol=0.05 * np.abs(a).max())


def test_members_of_a_population_decode_as_they_do_alone():
    members = [halves(SMALL, (5, 4))[1], halves(SMALL, (5, 4), seed=1)[1]]
    stacked, codes = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members), batch((2,))
    together = jax.jit(jax.vmap(lambda network: jax.vmap(lambda code: SMALL(network, code, precision="float32", key=None))(codes)))(stacked)
    np.testing.assert_allclose(together, [applied(SMALL, member, codes) for member in members], rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_a_saved_model_is_the_same_when_loaded(tmp_path):
    images = load_digits().images[:100, :7, :5]
    autoencoder = Autoencoder(2, architecture=SMALL, max_epochs=2, random_state=0).fit(images)
    autoencoder.save(tmp_path / "images.isthmus")
    loaded = isthmus.load(tmp_path / "images.isthmus")
    assert loaded.architecture == SMALL
    np.testing.assert_array_equal(loaded.reconstruct(images), autoencoder.reconstruct(images))
    assert loaded.reconstruct(images).shape == (100, 7, 5)


@pytest.mark.slow
@pytest.mark.parametrize("linear_path", [True, False])
def test_digits_come_back_better_than_from_principal_components(linear_path):
    images = load_digits().images
    training, held_out = images[:1400], images[1400:]
    architecture = Convolutional(linear_path=linear_path)
    autoencoder = Autoencoder(8, architecture=architecture, max_epochs=50, random_state=0).fit(training)
    error = np.mean((autoencoder.reconstruct(held_out) - held_out) ** 2)
    pca = PCA(8).fit(training.reshape(-1, 64))
    flat = held_out.reshape(-1, 64)
    assert error < 0.75 * np.mean((pca.inverse_transform(pca.transform(flat)) - flat) ** 2)
