import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf, softmax
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from isthmus import Autoencoder, load
from isthmus.architectures import Transformer
from isthmus.architectures._patches import Patches
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts

SMALL = Transformer(4, 1, 2, (2,), linear_path=False)
GEOMETRIES = [((6, 2), (3,)), ((7, 2), (3,)), ((7,), (3,)), ((4, 6), (2, 3)), ((5, 4, 2), (2, 3)), ((3, 4, 5), (2, 2, 2)), ((2, 3), (5, 1))]


def networks(architecture, data=(6, 2), latent=(3,), seed=0):
    rng = np.random.default_rng(seed)
    return architecture.encoder(data, latent, rng=rng), architecture.decoder(latent, data, rng=rng)


def applied(architecture, network, x, key=None):
    def value(x, key):
        return architecture(network, x, precision="float32", key=key)

    keys = None if key is None else jax.random.split(key, len(x))
    return np.asarray(jax.jit(jax.vmap(value, in_axes=(0, None if key is None else 0)))(jnp.asarray(x, float), keys))


def restored(architecture, halves, x, key=None):
    return applied(architecture, halves[1], applied(architecture, halves[0], x, key), key)


def n_values(network):
    return sum(np.size(leaf) for leaf in jax.tree.leaves(network))


def normalized(tokens, gain):
    return tokens / np.sqrt(np.mean(tokens**2, axis=1, keepdims=True) + 1e-5) * gain


def block_by_hand(block, tokens, n_heads):
    """The docstring's two lines, head by head."""
    width = tokens.shape[1]
    queries, keys, values = np.split(normalized(tokens, block.attention_gain) @ block.into, 3, axis=1)
    seen = []
    for own in np.split(np.arange(width), n_heads):
        scores = queries[:, own] @ keys[:, own].T / np.sqrt(width / n_heads)
        seen.append(softmax(scores, axis=1) @ values[:, own])
    tokens = tokens + np.concatenate(seen, axis=1) @ block.out
    hidden = normalized(tokens, block.gain) @ block.first.weight + block.first.bias
    gelu = 0.5 * hidden * (1 + np.tanh(np.sqrt(2 / np.pi) * (hidden + 0.044715 * hidden**3)))
    assert np.max(np.abs(gelu - 0.5 * hidden * (1 + erf(hidden / np.sqrt(2))))) < 2e-3
    return tokens + gelu @ block.second.weight + block.second.bias


class TestPatches:
    @pytest.mark.parametrize(("shape", "sizes"), GEOMETRIES, ids=str)
    def test_are_joined_to_the_row_that_was_cut(self, shape, sizes):
        patches, x = Patches(shape, sizes), np.random.default_rng(1).normal(size=shape).astype(np.float32)
        cut = patches.cut(jnp.asarray(x))
        assert cut.shape == (patches.n_patches, patches.n_values)
        np.testing.assert_array_equal(patches.joined(cut), x)
        np.testing.assert_allclose(jnp.sum(cut**2), np.sum(x**2), rtol=1e-6)

    def test_of_an_image_are_its_squares(self):
        x = np.arange(24.0, dtype=np.float32).reshape(4, 6)
        cut = np.asarray(Patches((4, 6), (2, 3)).cut(x))
        by_hand = [x[row : row + 2, column : column + 3].ravel() for row in (0, 2) for column in (0, 3)]
        np.testing.assert_array_equal(cut, by_hand)

    def test_of_a_series_are_its_pieces_continued_by_zeros(self):
        x = np.arange(10.0, dtype=np.float32).reshape(5, 2)
        np.testing.assert_array_equal(Patches((5, 2), (3,)).cut(x), [x[:3].ravel(), [*x[3:].ravel(), 0.0, 0.0]])

    @pytest.mark.parametrize(
        ("shape", "sizes"),
        [
            ((32,), (1,)),
            ((33,), (2,)),
            ((64, 3), (2,)),
            ((8, 8), (1,)),
            ((5, 5, 1), (1, 1)),
            ((8, 8, 1), (2, 2)),
            ((28, 28, 3), (6, 6)),
            ((1,), (1,)),
        ],
        ids=str,
    )
    def test_are_the_smallest_that_are_few_when_nobody_says(self, shape, sizes):
        chosen, named = (networks(Transformer(4, 1, 1, patch), shape, (1,)) for patch in (None, sizes))
        assert jax.tree.structure(chosen) == jax.tree.structure(named)
        assert all(a.shape == b.shape for a, b in zip(jax.tree.leaves(chosen), jax.tree.leaves(named), strict=True))
        assert Patches(shape, sizes).n_patches <= 32


class TestFormula:
    def test_the_encoder_is_patches_then_blocks_then_one_affine_map(self):
        x = np.random.default_rng(2).normal(size=(6, 2))
        architecture = Transformer(4, 2, 2, (2,), linear_path=False)
        encoder, _ = networks(architecture)
        tokens = x.reshape(3, 4) @ encoder.entry.weight + encoder.entry.bias
        for block in encoder.blocks:
            tokens = block_by_hand(block, tokens, 2)
        (last,) = encoder.layers
        by_hand = normalized(tokens, encoder.gain).ravel() @ last.weight + last.bias
        np.testing.assert_allclose(applied(architecture, encoder, x[None])[0], by_hand, atol=1e-5)

    def test_the_decoder_is_its_mirror_image(self):
        code = np.random.default_rng(3).normal(size=3)
        _, decoder = networks(SMALL)
        tokens = (code @ decoder.entry.weight).reshape(3, 4) + decoder.entry.bias
        (block,), (last,) = decoder.blocks, decoder.layers
        patches = normalized(block_by_hand(block, tokens, 2), decoder.gain) @ last.weight
        by_hand = patches.reshape(6, 2) + last.bias.reshape(6, 2)
        np.testing.assert_allclose(applied(SMALL, decoder, code[None])[0], by_hand, atol=1e-5)

    def test_only_positions_tell_tokens_apart(self):
        encoder, _ = networks(SMALL)
        x = np.random.default_rng(4).normal(size=(3, 2, 2))
        turned = np.stack([x.reshape(6, 2), x[[2, 0, 1]].reshape(6, 2)])
        summing = np.tile(np.eye(4, 3, dtype=np.float32), (3, 1))
        told = eqx.tree_at(lambda net: net.layers[0].weight, encoder, summing)
        untold = eqx.tree_at(lambda net: net.entry.bias, told, np.zeros_like(encoder.entry.bias))
        np.testing.assert_allclose(*applied(SMALL, untold, turned), atol=1e-5)
        assert np.max(np.abs(np.diff(applied(SMALL, told, turned), axis=0))) > 0.01

    def test_every_step_sees_every_other(self):
        architecture = Transformer(4, 1, 2, (1,), linear_path=False)
        _, decoder = networks(architecture, (5,))
        first_alone = np.where(np.arange(20) < 4, decoder.entry.weight, np.float32(0.0))
        decoder = eqx.tree_at(lambda net: net.entry.weight, decoder, first_alone)
        slopes = jax.jit(jax.jacobian(lambda code: architecture(decoder, code, precision="float32", key=None)))(jnp.ones(3))
        assert jnp.all(jnp.any(slopes != 0.0, axis=1))


class TestSizes:
    @pytest.mark.parametrize(("data", "patch"), [((1,), (1,)), ((5,), (2,)), ((4, 3), (3,)), ((5, 4, 2), (2, 3))], ids=str)
    @pytest.mark.parametrize(("width", "n_layers", "n_heads", "mlp_ratio"), [(1, 1, 1, 1), (4, 2, 2, 3), (6, 3, 6, 1)])
    def test_parameters_are_as_many_as_the_formula_says(self, data, patch, width, n_layers, n_heads, mlp_ratio):
        n_tokens = math.prod(-(-extent // size) for extent, size in zip(data, patch, strict=False))
        n_patch, n, k = math.prod(patch) * math.prod(data[len(patch) :]), math.prod(data), 2
        block = 4 * width**2 + 2 * width + 2 * mlp_ratio * width**2 + mlp_ratio * width + width
        for path in (False, True):
            encoder, decoder = networks(Transformer(width, n_layers, n_heads, patch, mlp_ratio, linear_path=path), data, (k,))
            common = n_tokens * width + n_layers * block + width + path * n * k
            assert n_values(encoder) == n_patch * width + common + (n_tokens * width + 1) * k
            assert n_values(decoder) == k * n_tokens * width + common + width * n_patch + n

    @pytest.mark.parametrize(("shape", "sizes"), GEOMETRIES, ids=str)
    def test_every_shape_comes_back(self, shape, sizes):
        architecture = Transformer(1, 1, 1, sizes, 1)
        for network, given, wanted in zip(networks(architecture, shape, (2, 2)), (shape, (2, 2)), ((2, 2), shape), strict=True):
            found = jax.eval_shape(lambda x, net=network: architecture(net, x, precision="float32", key=None), jnp.zeros(given))
            assert found.shape == wanted

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"width": 10, "n_heads": 4}, r"`n_heads`=4 does not divide `width`=10.*Choose a width of 12, or another number of heads\."),
            ({"patch": ()}, r"`patch`=\(\) has no sizes\. Give one for each axis that is cut"),
            ({"patch": (4, 0)}, r"`transformer\.patch` must be in \[1, inf\); got 0\."),
        ],
        ids=str,
    )
    def test_what_makes_no_sense_is_refused(self, fields, message):
        with pytest.raises(PartError, match=message):
            Transformer(**fields)

    def test_more_patch_sizes_than_axes_are_refused_when_the_data_are_known(self):
        architecture = Transformer(patch=(4, 4))
        with pytest.raises(
            PartError, match=r"`patch`=\(4, 4\) has 2 sizes, more than there are axes in rows of shape \(64,\)\. Give at most 1, or pass"
        ):
            Parts(architecture, SquaredError(), data_shape=(64,), latent_shape=(2,))
        assert Parts(architecture, SquaredError(), data_shape=(3, 2), latent_shape=(2,)).architecture == architecture


class TestDropout:
    x = np.random.default_rng(5).normal(size=(4, 6, 2))

    def test_is_off_outside_training_and_without_effect_at_zero(self):
        encoder, _ = networks(SMALL)
        whole = applied(SMALL, encoder, self.x)
        assert not SMALL.is_random
        assert Transformer(dropout=0.0).is_random
        np.testing.assert_array_equal(applied(Transformer(4, 1, 2, (2,), dropout=0.5, linear_path=False), encoder, self.x), whole)
        zero = Transformer(4, 1, 2, (2,), dropout=0.0, linear_path=False)
        np.testing.assert_allclose(applied(zero, encoder, self.x, key=jax.random.key(0)), whole, atol=1e-5)

    def test_a_higher_rate_moves_the_code_further(self):
        encoder, _ = networks(SMALL)
        row, whole = np.repeat(self.x[:1], 500, axis=0), applied(SMALL, encoder, self.x[:1])
        low, high = (
            applied(Transformer(4, 1, 2, (2,), dropout=rate, linear_path=False), encoder, row, key=jax.random.key(1))
            for rate in (0.05, 0.5)
        )
        assert np.unique(high, axis=0).shape[0] > 100
        assert 1.5 * np.std(low - whole) < np.std(high - whole)


class TestStart:
    x = np.random.default_rng(6).normal(size=(50, 6, 2)) * np.linspace(1, 3, 6)[:, None]

    def test_the_linear_path_starts_at_the_principal_components(self):
        architecture = Transformer(4, 1, 2, (2,))
        halves = architecture.start(*networks(architecture), lambda: (self.x, self.x), self.x.mean(axis=0))
        flat = self.x.reshape(50, 12)
        pca = PCA(3).fit(flat)
        np.testing.assert_allclose(
            restored(architecture, halves, self.x).reshape(50, 12), pca.inverse_transform(pca.transform(flat)), atol=1e-4
        )

    def test_without_it_no_rows_are_asked_for(self):
        def never():
            raise AssertionError

        _, decoder = SMALL.start(*networks(SMALL), never, self.x.mean(axis=0))
        np.testing.assert_allclose(decoder.layers[-1].bias, self.x.mean(axis=0).ravel(), rtol=1e-6)


def results(architecture):
    """What a row comes back as, in a training step before the first."""
    x = np.random.default_rng(8).normal(size=(10, 6, 2))
    halves = architecture.start(*networks(architecture), lambda: (x, x), x.mean(axis=0))
    return restored(architecture, halves, x, jax.random.key(0))


@pytest.fixture(scope="module")
def unchanged():
    return results(SMALL)


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 6},
        {"n_layers": 2},
        {"n_heads": 1},
        {"patch": (3,)},
        {"mlp_ratio": 3},
        {"activation": "relu"},
        {"dropout": 0.2},
        {"linear_path": True},
    ],
    ids=str,
)
def test_no_field_is_inert(changes, unchanged):
    assert not np.allclose(results(dataclasses.replace(SMALL, **changes)), unchanged)


@pytest.fixture(scope="module")
def digits():
    images = load_digits().images[np.random.default_rng(0).permutation(1797)]
    return images[:800], images[800:]


@pytest.fixture(scope="module")
def trained(digits):
    architecture = Transformer(16, 1, 2, (2, 2), linear_path=False)
    return Autoencoder(8, architecture=architecture, learning_rate=3e-3, batch_size=64, max_epochs=60, random_state=0).fit(digits[0])


@pytest.mark.slow
def test_digits_come_back_better_than_from_principal_components(trained, digits):
    seen, unseen = (part.reshape(len(part), -1) for part in digits)
    pca = PCA(8).fit(seen)
    linear = np.mean((pca.inverse_transform(pca.transform(unseen)) - unseen) ** 2)
    assert np.mean((trained.reconstruct(digits[1]).reshape(unseen.shape) - unseen) ** 2) < 0.85 * linear


@pytest.mark.slow
def test_a_trained_model_comes_back_from_its_file(trained, digits, tmp_path):
    trained.save(tmp_path / "digits.isthmus")
    again = load(tmp_path / "digits.isthmus")
    np.testing.assert_array_equal(again.transform(digits[1][:20]), trained.transform(digits[1][:20]))
    np.testing.assert_array_equal(again.reconstruct(digits[1][:20]), trained.reconstruct(digits[1][:20]))
    assert again.model_.parts.architecture == Transformer(16, 1, 2, (2, 2), linear_path=False)
