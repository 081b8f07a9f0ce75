import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA

from isthmus._activations import fan_scale
from isthmus.architectures import Dense, Linear
from isthmus.errors import PartError
from isthmus.initializers import FanScaled, Orthogonal

RELU = Dense(hidden_dims=(16, 8))


def networks(architecture, data=(6,), latent=(2,), seed=0):
    rng = np.random.default_rng(seed)
    return architecture.encoder(data, latent, rng=rng), architecture.decoder(latent, data, rng=rng)


def started(architecture, x, latent=(2,), seed=0):
    return architecture.start(*networks(architecture, x.shape[1:], latent, seed), lambda: (x, x), x.mean(axis=0))


def applied(architecture, network, x, key=None):
    x = jnp.asarray(x, float)
    if key is None:
        return np.asarray(jax.vmap(lambda row: architecture(network, row, precision="float32", key=None))(x))
    keys = jax.random.split(key, len(x))
    return np.asarray(jax.vmap(lambda row, key: architecture(network, row, precision="float32", key=key))(x, keys))


def restored(architecture, halves, x):
    return applied(architecture, halves[1], applied(architecture, halves[0], x))


def widths(network):
    return [layer.weight.shape[0] for layer in network.layers] + [network.layers[-1].weight.shape[1]]


def n_values(network):
    return sum(np.size(leaf) for leaf in jax.tree.leaves(network))


class TestWidths:
    @pytest.mark.parametrize("hidden_dims", [(), (1,), (5,), (16, 8), (3, 9, 4)], ids=str)
    def test_the_decoder_mirrors_the_encoder(self, hidden_dims):
        encoder, decoder = networks(Dense(hidden_dims=hidden_dims))
        assert widths(encoder) == [6, *hidden_dims, 2]
        assert widths(decoder) == [2, *hidden_dims[::-1], 6]

    def test_the_decoder_may_have_widths_of_its_own(self):
        encoder, decoder = networks(Dense(hidden_dims=(16, 8), decoder_dims=(5, 4, 3)))
        assert widths(encoder) == [6, 16, 8, 2]
        assert widths(decoder) == [2, 5, 4, 3, 6]
        assert widths(networks(Dense(hidden_dims=(16,), decoder_dims=()))[1]) == [2, 6]

    def test_widths_of_the_decoder_alone_are_refused(self):
        with pytest.raises(PartError, match=r"`decoder_dims`=\(4,\) needs `hidden_dims`: give both, or neither\."):
            Dense(decoder_dims=(4,))

    @pytest.mark.parametrize(("n_features", "hidden_dims"), [(1, (32, 16)), (10, (32, 16)), (64, (128, 64)), (784, (512, 256))])
    def test_widths_that_are_not_given_follow_from_the_data(self, n_features, hidden_dims):
        encoder, decoder = networks(Dense(), (n_features,))
        assert widths(encoder) == [n_features, *hidden_dims, 2]
        assert widths(decoder) == [2, *hidden_dims[::-1], n_features]

    @pytest.mark.parametrize(("data", "latent"), [((6,), (2,)), ((1,), (1,)), ((2, 5), (3,))], ids=str)
    @pytest.mark.parametrize("hidden_dims", [(), (7,), (16, 8)], ids=str)
    @pytest.mark.parametrize(("layer_norm", "linear_path"), [(False, False), (True, False), (False, True)])
    def test_parameters_are_as_many_as_the_formula_says(self, data, latent, hidden_dims, layer_norm, linear_path):
        architecture = Dense(hidden_dims=hidden_dims, layer_norm=layer_norm, linear_path=linear_path)
        n, k = math.prod(data), math.prod(latent)
        for network, sizes in zip(networks(architecture, data, latent), ([n, *hidden_dims, k], [k, *hidden_dims[::-1], n]), strict=True):
            wanted = sum(a * b + b for a, b in itertools.pairwise(sizes)) + layer_norm * 2 * sum(hidden_dims) + linear_path * n * k
            assert n_values(network) == wanted

    def test_a_linear_path_is_there_by_itself_only_without_widths(self):
        assert all(network.path is not None for network in networks(Dense()))
        assert all(network.path is None for network in networks(Dense(hidden_dims=(4,))))
        assert all(network.path is None for network in networks(Dense(linear_path=False)))


class TestFormula:
    x = np.random.default_rng(3).normal(size=(20, 6))

    def test_layers_follow_one_another(self):
        encoder, _ = networks(Dense(hidden_dims=(16, 8), activation="tanh"))
        first, second, last = encoder.layers
        by_hand = np.tanh(np.tanh(self.x @ first.weight + first.bias) @ second.weight + second.bias) @ last.weight + last.bias
        np.testing.assert_allclose(applied(Dense(hidden_dims=(16, 8), activation="tanh"), encoder, self.x), by_hand, rtol=1e-4, atol=1e-5)

    def test_hidden_layers_are_normalized_before_their_activation(self):
        architecture = Dense(hidden_dims=(16,), layer_norm=True)
        encoder, _ = networks(architecture)
        first, last = encoder.layers
        values = self.x @ first.weight + first.bias
        values = (values - values.mean(axis=1, keepdims=True)) / np.sqrt(values.var(axis=1, keepdims=True) + 1e-5)
        by_hand = np.maximum(values * first.gain + first.shift, 0.0) @ last.weight + last.bias
        np.testing.assert_allclose(applied(architecture, encoder, self.x), by_hand, rtol=1e-4, atol=1e-5)
        assert last.gain is None
        assert np.all(first.gain == 1.0)
        assert np.all(first.shift == 0.0)

    def test_the_linear_path_is_added(self):
        architecture = Dense(hidden_dims=(16,), linear_path=True)
        encoder, _ = networks(architecture)
        bare = applied(architecture, encoder, self.x)
        path = np.random.default_rng(4).normal(size=(6, 2)).astype(np.float32)
        with_path = encoder.__class__(encoder.layers, path, encoder.out_shape)
        np.testing.assert_allclose(applied(architecture, with_path, self.x), bare + self.x @ path, rtol=1e-4, atol=1e-5)

    def test_activation_is_smooth_only_in_the_network_that_is_chosen(self):
        for architecture, named in ((Dense(), Dense(activation="silu")), (RELU, Dense(hidden_dims=(16, 8), activation="relu"))):
            encoder, _ = networks(architecture)
            np.testing.assert_array_equal(applied(architecture, encoder, self.x), applied(named, encoder, self.x))


class TestDropout:
    x = np.random.default_rng(5).normal(size=(4, 6))

    def test_is_off_outside_training(self):
        encoder, _ = networks(RELU)
        np.testing.assert_array_equal(applied(Dense((16, 8), dropout=0.5), encoder, self.x), applied(RELU, encoder, self.x))

    def test_leaves_the_mean_of_a_layer_where_it_was(self):
        architecture = Dense(hidden_dims=(16,), dropout=0.3)
        encoder, _ = networks(architecture)
        row = np.repeat(self.x[:1], 20_000, axis=0)
        dropped = applied(architecture, encoder, row, key=jax.random.key(0))
        error = 5 * dropped.std(axis=0) / np.sqrt(len(row))
        assert np.all(np.abs(dropped.mean(axis=0) - applied(architecture, encoder, row[:1])[0]) < error)

    def test_silences_its_share_of_units(self):
        architecture = Dense(hidden_dims=(50,), activation="identity", dropout=0.3)
        encoder, _ = networks(architecture, (1,), (50,))
        identity = jax.tree.map(np.zeros_like, encoder)
        layers = (identity.layers[0], identity.layers[1].__class__(np.eye(50, dtype=np.float32), identity.layers[1].bias))
        network = encoder.__class__((layers[0].__class__(layers[0].weight, np.ones(50, np.float32)), layers[1]), None, (50,))
        units = applied(architecture, network, np.zeros((400, 1)), key=jax.random.key(1))
        assert abs(np.mean(units == 0.0) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / units.size)
        np.testing.assert_allclose(units[units != 0.0], 1 / 0.7, rtol=1e-6)
        assert np.unique(units == 0.0, axis=0).shape[0] == 400

    def test_layers_are_silenced_apart(self):
        architecture = Dense(hidden_dims=(8, 8), activation="identity", dropout=0.5)
        one, eye = np.ones(8, np.float32), np.eye(8, dtype=np.float32)
        encoder, _ = networks(architecture, (1,), (8,))
        layer = type(encoder.layers[0])
        network = type(encoder)((layer(np.zeros((1, 8), np.float32), one), layer(eye, 0 * one), layer(eye, 0 * one)), None, (8,))
        kept = applied(architecture, network, np.zeros((2000, 1)), key=jax.random.key(2)) != 0.0
        assert abs(kept.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / kept.size)

    def test_a_rate_of_zero_changes_nothing(self):
        encoder, _ = networks(RELU)
        dropped = applied(Dense((16, 8), dropout=0.0), encoder, self.x, key=jax.random.key(0))
        np.testing.assert_allclose(dropped, applied(RELU, encoder, self.x), rtol=1e-6)


class TestInitialization:
    @pytest.mark.parametrize("activation", ["relu", "silu", "selu", "tanh", "sigmoid"])
    def test_weights_are_uniform_and_as_wide_as_their_activation_asks(self, activation):
        encoder, _ = networks(Dense(hidden_dims=(300,), activation=activation), (200,), (100,))
        for layer, name, fans in zip(encoder.layers, (activation, "identity"), ((200, 300), (300, 100)), strict=True):
            half_width = fan_scale(name, *fans)
            assert np.abs(layer.weight).max() <= half_width * (1 + 1e-6)
            np.testing.assert_allclose(layer.weight.var(), half_width**2 / 3, rtol=0.05)
            assert abs(layer.weight.mean()) < 5 * layer.weight.std() / np.sqrt(layer.weight.size)
            assert np.all(layer.bias == 0.0)

    def test_nothing_asked_for_is_fan_scaled(self):
        plain, named = (networks(Dense((16, 8), initializer=initializer)) for initializer in (None, FanScaled()))
        for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(named), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_an_initializer_is_told_each_layers_activation(self):
        for layer, gain in zip(networks(Dense((16, 8), initializer="orthogonal"))[0].layers, (2.0, 2.0, 1.0), strict=True):
            np.testing.assert_allclose(np.linalg.svd(layer.weight, compute_uv=False) ** 2, gain, rtol=1e-5)
        (layer,) = Linear(Orthogonal(3.0)).encoder((6,), (2,), rng=np.random.default_rng(0)).layers
        np.testing.assert_allclose(np.linalg.svd(layer.weight, compute_uv=False), 3.0, rtol=1e-5)

    def test_the_output_begins_at_the_mean_that_it_is_told(self):
        x = np.random.default_rng(6).normal(size=(30, 6)) + np.arange(6)
        _, decoder = started(RELU, x)
        np.testing.assert_allclose(decoder.layers[-1].bias, x.mean(axis=0), rtol=1e-6)


def data_of(name):
    rng = np.random.default_rng(7)
    tall = rng.normal(size=(60, 8)) @ rng.normal(size=(8, 8)) + rng.normal(size=8)
    return {
        "tall": tall,
        "wide": rng.normal(size=(5, 40)),
        "constant columns": tall * np.array([1, 1, 0, 1, 1, 0, 1, 1]) + 2.0,
        "fewer rows than codes": tall[:2],
        "one row": tall[:1],
        "one column": tall[:, :1],
        "low rank": tall[:, :1] * np.arange(1.0, 5.0),
        "equal rows": np.repeat(tall[:1], 6, axis=0),
        "unequal scales": tall * np.logspace(-3, 3, 8),
    }[name]


class TestPrincipalStart:
    NAMES = (
        "tall",
        "wide",
        "constant columns",
        "fewer rows than codes",
        "one row",
        "one column",
        "low rank",
        "equal rows",
        "unequal scales",
    )

    @pytest.mark.parametrize("name", NAMES)
    def test_rows_come_back_as_from_principal_components(self, name):
        x, n_codes = data_of(name), 3
        pca = PCA(min(n_codes, *x.shape)).fit(x) if len(x) > 1 else None
        wanted = x if pca is None else pca.inverse_transform(pca.transform(x))
        found = restored(Dense(), started(Dense(), x, (n_codes,)), x)
        np.testing.assert_allclose(found, wanted, atol=2e-5 * np.abs(x).max())

    def test_codes_are_the_principal_components_up_to_sign(self):
        x = data_of("tall")
        codes = applied(Dense(), started(Dense(), x, (3,))[0], x)
        np.testing.assert_allclose(np.abs(codes), np.abs(PCA(3).fit_transform(x)), rtol=1e-3, atol=1e-4)

    def test_codes_beyond_the_rank_begin_at_zero(self):
        x = data_of("wide")
        codes = applied(Dense(), started(Dense(), x, (8,))[0], x)
        np.testing.assert_allclose(codes[:, 4:], 0.0, atol=1e-4)
        assert np.all(np.abs(codes[:, :4]).max(axis=0) > 0.1)

    @pytest.mark.parametrize("n_rows", [1, 12])
    def test_rows_that_are_all_the_same_start_at_their_mean_beside_a_damaged_copy_too(self, n_rows):
        same = np.tile(np.arange(6.0), (n_rows, 1))
        halves = Dense().start(*networks(Dense()), lambda: (same.copy(), same), same.mean(axis=0))
        np.testing.assert_allclose(restored(Dense(), halves, same), same, atol=1e-5)

    def test_images_are_tables_to_it(self):
        x = data_of("tall")
        flat, image = started(Dense(), x), started(Dense(), x.reshape(-1, 2, 2, 2))
        for a, b in zip(jax.tree.leaves(flat), jax.tree.leaves(image), strict=True):
            np.testing.assert_allclose(a.ravel(), b.ravel(), rtol=1e-6)

    def test_a_network_with_given_widths_looks_at_no_rows(self):
        def never():
            raise AssertionError

        RELU.start(*networks(RELU), never, np.zeros(6))


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_dims": (16, 9)},
        {"hidden_dims": None},
        {"decoder_dims": (9,)},
        {"activation": "tanh"},
        {"dropout": 0.2},
        {"layer_norm": True},
        {"linear_path": True},
        {"initializer": Orthogonal()},
    ],
    ids=str,
)
def test_no_field_is_inert(changes):
    x = np.random.default_rng(8).normal(size=(10, 6))
    key = jax.random.key(0)

    def results(architecture):
        encoder, decoder = started(architecture, x)
        return applied(architecture, decoder, applied(architecture, encoder, x, key), key)

    before, after = results(RELU), results(Dense(**{"hidden_dims": (16, 8), **changes}))
    assert not np.allclose(before, after)


def test_another_rate_of_dropout_is_another_result():
    encoder, _ = networks(RELU)
    x = np.random.default_rng(9).normal(size=(50, 6))
    rates = [applied(Dense((16, 8), dropout=rate), encoder, x, key=jax.random.key(0)) for rate in (0.1, 0.4)]
    assert not np.allclose(*rates)
