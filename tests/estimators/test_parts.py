"""Every part does its work in a fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from sklearn.base import clone

from isthmus import Autoencoder
from isthmus._activations import ACTIVATIONS, activate
from isthmus._component import choices
from isthmus.architectures import AbstractArchitecture, Dense
from isthmus.bottlenecks import AbstractBottleneck
from isthmus.corruptions import AbstractCorruption
from isthmus.data import AbstractScaling
from isthmus.errors import PartError
from isthmus.initializers import AbstractInitializer
from isthmus.losses import AbstractLoss, MsSsim, Ssim
from isthmus.optimizers import AbstractOptimizer, AbstractSchedule, Adam, GradientDescent
from isthmus.pretraining import AbstractPretraining
from isthmus.priors import AbstractPrior
from isthmus.regularizers import L1, L2, AbstractRegularizer

ROLES = {
    "architecture": AbstractArchitecture,
    "architecture__initializer": AbstractInitializer,
    "bottleneck": AbstractBottleneck,
    "corruption": AbstractCorruption,
    "loss": AbstractLoss,
    "optimizer": AbstractOptimizer,
    "optimizer__schedule": AbstractSchedule,
    "pretraining": AbstractPretraining,
    "prior": AbstractPrior,
    "regularizers": AbstractRegularizer,
    "scaling": AbstractScaling,
}
# Each is a fit of its own, compiled; these roles have contracts, and fits in files of their own, that run every time.
SLOW_ROLES = ("architecture", "bottleneck", "loss", "optimizer", "prior", "regularizers")
NAMES = [
    pytest.param(role, name, marks=[pytest.mark.slow] if role in SLOW_ROLES else [], id=f"{role}-{name}")
    for role, base in ROLES.items()
    for name in choices(base)
]


@pytest.fixture(scope="module")
def quick(small):
    return clone(small).set_params(max_epochs=1)


# What a part asks for beside a table of numbers of any sign; by its role as well where two have a name in common.
NEEDS = {
    ("bottleneck", "categorical"): {},
    "vamp": {"bottleneck": "gaussian"},
    "kl_sparsity": {"code_activation": "sigmoid"},
    "total_correlation": {"bottleneck": "gaussian"},
    "dip": {"bottleneck": "gaussian"},
    "poisson_noise": {"scaling": "unit_range"},
    "bernoulli": {"scaling": "min_max"},
    "continuous_bernoulli": {"scaling": "min_max"},
    "categorical": {"scaling": None},
    "ms_ssim": {"loss": MsSsim(exponents=(0.5, 0.5), ssim=Ssim(window=3)), "sample_shape": (8, 8)},
    "ssim": {"loss": Ssim(window=3), "sample_shape": (8, 8)},
    "convolutional": {"sample_shape": (8, 8, 1)},
}


def needs(role, name):
    return NEEDS.get((role, name), NEEDS.get(name, {}))


def suitable(role, name, table):
    """Rows that the part of that name is defined for."""
    if "sample_shape" in needs(role, name):
        return np.random.default_rng(0).uniform(size=(60, 64))
    if (role, name) == ("loss", "categorical"):
        return np.eye(table.shape[1])[np.argmax(table, axis=1)]
    is_for_counts = name in choices(AbstractLoss) and choices(AbstractLoss)[name]().domain == "nonnegative"
    return np.round(np.abs(table)) if is_for_counts else table


@pytest.mark.parametrize(("role", "name"), NAMES)
def test_every_part_is_had_by_its_name(role, name, quick, table):
    autoencoder, rows = clone(quick).set_params(**{role: name}), suitable(role, name, table)
    if role == "architecture" and name != "dense":
        autoencoder.set_params(hidden_dims=None, activation=None)
    autoencoder.set_params(**needs(role, name)).fit(rows)
    assert np.all(np.isfinite(autoencoder.reconstruct(rows)))
    assert np.isfinite(autoencoder.score(rows))
    if role == "regularizers":
        assert autoencoder.history_[name][0] > 0


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_has_its_three_places(name, quick, table):
    places = {"activation": name, "code_activation": name, "output_activation": name}
    autoencoder = clone(quick).set_params(**places, scaling="min_max").fit(table)
    x, halves = jnp.asarray(autoencoder.scaling_.scaled(table)), []
    for network in (autoencoder.model_.weights.encoder, autoencoder.model_.weights.decoder):
        first, last = network.layers
        x = activate(name, activate(name, x @ first.weight + first.bias) @ last.weight + last.bias)
        halves.append(x)
    np.testing.assert_allclose(autoencoder.transform(table), halves[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(autoencoder.reconstruct(table), autoencoder.scaling_.unscaled(halves[1]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_an_output_activation_begins_at_the_mean(name, quick, table):
    autoencoder = clone(quick).set_params(output_activation=name, learning_rate=1e-9, scaling="min_max").fit(table)
    bias = autoencoder.model_.weights.decoder.layers[-1].bias
    mean = ((table - table.min(axis=0)) / np.ptp(table, axis=0)).mean(axis=0)
    np.testing.assert_allclose(scipy.special.expit(bias) if name == "sigmoid" else np.tanh(bias), mean, rtol=1e-4)


def test_a_corruption_is_for_training_alone(quick, table):
    damaged = clone(quick).set_params(corruption="gaussian", corruption__sigma=5.0).fit(table)
    by_hand = -np.sum((table - damaged.reconstruct(table)) ** 2, axis=1)
    np.testing.assert_allclose(damaged.score_samples(table), by_hand, rtol=1e-4)
    np.testing.assert_array_equal(damaged.transform(table), damaged.transform(table))
    assert not np.allclose(damaged.transform(table), clone(quick).fit(table).transform(table))


def test_dropout_is_for_training_alone(quick, table):
    dropped = clone(quick).set_params(architecture__dropout=0.5).fit(table)
    by_hand = -np.sum((table - dropped.reconstruct(table)) ** 2, axis=1)
    np.testing.assert_allclose(dropped.score_samples(table), by_hand, rtol=1e-4)
    assert not np.allclose(dropped.transform(table), clone(quick).fit(table).transform(table))


def test_l1_makes_weights_exactly_zero(small, table):
    parameters = {"learning_rate": 0.01, "max_epochs": 60}
    sparse = clone(small).set_params(**parameters, regularizers=L1(0.02)).fit(table)
    plain = clone(small).set_params(**parameters).fit(table)
    matrices = [leaf for leaf in jax.tree.leaves(sparse.model_.weights) if np.ndim(leaf) == 2]
    share = sum(np.sum(matrix == 0.0) for matrix in matrices) / sum(matrix.size for matrix in matrices)
    assert sparse.zero_share_ == share > 0.2
    assert plain.zero_share_ == 0.0
    np.testing.assert_array_less(np.diff(sparse.history_["l1"])[:5], 0.0)


def test_l2_makes_weights_smaller(small, table):
    parameters = {"learning_rate": 0.01, "max_epochs": 30}
    fits = [clone(small).set_params(**parameters, regularizers=L2(weight)).fit(table) for weight in (0.0, 1e-3, 1e-1)]
    sizes = [sum(np.sum(leaf**2) for leaf in jax.tree.leaves(fit.model_.weights) if np.ndim(leaf) == 2) for fit in fits]
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("frozen", [("encoder",), ("decoder",)], ids=str)
def test_a_frozen_half_does_not_move(frozen, small, table):
    autoencoder = clone(small).set_params(optimizer=Adam(0.01, frozen=frozen))
    short, long = clone(autoencoder).fit(table).model_.weights, autoencoder.set_params(max_epochs=9).fit(table).model_.weights
    for half in ("encoder", "decoder"):
        moved = not np.array_equal(getattr(short, half).layers[0].weight, getattr(long, half).layers[0].weight)
        assert moved == (half not in frozen)


def test_the_rate_of_the_estimator_overrules_that_of_the_optimizer(quick, table):
    given = clone(quick).set_params(optimizer=Adam(0.02)).fit(table)
    overruled = clone(quick).set_params(optimizer=Adam(0.5), learning_rate=0.02).fit(table)
    np.testing.assert_array_equal(given.transform(table), overruled.transform(table))


@pytest.mark.parametrize(("n_rows", "rate"), [(50, 1e-4), (500, 5e-4), (1797, 1e-3)])
def test_the_automatic_optimizer_is_adam_at_a_rate_by_rows(n_rows, rate, quick, digits):
    automatic = clone(quick).fit(digits[:n_rows])
    named = clone(quick).set_params(optimizer="adam", learning_rate=rate).fit(digits[:n_rows])
    np.testing.assert_allclose(automatic.transform(digits), named.transform(digits), rtol=1e-5, atol=1e-5)


def test_full_batches_pay_no_heed_to_the_batch_size(quick, table):
    fits = [clone(quick).set_params(optimizer=GradientDescent(0.1), batch_size=size).fit(table) for size in (16, 150)]
    np.testing.assert_allclose(fits[0].transform(table), fits[1].transform(table), rtol=1e-5, atol=1e-6)


def test_what_no_distribution_has_been_learned_for_cannot_be_drawn(fitted):
    bottleneck = fitted.model_.parts.bottleneck
    with pytest.raises(PartError, match="`Deterministic` codes have no distribution to sample from"):
        bottleneck.sample((), None, (3, 2), key=jax.random.key(0))


def test_rounded_products_change_the_loss_little(digits):
    parameters = {"hidden_dims": (32,), "max_epochs": 8, "learning_rate": 3e-3, "random_state": 0, "batch_size": 64}
    losses = {}
    for precision in ("float32", "bfloat16"):
        autoencoder = Autoencoder(8, precision=precision, **parameters).fit(digits)
        losses[precision] = -autoencoder.score(digits)
        leaves = jax.tree.leaves(autoencoder.model_.weights)
        assert {leaf.dtype for leaf in leaves} == {np.dtype(np.float32)}
    assert losses["bfloat16"] != losses["float32"]
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.04)


@pytest.mark.parametrize("architecture", [Dense(), Dense((8,)), "linear"], ids=["automatic", "dense", "linear"])
def test_codes_may_be_wider_than_rows(architecture, table):
    autoencoder = Autoencoder(9, architecture=architecture, max_epochs=2, random_state=0).fit(table)
    assert autoencoder.transform(table).shape == (150, 9)
    assert autoencoder.reconstruct(table).shape == table.shape
