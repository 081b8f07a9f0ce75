"""What one step does to the weights: clipping, rates of the halves, freezing, schedules, and going on."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from isthmus.model import Evaluation
from isthmus.optimizers import AbstractOptimizer, Adam, Adamw, Cosine, Exponential, GradientDescent, Sgd, Warmup
from isthmus.training import Plan, Rows, train
from training.objectives import NOTHING, regression, seeds


class Halves(NamedTuple):
    encoder: object
    decoder: object
    loss: object


def start():
    return Halves({"a": np.zeros(3, np.float32), "b": None}, (np.zeros((2, 2), np.float32),), np.zeros(2, np.float32))


def slope(weights, state, rows, shared, mask, **options):
    """The sum of the weights, each times `shared`: its gradient is `shared` everywhere."""
    return Evaluation(shared * sum(jnp.sum(leaf) for leaf in jax.tree.leaves(weights)), {}, state)


def run(optimizer, *, n_epochs=1, weights=None, gradient=1.0, **options):
    weights = start() if weights is None else weights
    shared = np.float32(gradient)
    return train(slope, weights, (), NOTHING, optimizer=optimizer, plan=Plan(n_epochs, 1), seed=seeds(0), shared=shared, **options)


OPTIMIZERS = [GradientDescent(0.5), Sgd(0.5), Sgd(0.5, nesterov=True), Adam(0.5), Adamw(0.5)]


def test_a_long_gradient_is_clipped_to_the_norm():
    result = run(GradientDescent(0.5, clip_norm=3.0), gradient=100.0)  # nine weights: the norm is 300
    for leaf in jax.tree.leaves(result.weights):
        np.testing.assert_allclose(leaf, -0.5, rtol=1e-5)


def test_a_short_gradient_is_not():
    result = run(GradientDescent(0.5, clip_norm=3.0), gradient=0.9)  # the norm is 2.7
    for leaf in jax.tree.leaves(result.weights):
        np.testing.assert_allclose(leaf, -0.45, rtol=1e-6)


@pytest.mark.parametrize(("optimizer", "share"), [(Sgd, 1.0), (Adam, 0.1), (Adamw, 0.1)])
def test_moments_see_the_clipped_gradient(optimizer, share):
    state = run(optimizer(clip_norm=3.0), gradient=100.0).optimizer_state
    first_moment = optax.tree.get(state, "trace" if optimizer is Sgd else "mu")
    np.testing.assert_allclose(first_moment.loss, share * 1.0, rtol=1e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_each_half_has_its_own_rate(optimizer):
    plain = run(optimizer).weights
    leaves, treedef = jax.tree.flatten(optimizer)
    changed = type(optimizer)(**{**optimizer.__dict__, "encoder_rate": 0.25, "decoder_rate": 3.0})
    assert jax.tree.structure(changed) == treedef
    assert len(leaves) >= 3
    weights = run(changed).weights
    np.testing.assert_allclose(weights.encoder["a"], 0.25 * plain.encoder["a"], rtol=1e-6)
    np.testing.assert_allclose(weights.decoder[0], 3.0 * plain.decoder[0], rtol=1e-6)
    np.testing.assert_array_equal(weights.loss, plain.loss)


@pytest.mark.parametrize("half", ["encoder", "decoder"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_frozen_half_keeps_its_bits_and_has_no_optimizer_state(optimizer, half):
    rng = np.random.default_rng(0)
    weights = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), start())
    frozen = type(optimizer)(**{**optimizer.__dict__, "frozen": (half,)})
    result = run(frozen, weights=weights, n_epochs=5)
    for name in Halves._fields:
        for before, after in zip(jax.tree.leaves(getattr(weights, name)), jax.tree.leaves(getattr(result.weights, name)), strict=True):
            assert np.array_equal(before, after) == (name == half)
    shapes = {np.shape(leaf) for leaf in jax.tree.leaves(result.optimizer_state)}
    own = {"encoder": (3,), "decoder": (2, 2)}
    assert own[half] not in shapes
    if not isinstance(optimizer, GradientDescent):
        other = "decoder" if half == "encoder" else "encoder"
        assert own[other] in shapes


def test_both_halves_may_be_frozen():
    result = run(Adam(frozen=("encoder", "decoder")), n_epochs=3)
    assert not np.any(result.weights.encoder["a"])
    assert not np.any(result.weights.decoder[0])
    assert np.all(result.weights.loss < 0)


@pytest.mark.parametrize("schedule", [Cosine(), Cosine(end=0.3), Exponential(0.01), Warmup(0.4), Warmup(0.2, Cosine())], ids=repr)
def test_a_schedule_takes_effect_by_progress(schedule):
    for n_epochs in (1, 4, 10):
        moved = -run(GradientDescent(0.5, schedule=schedule), n_epochs=n_epochs).weights.loss
        factors = [float(schedule.factor(step / n_epochs)) for step in range(n_epochs)]
        np.testing.assert_allclose(moved, 0.5 * np.sum(factors), rtol=1e-5)


def test_a_schedule_counts_the_steps_of_every_epoch():
    rows = Rows(np.zeros(12, np.float32), 10)

    def objective(weights, state, rows, shared, mask, **options):
        return Evaluation(weights, {}, state)

    optimizer = Sgd(0.5, 0.0, schedule=Exponential(0.01))
    result = train(objective, np.float32(0), (), rows, optimizer=optimizer, plan=Plan(3, 4), seed=seeds(0))
    assert result.n_steps == 9
    np.testing.assert_allclose(result.weights, -0.5 * np.sum(0.01 ** (np.arange(9) / 9)), rtol=1e-5)


@pytest.mark.parametrize(
    "optimizer", [Sgd(0.05), Adam(0.05), Adamw(0.05), Adam(0.05, clip_norm=1.0), Adam(0.05, frozen=("decoder",))], ids=repr
)
def test_going_on_with_an_optimizer_state_is_one_run(optimizer):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 3)).astype(np.float32)
    rows = Rows({"x": x, "y": x @ np.float32([1.0, -1.0, 2.0])}, 16)

    def objective(weights, state, rows, shared, mask, **options):
        return regression(weights["encoder"] + weights["decoder"], state, rows, shared, mask)

    weights = {"encoder": np.zeros(3, np.float32), "decoder": np.float32([0.1, 0.2, 0.3])}

    def fit(weights, n_epochs, optimizer_state=None):
        options = {"optimizer": optimizer, "plan": Plan(n_epochs, 16), "seed": seeds(0), "optimizer_state": optimizer_state}
        return train(objective, weights, (), rows, **options)

    whole = fit(weights, 3)
    parts = fit(weights, 1)
    for _ in range(2):
        parts = fit(parts.weights, 1, parts.optimizer_state)
    assert whole.best_epoch == 3
    for one, three in zip(*(jax.tree.leaves((result.weights, result.optimizer_state)) for result in (whole, parts)), strict=True):
        np.testing.assert_array_equal(one, three)
    afresh = fit(fit(weights, 1).weights, 1)
    assert not np.array_equal(afresh.weights["encoder"], fit(weights, 2).weights["encoder"])


class Searching(AbstractOptimizer):
    """Gradient descent whose step is halved until the objective falls: it needs the value, the gradient and the function."""

    def build(self, rate):
        return optax.chain(optax.sgd(rate), optax.scale_by_backtracking_linesearch(max_backtracking_steps=30))


@pytest.mark.parametrize("clip_norm", [None, 1e3])
def test_an_optimizer_may_call_the_objective_on_the_same_batch_and_key(clip_norm):
    def objective(weights, state, rows, shared, mask, *, key, **options):
        noise = jax.random.uniform(key, weights.shape)  # another draw would not let the search end
        return Evaluation(0.5 * jnp.sum((1.0 + noise) * jnp.square(weights)), {}, state)

    optimizer = Searching(1000.0, clip_norm=clip_norm)
    result = train(objective, np.float32([1.0, -2.0]), (), NOTHING, optimizer=optimizer, plan=Plan(150, 1), seed=seeds(0))
    assert result.n_rollbacks == 0
    np.testing.assert_allclose(result.weights, 0.0, atol=1e-3)


class Halved(AbstractOptimizer):
    """Gradient descent that is evaluated half the way: the smallest optimizer whose weights to keep are others than those it moves."""

    def build(self, rate):
        return optax.with_extra_args_support(optax.sgd(rate))

    def evaluation_weights(self, state, weights):
        return jax.tree.map(lambda leaf: 0.5 * leaf, weights)


def test_an_optimizers_evaluation_weights_are_validated_and_kept():
    def objective(weights, state, rows, shared, mask, **options):
        return Evaluation(weights, {}, state)

    options = {"optimizer": Halved(1.0), "plan": Plan(4, 1), "seed": seeds(0), "validation": NOTHING}
    result = train(objective, np.float32(0), (), NOTHING, **options)
    np.testing.assert_array_equal(result.history["loss"], [0, -1, -2, -3])
    np.testing.assert_array_equal(result.history["val_loss"], [-0.5, -1, -1.5, -2])
    assert float(result.weights) == -2.0
