"""Networks taken apart into pairs of layers, and put together again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._activations import activate
from isthmus.architectures import Dense, Linear, Residual, Tied
from isthmus.errors import PartError

ARCHITECTURES = [Dense((5, 4), activation="tanh"), Dense((5,), decoder_dims=(5,)), Dense(()), Tied((5, 4), activation="tanh"), Tied()]
ROWS = np.random.default_rng(0).normal(size=(9, 2, 3)).astype(np.float32)


def networks(architecture, seed=0):
    rng = np.random.default_rng(seed)
    encoder, decoder = architecture.encoder((2, 3), (2,), rng=rng), architecture.decoder((2,), (2, 3), rng=rng)
    return jax.tree.map(lambda array: array + 0.1 * rng.normal(size=array.shape).astype(np.float32), (encoder, decoder))


def applied(architecture, network, x):
    return jax.vmap(lambda row: architecture(network, row, precision="float32", key=None))(jnp.asarray(x))


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=repr)
class TestStages:
    def test_together_they_are_the_networks(self, architecture):
        encoder, decoder = networks(architecture)
        stages = architecture.stages(encoder, decoder)
        values, below = ROWS, [None]
        for stage in stages:
            values = applied(stage.architecture, stage.encoder, values)
            assert values.shape == (9, stage.n_codes)
            values = values if stage.activation is None else activate(stage.activation, values)
            below.append(stage.activation)
        np.testing.assert_allclose(values, applied(architecture, encoder, ROWS), rtol=1e-5, atol=1e-6)
        for stage, activation in zip(stages[::-1], below[-2::-1], strict=True):
            outputs = applied(stage.architecture, stage.architecture.joined(stage.encoder, stage.decoder), values)
            values = outputs if activation is None else activate(activation, outputs)
        codes = applied(architecture, encoder, ROWS)
        np.testing.assert_allclose(values, applied(architecture, architecture.joined(encoder, decoder), codes), rtol=1e-4, atol=1e-5)
        assert [stage.activation is None for stage in stages] == [False] * (len(stages) - 1) + [True]

    def test_put_together_again_they_are_the_same_trees(self, architecture):
        encoder, decoder = networks(architecture)
        pairs = [(stage.encoder, stage.decoder) for stage in architecture.stages(encoder, decoder)]
        again = architecture.assembled(*networks(architecture, 1), pairs)
        assert jax.tree.structure(again) == jax.tree.structure((encoder, decoder))
        for a, b in zip(jax.tree.leaves(again), jax.tree.leaves((encoder, decoder)), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        (Dense(), r"a linear path beside its layers\. Give `hidden_dims`, and leave `linear_path` None\.$"),
        (Dense((4,), linear_path=True), "a linear path beside its layers"),
        (Dense((4,), layer_norm=True), r"its layers normalized\. Leave `layer_norm` False\.$"),
        (Dense((4, 3), decoder_dims=(4, 3)), r"`decoder_dims` that do not mirror `hidden_dims`\. Leave them None\.$"),
    ],
    ids=repr,
)
def test_layers_that_do_not_face_each_other_are_refused_with_the_field_in_the_way(architecture, reason):
    with pytest.raises(PartError, match=r"Pairs of layers cannot be trained one after another in Dense\(.*\), which has " + reason):
        architecture.stages(*networks(architecture))


@pytest.mark.parametrize("architecture", [Linear(), Residual(4)], ids=repr)
def test_others_have_none(architecture):
    assert architecture.stages(*networks(architecture)) == ()
    with pytest.raises(NotImplementedError, match="has no stages"):
        architecture.assembled(*networks(architecture), [])
