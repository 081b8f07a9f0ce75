"""What each pair of layers is trained on and as; how an estimator goes about it is tested with the estimators."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.architectures import Dense, Linear, Residual, Tied
from isthmus.bottlenecks import Deterministic
from isthmus.corruptions import Gaussian, Masking
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Model, Parts
from isthmus.optimizers import Adam, Sgd
from isthmus.pretraining import LayerWise
from isthmus.priors import StandardNormal
from isthmus.regularizers import L2
from model.stand_ins import LearnedScale, Normal

ROWS = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)


class Recorded:
    """Rows that remember who was trained on them; training adds one to every weight."""

    def __init__(self, x, seen):
        self.x, self.seen = x, seen

    def trained(self, model, *, optimizer, max_epochs):
        self.seen.append((self.x, model, optimizer, max_epochs))
        return model._replace(weights=jax.tree.map(lambda array: array + 1.0, model.weights))

    def encoded(self, model):
        return Recorded(model.encode(jnp.asarray(self.x)), self.seen)


DENSE = Dense((5, 4), activation="tanh")


def model_of(architecture=DENSE, loss=None, **options):
    parts = Parts(architecture, loss or SquaredError(), data_shape=(6,), latent_shape=(2,), **options)
    return Model.init(parts, rng=np.random.default_rng(0))


def pretrained(model, pretraining=None):
    seen = []
    return (pretraining or LayerWise())(model, Recorded(ROWS, seen)), seen


@pytest.mark.parametrize("part", [Dense, Tied])
def test_each_pair_is_an_autoencoder_of_the_codes_below(part):
    model = model_of(part((5, 4), activation="tanh"), code_activation="sigmoid", output_activation="elu")
    _, seen = pretrained(model)
    parts = [each.parts for _, each, _, _ in seen]
    assert [each.data_shape for each in parts] == [(6,), (5,), (4,)]
    assert [each.latent_shape for each in parts] == [(5,), (4,), (2,)]
    assert [each.code_activation for each in parts] == ["tanh", "tanh", "sigmoid"]
    assert [each.output_activation for each in parts] == ["elu", "tanh", "tanh"]
    for (rows, below, _, _), (codes, _, _, _), layer in zip(seen, seen[1:], model.weights.encoder.layers, strict=False):
        raised = (layer.weight + 1.0, layer.bias + 1.0)
        np.testing.assert_allclose(codes, np.tanh(np.asarray(rows) @ raised[0] + raised[1]), rtol=1e-5)
        np.testing.assert_array_equal(below.weights.encoder.layers[0].weight, layer.weight)


@pytest.mark.parametrize("part", [Dense, Tied])
def test_all_that_was_trained_is_in_the_whole(part):
    model = model_of(part((5, 4)), LearnedScale())
    after, _ = pretrained(model)
    assert jax.tree.structure(after) == jax.tree.structure(model)
    for old, new in zip(jax.tree.leaves(model.weights), jax.tree.leaves(after.weights), strict=True):
        np.testing.assert_array_equal(old + 1.0, new)


def test_the_first_has_the_models_loss_and_the_last_its_bottleneck_and_prior():
    _, seen = pretrained(model_of(loss=LearnedScale(), bottleneck=Normal(0.5), prior=StandardNormal()))
    parts = [each.parts for _, each, _, _ in seen]
    assert [each.loss for each in parts] == [LearnedScale(), SquaredError(), SquaredError()]
    assert [each.bottleneck for each in parts] == [Deterministic(), Deterministic(), Normal(0.5)]
    assert [each.prior for each in parts] == [None, None, StandardNormal()]


def test_it_has_its_own_damage_optimizer_and_length_and_no_penalties():
    model = model_of(corruption=Masking(0.7), regularizers=(L2(),))
    for pretraining in (LayerWise(), LayerWise(7, Gaussian(0.3), Sgd(0.1)), LayerWise(corruption=None)):
        for _, each, optimizer, epochs in pretrained(model, pretraining)[1]:
            assert each.parts.corruption == pretraining.corruption
            assert each.parts.regularizers == ()
            assert optimizer == pretraining.optimizer
            assert epochs == pretraining.epochs
    assert LayerWise().optimizer == Adam()


def test_a_network_of_one_pair_is_trained_whole():
    model = model_of(Dense(()), precision="bfloat16")
    _, seen = pretrained(model)
    assert [each.parts.latent_shape for _, each, _, _ in seen] == [(2,)]
    assert seen[0][1].parts.precision == "bfloat16"


@pytest.mark.parametrize("architecture", [Linear(), Residual(4)], ids=repr)
def test_an_architecture_without_pairs_is_answered_with_those_that_have_them(architecture):
    with pytest.raises(PartError, match=r"needs an architecture made of pairs of layers, and .* is not\. Choose one of: dense, tied; or "):
        pretrained(model_of(architecture))
