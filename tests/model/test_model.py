"""Where the parts meet: what may be combined, where training starts, what a model costs."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._activations import ACTIVATIONS
from isthmus._component import choices, part_name
from isthmus.architectures import Dense, Linear
from isthmus.bottlenecks import Gaussian
from isthmus.errors import PartError
from isthmus.losses import AbstractLoss, Bernoulli, SquaredError
from isthmus.model import Model, Parts, forward_flops, zero_share
from isthmus.priors import StandardNormal
from isthmus.regularizers import L1, L2
from losses.examples import accepted, is_accepted
from model.stand_ins import LearnedScale, Normal, Sampled

LOSSES = [loss() for loss in choices(AbstractLoss).values()]
OF_TABLES = [loss for loss in LOSSES if is_accepted(loss, (6,))]
MEAN = np.array([0.04, 0.12, 0.2, 0.28, 0.345, 0.015])  # sums to one, as a row of shares does


def parts_of(loss=None, architecture=None, **options):
    shapes = {"data_shape": (6,), "latent_shape": (2,)} | options
    return Parts(architecture or Dense(hidden_dims=(4,)), loss or SquaredError(), **shapes)


def model_of(parts, seed=0):
    return Model.init(parts, rng=np.random.default_rng(seed))


def unused():
    raise AssertionError("an architecture without a linear path asks for no rows")


def rows(n_rows=5, n_features=6):
    return jnp.asarray(np.random.default_rng(1).uniform(size=(n_rows, n_features)), jnp.float32)


def allowed(loss):
    return [None, *(name for name in ACTIVATIONS if loss.link in ("identity", name))]


class TestOutputBias:
    @pytest.mark.parametrize("loss", [*OF_TABLES, LearnedScale()], ids=repr)
    @pytest.mark.parametrize("architecture", [Linear(), Dense(hidden_dims=(4,)), Dense(hidden_dims=(5, 3), layer_norm=True)], ids=repr)
    def test_starts_at_the_mean_of_the_data(self, loss, architecture):
        model = model_of(parts_of(loss, architecture)).started(unused, MEAN, rng=np.random.default_rng(0))
        np.testing.assert_allclose(model.decode(jnp.zeros((1, 2)))[0], MEAN if architecture == Linear() else self.bare(model), rtol=1e-5)
        np.testing.assert_allclose(self.bare(model), MEAN, rtol=1e-5)

    @pytest.mark.parametrize(("loss", "name"), [(loss, name) for loss in OF_TABLES for name in allowed(loss)], ids=str)
    def test_starts_at_the_mean_through_every_output_activation(self, loss, name):
        mean, tolerance = MEAN, 1e-5
        if name in ("gelu", "silu"):
            mean, tolerance = 8.0 + mean, 1e-3  # where their inverses are near the identity
        model = model_of(parts_of(loss, output_activation=name)).started(unused, mean, rng=np.random.default_rng(0))
        np.testing.assert_allclose(self.bare(model), mean, rtol=tolerance)

    @pytest.mark.parametrize("name", ["identity", "tanh", "elu", "selu", "leaky_relu"])
    def test_may_be_negative(self, name):
        mean = np.array([-0.9, -0.3, -0.01, 0.0, 0.4, 0.9])
        model = model_of(parts_of(output_activation=name)).started(unused, mean, rng=np.random.default_rng(0))
        np.testing.assert_allclose(self.bare(model), mean, rtol=1e-5, atol=1e-7)

    @pytest.mark.parametrize("name", ACTIVATIONS)
    @pytest.mark.parametrize("mean", [-5.0, 0.0, 1.0, 5.0])
    def test_of_a_mean_out_of_reach_is_finite(self, name, mean):
        model = model_of(parts_of(output_activation=name)).started(unused, np.full(6, mean), rng=np.random.default_rng(0))
        assert np.all(np.isfinite(model.weights.decoder.layers[-1].bias))
        assert np.all(np.isfinite(model.reconstruct(rows())))

    def bare(self, model):
        """The reconstruction that the biases alone give."""
        decoder = eqx.tree_at(lambda net: net.layers[-1].weight, model.weights.decoder, replace_fn=np.zeros_like)
        return model._replace(weights=model.weights._replace(decoder=decoder)).reconstruct(rows())[0]


class TestCombinations:
    @pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "sigmoid"])
    def test_an_output_activation_beside_a_link_is_refused(self, name):
        message = (
            rf"`output_activation`='{name}' does not go with the loss 'bernoulli', which takes its raw outputs through 'sigmoid'\. Leave it"
        )
        with pytest.raises(PartError, match=message):
            parts_of(Bernoulli(), output_activation=name)

    def test_the_links_own_activation_is_the_link(self):
        named, plain = (model_of(parts_of(Bernoulli(), output_activation=name)) for name in ("sigmoid", None))
        assert named.parts.reconstruction_activation == plain.parts.reconstruction_activation == "sigmoid"
        np.testing.assert_array_equal(named.outputs(rows(n_features=2), key=None), plain.outputs(rows(n_features=2), key=None))
        np.testing.assert_array_equal(named.reconstruct(rows()), plain.reconstruct(rows()))

    def test_the_same_penalty_twice_is_refused(self):
        with pytest.raises(
            PartError, match=r"`regularizers` holds the same kind twice: \['l2', 'l1', 'l2'\]\. Give each once, with the sum"
        ):
            parts_of(regularizers=(L2(0.1), L1(), L2(0.2)))

    def test_an_unknown_precision_is_refused(self):
        with pytest.raises(PartError, match=r"Unknown `parts.precision` 'float16'\. Choose one of: float32, bfloat16"):
            parts_of(precision="float16")

    @pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: part_name(type(loss)))
    def test_every_loss_goes_with_every_bottleneck(self, loss):
        for options in ({}, {"bottleneck": Normal(), "prior": StandardNormal()}, {"bottleneck": Sampled()}):
            shape = accepted(loss)[0]
            model = model_of(parts_of(loss, data_shape=shape, **options))
            x = jnp.zeros((5, *shape))
            assert model.encode(x).shape == (5, 2)
            assert model.reconstruct(x).shape == x.shape


class TestModel:
    def test_initial_weights_depend_on_the_generator_alone(self):
        parts = parts_of(LearnedScale(), bottleneck=Sampled())
        first, again, other = (model_of(parts, seed) for seed in (3, 3, 4))
        same = [np.array_equal(a, b) for a, b in zip(jax.tree.leaves(first.weights), jax.tree.leaves(again.weights), strict=True)]
        assert all(same)
        assert not np.array_equal(first.weights.encoder.layers[0].weight, other.weights.encoder.layers[0].weight)

    def test_weights_hold_what_each_part_learns(self):
        weights = model_of(parts_of(LearnedScale(), bottleneck=Sampled(), prior=StandardNormal(), regularizers=(L2(),))).weights
        assert weights.loss["log_scale"].shape == (6,)
        assert weights.bottleneck.shape == ()
        assert weights.prior == ()
        assert weights.regularizers == ((),)
        assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(weights))

    def test_a_code_activation_leaves_scales_alone(self):
        bounded, free = (
            model_of(parts_of(code_activation=activation, bottleneck=Gaussian(), prior=StandardNormal())).hidden(rows(), key=None)
            for activation in ("tanh", None)
        )
        n = bounded.shape[1] // 2
        np.testing.assert_allclose(bounded[:, :n], np.tanh(free[:, :n]), rtol=1e-5)
        np.testing.assert_array_equal(bounded[:, n:], free[:, n:])

    def test_a_code_activation_bounds_the_code(self):
        model = model_of(parts_of(code_activation="sigmoid"))
        plain = model._replace(parts=parts_of())
        codes = np.float64(plain.encode(rows()))
        np.testing.assert_allclose(model.encode(rows()), 1 / (1 + np.exp(-codes)), rtol=1e-5)

    def test_an_output_activation_is_applied_before_the_loss_and_in_reconstructions(self):
        model = model_of(parts_of(output_activation="tanh"))
        plain = model._replace(parts=parts_of())
        np.testing.assert_allclose(model.reconstruct(rows()), np.tanh(plain.reconstruct(rows())), rtol=1e-5)

    def test_encoding_a_batch_is_encoding_its_rows(self):
        model = model_of(parts_of(architecture=Dense(hidden_dims=(4,), layer_norm=True, dropout=0.3)))
        x = rows()
        np.testing.assert_allclose(model.reconstruct(x), jnp.concatenate([model.reconstruct(row[None]) for row in x]), rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("shape", [(6,), (2, 3), (3, 2, 1)])
    def test_rows_may_have_any_shape(self, shape):
        model = model_of(parts_of(data_shape=shape)).started(unused, np.full(shape, 0.5), rng=np.random.default_rng(0))
        flat = rows()
        x = flat.reshape(5, *shape)
        assert model.reconstruct(x).shape == x.shape
        reference = model_of(parts_of()).started(unused, np.full(6, 0.5), rng=np.random.default_rng(0))
        np.testing.assert_allclose(model.reconstruct(x).reshape(5, 6), reference.reconstruct(flat), rtol=1e-6)

    def test_a_saved_weight_tree_rebuilds_the_model(self):
        model = model_of(parts_of(LearnedScale()))
        leaves, treedef = jax.tree.flatten(model)
        again = jax.tree.unflatten(treedef, leaves)
        np.testing.assert_array_equal(again.reconstruct(rows()), model.reconstruct(rows()))
        assert again.parts == model.parts


def dense_flops(sizes, hidden):
    """Two a product of `n * m` weights, one a bias, one a rectified unit."""
    products = sum(2 * a * b + b for a, b in itertools.pairwise(sizes))
    return products + sum(hidden)


@pytest.mark.parametrize(("n_features", "hidden"), [(6, ()), (100, (20,)), (784, (128, 64))])
def test_forward_flops_are_those_of_the_products(n_features, hidden):
    parts = Parts(Dense(hidden_dims=hidden), SquaredError(), data_shape=(n_features,), latent_shape=(3,))
    sizes = (n_features, *hidden, 3, *hidden[::-1], n_features)
    assert forward_flops(parts) == dense_flops(sizes, hidden + hidden[::-1])


def test_the_share_of_zeros_is_that_of_the_matrices():
    model = model_of(parts_of(architecture=Linear()))
    assert zero_share(model) == 0.0  # biases are zero and do not count
    weight = np.where(np.arange(6)[:, None] < 3, 0.0, model.weights.encoder.layers[0].weight)
    encoder = eqx.tree_at(lambda net: net.layers[0].weight, model.weights.encoder, weight)
    assert zero_share(model._replace(weights=model.weights._replace(encoder=encoder))) == 0.25
