import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.architectures import Residual
from isthmus.initializers import FanScaled, Orthogonal

ROWS = np.random.default_rng(0).normal(size=(20, 6))


def networks(architecture, data=(6,), latent=(2,), seed=0):
    rng = np.random.default_rng(seed)
    return architecture.encoder(data, latent, rng=rng), architecture.decoder(latent, data, rng=rng)


def applied(architecture, network, x, key=None):
    keys = None if key is None else jax.random.split(key, len(x))
    value = jax.vmap(lambda row, key: architecture(network, row, precision="float32", key=key), in_axes=(0, None if key is None else 0))
    return np.asarray(value(jnp.asarray(x, float), keys))


def never():
    raise AssertionError


def shaken(network, seed=1):
    """The network with every array random."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda array: rng.normal(size=array.shape).astype(np.float32) * 0.4, network)


class TestShapes:
    @pytest.mark.parametrize(("data", "latent"), [((6,), (2,)), ((1,), (1,)), ((2, 5), (3,))], ids=str)
    @pytest.mark.parametrize(("width", "n_blocks", "layer_norm"), [(1, 1, True), (7, 3, False), (16, 2, True)])
    def test_parameters_are_as_many_as_the_formula_says(self, data, latent, width, n_blocks, layer_norm):
        n, k = int(np.prod(data)), int(np.prod(latent))
        for network, (a, b) in zip(networks(Residual(width, n_blocks, layer_norm=layer_norm), data, latent), [(n, k), (k, n)], strict=True):
            wanted = (a + 1) * width + n_blocks * (2 * (width + 1) * width + 2 * width * layer_norm) + (width + 1) * b
            assert sum(np.size(leaf) for leaf in jax.tree.leaves(network)) == wanted

    @pytest.mark.parametrize(("n_features", "width"), [(1, 32), (10, 32), (64, 128), (784, 512)])
    def test_a_width_that_is_not_given_follows_from_the_data(self, n_features, width):
        encoder, decoder = networks(Residual(), (n_features,))
        assert encoder.entry.weight.shape == (n_features, width)
        assert decoder.entry.weight.shape == (2, width)


class TestFormula:
    @pytest.mark.parametrize("n_blocks", [1, 6])
    @pytest.mark.parametrize("layer_norm", [True, False])
    def test_it_begins_as_one_affine_map_each_way(self, n_blocks, layer_norm):
        architecture = Residual(16, n_blocks, layer_norm=layer_norm)
        encoder, _ = networks(architecture)
        by_hand = (ROWS @ encoder.entry.weight + encoder.entry.bias) @ encoder.end.weight + encoder.end.bias
        np.testing.assert_allclose(applied(architecture, encoder, ROWS), by_hand, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("layer_norm", [True, False])
    def test_each_block_adds_to_what_it_is_given(self, layer_norm):
        architecture = Residual(5, 3, activation="tanh", layer_norm=layer_norm)
        encoder = shaken(networks(architecture)[0])
        h = ROWS @ encoder.entry.weight + encoder.entry.bias
        for block in encoder.blocks:
            normed = h
            if layer_norm:
                normed = (h - h.mean(axis=1, keepdims=True)) / np.sqrt(h.var(axis=1, keepdims=True) + 1e-5) * block.gain + block.shift
            h = h + np.tanh(normed @ block.first.weight + block.first.bias) @ block.second.weight + block.second.bias
        by_hand = h @ encoder.end.weight + encoder.end.bias
        np.testing.assert_allclose(applied(architecture, encoder, ROWS), by_hand, rtol=1e-3, atol=1e-4)

    def test_gradients_reach_the_entry_of_a_deep_network_as_that_of_a_shallow_one(self):
        def slope(n_blocks):
            architecture = Residual(8, n_blocks)
            deep, shallow = networks(architecture)[0], networks(Residual(8, 1))[0]
            deep = type(deep)(shallow.entry, deep.blocks, shallow.end, deep.out_shape)
            return jax.grad(lambda tower: jnp.sum(architecture(tower, jnp.asarray(ROWS[0], float), precision="float32", key=None)))(deep)

        np.testing.assert_allclose(slope(9).entry.weight, slope(1).entry.weight, rtol=1e-5)

    def test_the_output_begins_at_the_mean_that_it_is_told(self):
        architecture = Residual(8, 2)
        _, decoder = architecture.start(*networks(architecture), never, np.arange(6.0))
        np.testing.assert_allclose(applied(architecture, decoder, np.zeros((1, 2)))[0], np.arange(6.0), atol=1e-6)


class TestInitialization:
    def test_first_maps_are_drawn_for_their_activation_and_second_ones_are_zero(self):
        encoder, _ = networks(Residual(40, 2, activation="relu", initializer=Orthogonal()), (40,), (10,))
        assert all(np.all(block.second.weight == 0.0) for block in encoder.blocks)
        for weight, gain in [(encoder.entry.weight, 1.0), (encoder.blocks[1].first.weight, np.sqrt(2.0)), (encoder.end.weight, 1.0)]:
            np.testing.assert_allclose(np.linalg.svd(weight, compute_uv=False), gain, rtol=1e-5)

    def test_nothing_asked_for_is_fan_scaled(self):
        for a, b in zip(
            *(jax.tree.leaves(networks(Residual(8, initializer=initializer))) for initializer in (None, FanScaled())), strict=True
        ):
            np.testing.assert_array_equal(a, b)


class TestDropout:
    def test_is_for_training_and_leaves_the_mean(self):
        architecture = Residual(16, 1, dropout=0.3)
        encoder = shaken(networks(architecture)[0])
        row = np.repeat(ROWS[:1], 8000, axis=0)
        plain, dropped = applied(architecture, encoder, row[:1])[0], applied(architecture, encoder, row, key=jax.random.key(0))
        np.testing.assert_array_equal(plain, applied(Residual(16, 1), encoder, row[:1])[0])
        assert np.all(np.abs(dropped.mean(axis=0) - plain) < 5 * dropped.std(axis=0) / np.sqrt(len(row)))
        assert np.all(dropped.std(axis=0) > 0.0)

    def test_blocks_are_silenced_apart(self):
        architecture = Residual(1, 2, activation="identity", layer_norm=False, dropout=0.5)
        encoder = networks(architecture, (1,), (1,))[0]
        one, zero = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
        layer, block = type(encoder.entry), type(encoder.blocks[0])
        adds_one = block(layer(zero, one[0]), layer(one, zero[0]), None, None)
        network = type(encoder)(layer(zero, zero[0]), (adds_one, adds_one), layer(one, zero[0]), (1,))
        sums = applied(architecture, network, np.zeros((2000, 1)), key=jax.random.key(1)).ravel()
        assert set(sums.tolist()) == {0.0, 2.0, 4.0}
        assert abs(np.mean(sums == 2.0) - 0.5) < 5 * np.sqrt(0.25 / 2000)


@pytest.mark.parametrize(
    "changes", [{"width": 9}, {"n_blocks": 3}, {"activation": "relu"}, {"layer_norm": False}, {"dropout": 0.4}, {"dropout": 0.2}], ids=str
)
def test_no_field_is_inert(changes):
    def result(**fields):
        architecture = Residual(**{"width": 8, "dropout": 0.3, **fields})
        return applied(architecture, shaken(networks(architecture)[0]), ROWS, key=jax.random.key(0))

    assert not np.allclose(result(), result(**changes))
