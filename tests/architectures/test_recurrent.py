import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit
from sklearn.decomposition import PCA

from isthmus import Autoencoder, load
from isthmus.architectures import Recurrent
from isthmus.errors import PartError

SIZES = [(1, 1), (3, 1), (4, 2), (1, 3)]


def networks(architecture, data=(6, 2), latent=(3,), seed=0):
    rng = np.random.default_rng(seed)
    return architecture.encoder(data, latent, rng=rng), architecture.decoder(latent, data, rng=rng)


def applied(architecture, network, x):
    value = jax.jit(jax.vmap(lambda row: architecture(network, row, precision="float32", key=None)))
    return np.asarray(value(jnp.asarray(x, float)))


def restored(architecture, halves, x):
    return applied(architecture, halves[1], applied(architecture, halves[0], x))


def n_values(network):
    return sum(np.size(leaf) for leaf in jax.tree.leaves(network))


def waves(n_rows, n_steps, seed):
    """One period and a bit of sines, of any phase and of several lengths."""
    rng = np.random.default_rng(seed)
    length, phase = rng.uniform(0.8, 2.0, (n_rows, 1)), rng.uniform(0, 2 * np.pi, (n_rows, 1))
    return np.sin(2 * np.pi * length * np.arange(n_steps) / n_steps + phase)[:, :, None]


def gru_by_hand(cell, inputs, hidden):
    """The hidden values of every step, as the docstring's formula has them; `inputs` are those of the gates."""
    (w_r, w_z, w_n), found = np.split(np.float64(cell.recurrent), 3, axis=1), []
    for row in inputs:
        x_r, x_z, x_n = np.split(row, 3)
        reset, update = expit(x_r + hidden @ w_r), expit(x_z + hidden @ w_z)
        candidate = np.tanh(x_n + reset * (hidden @ w_n))
        hidden = candidate + update * (hidden - candidate)
        found.append(hidden)
    return np.array(found)


def lstm_by_hand(cell, inputs, hidden, memory):
    found = []
    for row in inputs:
        write, forget, show, candidate = np.split(row + hidden @ np.float64(cell.recurrent), 4)
        memory = expit(forget) * memory + expit(write) * np.tanh(candidate)
        hidden = expit(show) * np.tanh(memory)
        found.append((hidden, memory))
    return np.array(found)


class TestFormula:
    x = np.random.default_rng(1).normal(size=(6, 2))
    code = np.random.default_rng(2).normal(size=3)

    def test_a_gru_reads_to_the_end_and_its_last_state_becomes_the_code(self):
        architecture = Recurrent(hidden_size=4)
        encoder, _ = networks(architecture)
        (cell,), (last,) = encoder.cells, encoder.layers
        states = gru_by_hand(cell, self.x @ cell.inputs + cell.bias, np.zeros(4))
        np.testing.assert_allclose(applied(architecture, encoder, self.x[None])[0], states[-1] @ last.weight + last.bias, atol=1e-5)

    def test_an_lstm_hands_on_its_memory_too(self):
        architecture = Recurrent("lstm", 4)
        encoder, _ = networks(architecture)
        (cell,), (last,) = encoder.cells, encoder.layers
        states = lstm_by_hand(cell, self.x @ cell.inputs + cell.bias, np.zeros(4), np.zeros(4))
        by_hand = np.concatenate(states[-1]) @ last.weight + last.bias
        np.testing.assert_allclose(applied(architecture, encoder, self.x[None])[0], by_hand, atol=1e-5)

    def test_a_gru_writes_from_the_end_with_the_code_at_every_step(self):
        architecture = Recurrent(hidden_size=4)
        _, decoder = networks(architecture)
        (cell,), (start, end) = decoder.cells, decoder.layers
        inputs = self.code @ cell.inputs + cell.bias
        assert inputs.shape == (6, 12)
        states = gru_by_hand(cell, inputs[::-1], self.code @ start.weight + start.bias)[::-1]
        by_hand = states @ end.weight + end.bias.reshape(6, 2)
        np.testing.assert_allclose(applied(architecture, decoder, self.code[None])[0], by_hand, atol=1e-5)

    def test_an_lstm_starts_writing_with_hidden_values_and_memory_from_the_code(self):
        architecture = Recurrent("lstm", 4)
        _, decoder = networks(architecture)
        (cell,), (start, end) = decoder.cells, decoder.layers
        hidden, memory = np.split(self.code @ start.weight + start.bias, 2)
        states = lstm_by_hand(cell, (self.code @ cell.inputs + cell.bias)[::-1], hidden, memory)[::-1, 0]
        by_hand = states @ end.weight + end.bias.reshape(6, 2)
        np.testing.assert_allclose(applied(architecture, decoder, self.code[None])[0], by_hand, atol=1e-5)

    def test_layers_read_each_other_and_the_last_states_of_all_become_the_code(self):
        architecture = Recurrent(hidden_size=4, n_layers=3)
        encoder, _ = networks(architecture)
        values, states = self.x, []
        for cell in encoder.cells:
            values = gru_by_hand(cell, values @ cell.inputs + cell.bias, np.zeros(4))
            states.append(values[-1])
        (last,) = encoder.layers
        by_hand = np.concatenate(states) @ last.weight + last.bias
        np.testing.assert_allclose(applied(architecture, encoder, self.x[None])[0], by_hand, atol=1e-5)

    def test_layers_write_one_after_another_each_from_a_state_of_its_own(self):
        architecture = Recurrent("lstm", 4, 2)
        _, decoder = networks(architecture)
        start, end = decoder.layers
        values, states = self.code, np.split(self.code @ start.weight + start.bias, 4)
        for cell, hidden, memory in zip(decoder.cells, states[:2], states[2:], strict=True):
            values = lstm_by_hand(cell, (values @ cell.inputs + cell.bias)[::-1], hidden, memory)[::-1, 0]
        by_hand = values @ end.weight + end.bias.reshape(6, 2)
        np.testing.assert_allclose(applied(architecture, decoder, self.code[None])[0], by_hand, atol=1e-5)

    @pytest.mark.parametrize("cell", ["gru", "lstm"])
    def test_slopes_are_those_of_finite_differences(self, cell):
        architecture, rng = Recurrent(cell, 3), np.random.default_rng(3)
        halves = networks(architecture)
        directions = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), halves)

        def value(step):
            encoder, decoder = jax.tree.map(lambda leaf, direction: leaf + step * direction, halves, directions)
            code = architecture(encoder, jnp.asarray(self.x), precision="float32", key=None)
            return jnp.sum(jnp.sin(architecture(decoder, code, precision="float32", key=None)))

        def slopes(step):
            return value(step), value(-step), jax.grad(value)(0.0), jax.jvp(value, (0.0,), (1.0,))[1]

        with jax.enable_x64(True):
            there, back, slope, forward = jax.jit(slopes)(1e-5)
            np.testing.assert_allclose(slope, (there - back) / 2e-5, rtol=1e-6)
            np.testing.assert_allclose(forward, slope, rtol=1e-9)

    def test_a_slope_has_a_slope(self):
        architecture = Recurrent(hidden_size=3)
        encoder, _ = networks(architecture)

        def slope(x):
            return jax.grad(lambda x: jnp.sum(jnp.sin(architecture(encoder, x, precision="float32", key=None))))(x)

        with jax.enable_x64(True):
            x, way = jnp.asarray(self.x), jnp.asarray(np.random.default_rng(4).normal(size=(6, 2)))
            there, back, curvature = jax.jit(lambda x: (slope(x + 1e-5 * way), slope(x - 1e-5 * way), jax.jvp(slope, (x,), (way,))[1]))(x)
            np.testing.assert_allclose(curvature, (there - back) / 2e-5, rtol=1e-5, atol=1e-8)


class TestSizes:
    @pytest.mark.parametrize("data", [(1,), (5,), (4, 3), (2, 2, 3)], ids=str)
    @pytest.mark.parametrize(("size", "n_layers"), SIZES)
    @pytest.mark.parametrize(("cell", "n_gates", "n_states"), [("gru", 3, 1), ("lstm", 4, 2)])
    def test_parameters_are_as_many_as_the_formula_says(self, data, size, n_layers, cell, n_gates, n_states):
        n_codes, n_steps, n_features = 2, data[0], math.prod(data[1:])

        def n_cell(inputs):
            return n_gates * size * (inputs + size + 1)

        others, states = (n_layers - 1) * n_cell(size), n_layers * n_states * size
        for path in (False, True):
            architecture = Recurrent(cell, size, n_layers, linear_path=path)
            encoder, decoder = networks(architecture, data, (n_codes,))
            n_path = path * n_codes * n_steps * n_features
            assert n_values(encoder) == n_cell(n_features) + others + (states + 1) * n_codes + n_path
            first = n_cell(n_codes) + (n_steps - 1) * n_gates * size
            ends = (n_codes + 1) * states + size * n_features + n_steps * n_features
            assert n_values(decoder) == first + others + ends + n_path

    @pytest.mark.parametrize(("size", "n_layers"), SIZES)
    @pytest.mark.parametrize("cell", ["gru", "lstm"])
    def test_every_size_leads_from_shape_to_shape(self, size, n_layers, cell):
        architecture = Recurrent(cell, size, n_layers)
        for data, latent in (((1,), (1,)), ((3, 2), (2, 2))):
            for network, given, wanted in zip(networks(architecture, data, latent), (data, latent), (latent, data), strict=True):
                found = jax.eval_shape(lambda x, net=network: architecture(net, x, precision="float32", key=None), jnp.zeros(given))
                assert found.shape == wanted

    def test_axes_after_the_first_are_features(self):
        x = np.random.default_rng(5).normal(size=(3, 4, 6))
        architecture = Recurrent(hidden_size=3)
        flat, folded = (networks(architecture, shape, (2,)) for shape in ((4, 6), (4, 2, 3)))
        together = restored(architecture, flat, x)
        np.testing.assert_array_equal(restored(architecture, folded, x.reshape(3, 4, 2, 3)).reshape(x.shape), together)

    def test_a_row_of_one_axis_is_a_series_of_one_feature(self):
        x = np.random.default_rng(5).normal(size=(3, 4))
        architecture = Recurrent(hidden_size=3)
        row, column = (networks(architecture, shape, (2,)) for shape in ((4,), (4, 1)))
        np.testing.assert_array_equal(restored(architecture, row, x), restored(architecture, column, x[:, :, None])[:, :, 0])

    @pytest.mark.parametrize(
        ("fields", "message"), [({"hidden_size": 0}, "hidden_size"), ({"n_layers": 0}, "n_layers"), ({"cell": "rnn"}, "gru, lstm")]
    )
    def test_no_size_is_zero_and_no_cell_unknown(self, fields, message):
        with pytest.raises(PartError, match=message):
            Recurrent(**fields)


def never():
    raise AssertionError


class TestInitialization:
    def test_recurrent_weights_are_rotations_for_each_gate(self):
        encoder, _ = networks(Recurrent("lstm", 5))
        (cell,) = encoder.cells
        rotations = np.split(cell.recurrent, 4, axis=1)
        for rotation in rotations:
            np.testing.assert_allclose(rotation @ rotation.T, np.eye(5), atol=1e-6)
        assert not np.allclose(rotations[0], rotations[1])

    def test_an_lstm_begins_by_remembering(self):
        encoder, decoder = networks(Recurrent("lstm", 50), data=(40, 2))
        (cell,) = encoder.cells
        np.testing.assert_array_equal(cell.bias, np.repeat([0.0, 1.0, 0.0, 0.0], 50))
        means = [gate.mean() for gate in np.split(decoder.cells[0].bias, 4, axis=1)]
        np.testing.assert_allclose(means, [0.0, 1.0, 0.0, 0.0], atol=5 * 0.5 / math.sqrt(2000))

    def test_the_output_bias_has_the_shape_of_the_series(self):
        architecture = Recurrent(hidden_size=4)
        mean = np.random.default_rng(6).normal(size=(6, 2))
        _, decoder = architecture.start(*networks(architecture), never, mean)
        quiet = eqx.tree_at(lambda net: net.layers[-1].weight, decoder, np.zeros((4, 2), np.float32))
        np.testing.assert_allclose(applied(architecture, quiet, np.ones((1, 3)))[0], mean, rtol=1e-6)

    def test_a_linear_path_starts_at_the_principal_components(self):
        architecture = Recurrent(hidden_size=4, linear_path=True)
        x = waves(50, 6, 7)
        halves = architecture.start(*networks(architecture, (6, 1), (2,)), lambda: (x, x), x.mean(axis=0))
        flat = x.reshape(50, 6)
        pca = PCA(2).fit(flat)
        np.testing.assert_allclose(restored(architecture, halves, x).reshape(50, 6), pca.inverse_transform(pca.transform(flat)), atol=1e-5)


def results(architecture):
    x = np.random.default_rng(8).normal(size=(10, 6, 2))
    return restored(architecture, architecture.start(*networks(architecture), lambda: (x, x), x.mean(axis=0)), x)


@pytest.fixture(scope="module")
def unchanged():
    return results(Recurrent(hidden_size=4))


@pytest.mark.parametrize("changes", [{"cell": "lstm"}, {"hidden_size": 5}, {"n_layers": 2}, {"linear_path": True}], ids=str)
def test_no_field_is_inert(changes, unchanged):
    assert not np.allclose(results(Recurrent(**{"hidden_size": 4, **changes})), unchanged)


@pytest.fixture(scope="module")
def trained():
    autoencoder = Autoencoder(
        3, architecture=Recurrent(hidden_size=16), learning_rate=5e-3, batch_size=32, max_epochs=100, patience=None, random_state=0
    )
    return autoencoder.fit(waves(300, 20, seed=0))


@pytest.mark.slow
def test_waves_of_any_phase_come_back_better_than_from_principal_components(trained):
    x, unseen = waves(300, 20, seed=0).reshape(300, -1), waves(200, 20, seed=1)
    pca = PCA(3).fit(x)
    flat = unseen.reshape(200, -1)
    linear = np.mean((pca.inverse_transform(pca.transform(flat)) - flat) ** 2)
    assert np.mean((trained.reconstruct(unseen) - unseen) ** 2) < 0.5 * linear


@pytest.mark.slow
def test_a_trained_model_comes_back_from_its_file(trained, tmp_path):
    x = waves(20, 20, seed=2)
    trained.save(tmp_path / "waves.isthmus")
    again = load(tmp_path / "waves.isthmus")
    np.testing.assert_array_equal(again.transform(x), trained.transform(x))
    np.testing.assert_array_equal(again.reconstruct(x), trained.reconstruct(x))
    assert again.model_.parts.architecture == Recurrent(hidden_size=16)
