"""A population trained as one program is its members' single runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import Component
from isthmus._types import NonNegative
from isthmus.architectures import Dense
from isthmus.losses import SquaredError
from isthmus.model import Evaluation, Model, Objective, Parts
from isthmus.optimizers import Adam, GradientDescent, Sgd
from isthmus.regularizers import L1, L2
from isthmus.training import Plan, Rows, trace_count, train
from training.objectives import NOTHING, descending, logging_objective, new_log, numbered, seeds

N_MEMBERS = 8


def stacked(trees):
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf, np.asarray(leaves[0]).dtype) for leaf in leaves]), *trees)


def floats(parts):
    """Parts with float32 arrays in the place of their floats, one entry a member."""
    return jax.tree.map(lambda *values: np.float32(values), *parts)


def both(objectives, weights, states, optimizers, rows, plan, **options):
    """The population's result, and the single runs'."""
    keys = [seeds(number) for number in range(len(weights))]
    joined = train(
        floats(objectives) if isinstance(objectives, list) else objectives,
        stacked(weights),
        stacked(states),
        rows,
        optimizer=floats(optimizers),
        plan=plan,
        seed=np.stack(keys),
        members=len(weights),
        **options,
    )
    each = objectives if isinstance(objectives, list) else [objectives] * len(weights)
    singles = [
        train(objective, start, state, rows, optimizer=optimizer, plan=plan, seed=key, **options)
        for objective, start, state, optimizer, key in zip(each, weights, states, optimizers, keys, strict=True)
    ]
    return joined, singles


def test_members_draw_what_their_single_runs_draw():
    optimizers = [Sgd(0.01 * (number + 1)) for number in range(N_MEMBERS)]
    starts = [np.float32(number) for number in range(N_MEMBERS)]
    logs = [new_log(30, 4)] * N_MEMBERS
    joined, singles = both(logging_objective, starts, logs, optimizers, numbered(22, 24), Plan(5, 4))
    for index, single in enumerate(singles):
        for name, values in joined.state._asdict().items():
            np.testing.assert_array_equal(values[index], getattr(single.state, name), err_msg=name)
        np.testing.assert_array_equal(joined.weights[index], starts[index])
    assert len(np.unique(joined.state.rows.reshape(N_MEMBERS, -1), axis=0)) == N_MEMBERS
    assert len(np.unique(joined.state.keys.reshape(-1, 2), axis=0)) == 30 * N_MEMBERS


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_eight_autoencoders_agree_with_their_single_runs_for_thirty_steps(precision):
    x = np.zeros((64, 10), np.float32)
    x[:60] = np.random.default_rng(0).normal(size=(60, 3)) @ np.random.default_rng(1).normal(size=(3, 10))
    objectives, models, optimizers = [], [], []
    for number in range(N_MEMBERS):
        penalties = (L2(0.01 * number), L1(0.001 * (N_MEMBERS - number)))
        parts = Parts(
            Dense(hidden_dims=(8,), activation="tanh", dropout=0.05 * number),
            SquaredError(),
            data_shape=(10,),
            latent_shape=(2,),
            regularizers=penalties,
            precision=precision,
        )
        objectives.append(Objective(parts))
        models.append(Model.init(parts, rng=np.random.default_rng(number)))
        optimizers.append(Adam(1e-3 * (number + 1)))
    weights, states = ([getattr(model, name) for model in models] for name in ("weights", "state"))
    validation = Rows({"x": x[:20]}, 17)
    joined, singles = both(objectives, weights, states, optimizers, Rows({"x": x}, 60), Plan(2, 4), validation=validation, shared={})
    assert joined.n_steps == 30
    tolerance = {"float32": 1e-5, "bfloat16": 5e-3}[precision]
    for index, single in enumerate(singles):
        assert joined.initial[index] == pytest.approx(single.initial, rel=1e-5)
        assert joined.history[index].keys() == single.history.keys()
        for name, values in single.history.items():
            np.testing.assert_allclose(joined.history[index][name], values, rtol=tolerance, err_msg=name)
        mine = jax.tree.map(lambda leaf, index=index: leaf[index], joined.weights)
        for ours, theirs in zip(jax.tree.leaves(mine), jax.tree.leaves(single.weights), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=10 * tolerance)
    losses = [history["loss"][-1] for history in joined.history]
    assert len(set(losses)) == N_MEMBERS


def test_each_member_stops_by_itself():
    class Hill(Component):
        """`descending`, with a lowest point of its own."""

        bottom: NonNegative

        def __call__(self, weights, state, rows, shared, mask, *, training, **options):
            return Evaluation(weights if training else jnp.abs(weights + self.bottom), {}, state)

    objectives = [Hill(3.0 * number) for number in range(4)]
    starts, states = [np.float32(0)] * 4, [()] * 4
    plan = Plan(12, 1, patience=2)
    joined, singles = both(objectives, starts, states, [GradientDescent(1.0)] * 4, NOTHING, plan, validation=NOTHING)
    assert joined.status == ["patience"] * 4
    assert joined.n_epochs == [2, 5, 8, 11]
    assert joined.best_epoch == [0, 3, 6, 9]
    np.testing.assert_array_equal(joined.weights, [0, -3, -6, -9])
    for index, single in enumerate(singles):
        assert (single.status, single.n_epochs, single.best_epoch) == (
            joined.status[index],
            joined.n_epochs[index],
            joined.best_epoch[index],
        )
        for name, values in single.history.items():
            np.testing.assert_array_equal(joined.history[index][name], values)


def test_members_end_for_reasons_of_their_own():
    shared = np.float32([3, 2, 1, 0, -1, -2, -3, -4])
    plan = Plan(6, 1, patience=3, target_loss=-1.5)
    starts, rates = [np.float32(0)] * 3, [1.0, 1e-3, 0.5]
    optimizers = [GradientDescent(rate) for rate in rates]
    joined, singles = both(descending, starts, [()] * 3, optimizers, NOTHING, plan, validation=NOTHING, shared=shared)
    assert joined.status == ["target_loss", "patience", "max_epochs"] == [single.status for single in singles]
    assert joined.n_epochs == [5, 3, 6] == [single.n_epochs for single in singles]


def test_a_member_that_diverges_leaves_the_others_as_they_are():
    def bowl(weights, state, rows, shared, mask, **options):
        return Evaluation(0.5 * jnp.sum(jnp.square(weights)), {}, state + 1)

    rates = [0.1, 1e30, 0.5, 15.0, 1.5]
    starts, states = [np.float32([1.0, -2.0])] * 5, [np.int32(0)] * 5
    optimizers, plan = [Sgd(rate, 0.5) for rate in rates], Plan(60, 1, rollbacks=2)
    joined, singles = both(bowl, starts, states, optimizers, NOTHING, plan, validation=NOTHING)
    assert joined.status == ["max_epochs", "diverged", "max_epochs", "max_epochs", "max_epochs"]
    assert joined.n_rollbacks[0] == joined.n_rollbacks[2] == 0
    assert joined.n_rollbacks[1] == 3
    assert joined.n_rollbacks[3] == 1
    for index, single in enumerate(singles):
        names = ("status", "n_epochs", "best_epoch", "n_rollbacks")
        assert [getattr(joined, name)[index] for name in names] == [getattr(single, name) for name in names]
        np.testing.assert_allclose(joined.weights[index], single.weights, rtol=1e-5)
        np.testing.assert_array_equal(joined.state[index], single.state)
        for name, values in single.history.items():
            np.testing.assert_allclose(joined.history[index][name], values, rtol=1e-4, atol=1e-37)


def test_other_floats_weights_and_seeds_compile_nothing():
    options = {"members": 3, "plan": Plan(3, 4)}

    def fit(offset):
        key = np.stack([seeds(offset + number) for number in range(3)])
        optimizer = floats([Sgd(0.1 * (number + 1) + offset) for number in range(3)])
        log = stacked([new_log(18, 4)] * 3)
        return train(logging_objective, np.float32([1, 2, 3]) + offset, log, numbered(22, 24), optimizer=optimizer, seed=key, **options)

    fit(0)
    before = trace_count()
    fit(1)
    assert trace_count() == before


def test_a_time_limit_within_the_first_epoch_keeps_each_members_latest_weights():
    rows = Rows(np.zeros(1024, np.float32), 1024)
    weights, state = np.zeros((3, 2), np.float32), np.zeros(3, np.int32)

    def objective(weights, state, rows, shared, mask, **options):
        return Evaluation(jnp.sum(weights), {}, state + 1)

    optimizer, key = floats([Sgd(rate, 0.0) for rate in (1.0, 2.0, 3.0)]), np.stack([seeds(number) for number in range(3)])
    plan = Plan(2, 1, max_seconds=1e-3)
    result = train(objective, weights, state, rows, optimizer=optimizer, plan=plan, seed=key, members=3)
    assert result.status == ["max_seconds"] * 3
    assert result.n_epochs == [0, 0, 0]
    np.testing.assert_array_equal(result.weights, -result.n_steps * np.float32([[1, 1], [2, 2], [3, 3]]))
    np.testing.assert_array_equal(result.state, [result.n_steps] * 3)
    assert result.n_steps > 0


def test_a_population_goes_on_with_its_optimizer_states():
    def objective(weights, state, rows, shared, mask, **options):
        return Evaluation(0.5 * jnp.sum(jnp.square(weights)), {}, state)

    optimizer, key = floats([Adam(0.1), Adam(0.2)]), np.stack([seeds(0), seeds(1)])
    options = {"optimizer": optimizer, "seed": key, "members": 2}
    start = np.float32([[1.0, -2.0], [3.0, 0.5]])
    whole = train(objective, start, np.zeros(2), NOTHING, plan=Plan(3, 1), **options)
    parts = train(objective, start, np.zeros(2), NOTHING, plan=Plan(1, 1), **options)
    for _ in range(2):
        parts = train(objective, parts.weights, np.zeros(2), NOTHING, plan=Plan(1, 1), optimizer_state=parts.optimizer_state, **options)
    for one, three in zip(*(jax.tree.leaves((result.weights, result.optimizer_state)) for result in (whole, parts)), strict=True):
        np.testing.assert_array_equal(one, three)
