import dataclasses
import itertools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from sklearn.decomposition import PCA

from isthmus import Autoencoder
from isthmus.architectures import Dense, Tied
from isthmus.errors import PartError
from isthmus.initializers import Orthogonal
from isthmus.losses import AbstractLoss, SquaredError
from isthmus.model import Model, Objective, Parts
from isthmus.optimizers import Adam
from isthmus.regularizers import L1, L2, View
from isthmus.training import Plan, Rows, train
from model.stand_ins import Normal

ROWS = np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32)


def networks(architecture, data=(6,), latent=(2,), seed=0):
    rng = np.random.default_rng(seed)
    return architecture.encoder(data, latent, rng=rng), architecture.decoder(latent, data, rng=rng)


def applied(architecture, network, x, key=None):
    keys = None if key is None else jax.random.split(key, len(x))
    value = jax.vmap(lambda row, key: architecture(network, row, precision="float32", key=key), in_axes=(0, None if key is None else 0))
    return np.asarray(value(jnp.asarray(x, float), keys))


def never():
    raise AssertionError


def matrices(network):
    return [np.asarray(layer.weight) for layer in network.layers]


class TestNetworks:
    @pytest.mark.parametrize("hidden_dims", [(), (5,), (16, 8), (3, 9, 4)], ids=str)
    @pytest.mark.parametrize("data", [(6,), (2, 3)], ids=str)
    def test_the_decoder_has_the_transposed_matrices_and_biases_of_its_own(self, hidden_dims, data):
        encoder, decoder = networks(Tied(hidden_dims), data)
        joined = Tied(hidden_dims).joined(encoder, decoder)
        sizes = [6, *hidden_dims, 2]
        assert [matrix.shape for matrix in matrices(encoder)] == list(itertools.pairwise(sizes))
        assert [bias.shape for bias in jax.tree.leaves(decoder)] == [(size,) for size in sizes[-2::-1]]
        for there, back in zip(matrices(encoder), matrices(joined)[::-1], strict=True):
            np.testing.assert_array_equal(there.T, back)
        for own, back in zip(decoder.biases, joined.layers, strict=True):
            assert back.bias is own

    def test_widths_that_are_not_given_are_those_of_dense(self):
        encoder, _ = networks(Tied(), (64,))
        assert [matrix.shape for matrix in matrices(encoder)] == [(64, 128), (128, 64), (64, 2)]

    def test_there_and_back_by_hand(self):
        architecture = Tied((5, 4), activation="tanh")
        encoder, decoder = networks(architecture)
        rng = np.random.default_rng(1)
        encoder, decoder = jax.tree.map(lambda array: rng.normal(size=array.shape).astype(np.float32), (encoder, decoder))
        first, second, last = encoder.layers
        codes = np.tanh(np.tanh(ROWS @ first.weight + first.bias) @ second.weight + second.bias) @ last.weight + last.bias
        values = np.tanh(np.tanh(codes @ last.weight.T + decoder.biases[0]) @ second.weight.T + decoder.biases[1])
        np.testing.assert_allclose(applied(architecture, encoder, ROWS), codes, rtol=1e-4, atol=1e-4)
        found = applied(architecture, architecture.joined(encoder, decoder), codes)
        np.testing.assert_allclose(found, values @ first.weight.T + decoder.biases[2], rtol=1e-4, atol=1e-4)

    def test_activation_is_smooth_only_in_the_network_that_is_chosen(self):
        for architecture, named in ((Tied(), Tied(activation="silu")), (Tied((4,)), Tied((4,), activation="relu"))):
            encoder, _ = networks(architecture)
            np.testing.assert_array_equal(applied(architecture, encoder, ROWS), applied(named, encoder, ROWS))

    def test_the_encoder_is_drawn_as_that_of_dense(self):
        for initializer in (None, Orthogonal()):
            tied, dense = (networks(part((5, 4), initializer=initializer))[0] for part in (Tied, Dense))
            for a, b in zip(jax.tree.leaves(tied), jax.tree.leaves(dense), strict=True):
                np.testing.assert_array_equal(a, b)

    def test_dropout_is_for_training_and_leaves_the_mean(self):
        architecture = Tied((16,), activation="identity", dropout=0.3)
        encoder, decoder = networks(architecture)
        joined = architecture.joined(encoder, decoder)
        code = np.repeat([[1.0, -2.0]], 8000, axis=0)
        plain, dropped = applied(architecture, joined, code[:1])[0], applied(architecture, joined, code, key=jax.random.key(0))
        assert np.all(np.abs(dropped.mean(axis=0) - plain) < 5 * dropped.std(axis=0) / np.sqrt(len(code)))
        assert np.all(dropped.std(axis=0) > 0.0)

    def test_the_output_begins_at_the_mean_that_it_is_told(self):
        _, decoder = Tied((5,)).start(*networks(Tied((5,))), never, np.arange(6.0))
        np.testing.assert_array_equal(decoder.biases[-1], np.arange(6.0))


class TestCombinations:
    def test_a_bottleneck_that_wants_more_numbers_is_refused(self):
        with pytest.raises(
            PartError,
            match=r"The bottleneck 'normal' asks the encoder for \(4,\) to make a code of \(2,\)\. Choose another bottleneck, or the archi",
        ):
            Parts(Tied(), SquaredError(), data_shape=(6,), latent_shape=(2,), bottleneck=Normal())

    def test_a_loss_that_wants_more_numbers_is_refused(self):
        class Twice(AbstractLoss):
            def output_shape(self, shape):
                return (2, *shape)

            def __call__(self, weights, outputs, x):
                raise NotImplementedError

            def mean(self, outputs):
                raise NotImplementedError

        with pytest.raises(PartError, match=r"The loss 'twice' asks the decoder for \(2, 6\) to give back rows of \(6,\)\. Choose another"):
            Parts(Tied(), Twice(), data_shape=(6,), latent_shape=(2,))

    @pytest.mark.parametrize(("penalty", "value"), [(L1(), np.abs), (L2(), np.square)], ids=["l1", "l2"])
    def test_a_penalty_sees_each_matrix_once(self, penalty, value):
        encoder, decoder = jax.tree.map(jnp.asarray, networks(Tied((5, 4))))
        weights = SimpleNamespace(encoder=encoder, decoder=decoder)
        view = View(x=None, mask=None, hidden=None, code=None, prior=None, weights=weights, encode=None, decode=None)
        wanted = sum(value(matrix).sum() for matrix in matrices(encoder))
        np.testing.assert_allclose(penalty((), view, key=None), wanted, rtol=1e-5)


def trained(frozen):
    """A model before and after twenty epochs."""
    architecture = Tied((5,), activation="tanh")
    parts = Parts(architecture, SquaredError(), data_shape=(6,), latent_shape=(2,))
    model = Model.init(parts, rng=np.random.default_rng(0))
    rows, seed = Rows({"x": ROWS}, len(ROWS)), np.zeros(2, np.uint32)
    optimizer = dataclasses.replace(Adam(0.05), frozen=frozen)
    result = train(Objective(parts), model.weights, model.state, rows, optimizer=optimizer, plan=Plan(20, 16), seed=seed, shared={})
    assert result.history["loss"][-1] < result.history["loss"][0]
    return model.weights, result.weights, architecture.joined(result.weights.encoder, result.weights.decoder)


class TestTraining:
    def test_both_directions_move_together(self):
        before, after, joined = trained(())
        for old, new, back in zip(matrices(before.encoder), matrices(after.encoder), matrices(joined)[::-1], strict=True):
            assert not np.allclose(old, new)
            np.testing.assert_array_equal(new.T, back)

    def test_a_frozen_encoder_keeps_the_decoders_matrices_too(self):
        before, after, joined = trained(("encoder",))
        for old, new in zip(jax.tree.leaves(before.encoder), jax.tree.leaves(after.encoder), strict=True):
            np.testing.assert_array_equal(old, new)
        for old, back in zip(matrices(before.encoder), matrices(joined)[::-1], strict=True):
            np.testing.assert_array_equal(old.T, back)
        assert all(np.all(old != new) for old, new in zip(before.decoder.biases, after.decoder.biases, strict=True))

    def test_a_frozen_decoder_keeps_its_biases_alone(self):
        before, after, _ = trained(("decoder",))
        for old, new in zip(before.decoder.biases, after.decoder.biases, strict=True):
            np.testing.assert_array_equal(old, new)
        assert not np.allclose(matrices(before.encoder)[0], matrices(after.encoder)[0])


def test_a_linear_one_has_orthonormal_columns_that_span_the_principal_subspace():
    rng = np.random.default_rng(2)
    turned = scipy.linalg.qr(rng.normal(size=(10, 10)))[0]
    rows = (rng.normal(size=(400, 10)) * np.array([4.0, 3.0, 2.0] + 7 * [0.8])) @ turned + rng.normal(size=10)
    autoencoder = Autoencoder(
        3,
        architecture=Tied(()),
        optimizer="adam",
        learning_rate=0.02,
        max_epochs=150,
        patience=None,
        validation_fraction=None,
        random_state=0,
    )
    autoencoder.set_params(optimizer__schedule="cosine").fit(rows)
    (layer,) = autoencoder.model_.weights.encoder.layers
    np.testing.assert_allclose(layer.weight.T @ layer.weight, np.eye(3), atol=0.02)
    pca = PCA(3).fit(rows)
    assert np.degrees(scipy.linalg.subspace_angles(layer.weight, pca.components_.T)).max() < 1.0
    best = np.sum((rows - pca.inverse_transform(pca.transform(rows))) ** 2, axis=1).mean()
    assert best * (1 - 1e-6) <= -autoencoder.score(rows) <= 1.01 * best


@pytest.mark.parametrize("changes", [{"hidden_dims": (6, 4)}, {"hidden_dims": None}, {"activation": "tanh"}, {"dropout": 0.4}], ids=str)
def test_no_field_is_inert(changes):
    def results(architecture):
        encoder, decoder = networks(architecture)
        codes = applied(architecture, encoder, ROWS, key=jax.random.key(0))
        return applied(architecture, architecture.joined(encoder, decoder), codes, key=jax.random.key(1))

    assert not np.allclose(results(Tied((5, 4))), results(Tied(**{"hidden_dims": (5, 4), **changes})))


def test_it_is_saved_and_loaded_bit_for_bit(tmp_path):
    autoencoder = Autoencoder(2, architecture=Tied((5,), initializer="orthogonal"), max_epochs=2, random_state=0).fit(ROWS)
    autoencoder.save(tmp_path / "tied.isthmus")
    again = Autoencoder.load(tmp_path / "tied.isthmus")
    assert again.model_.parts == autoencoder.model_.parts
    np.testing.assert_array_equal(again.reconstruct(ROWS), autoencoder.reconstruct(ROWS))
