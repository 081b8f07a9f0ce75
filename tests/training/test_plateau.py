"""A rate that falls when the monitored value no longer does."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np

from isthmus.model import Evaluation
from isthmus.optimizers import Cosine, GradientDescent, ReduceOnPlateau, Warmup
from isthmus.training import Plan, trace_count, train
from training.objectives import NOTHING, seeds

N_EPOCHS = 14


def told(weights, state, rows, shared, mask, *, training, **options):
    """One step an epoch moves the weight down by the rate; `shared` holds what validation finds after each epoch."""
    if training:
        return Evaluation(weights, {}, state + 1)
    return Evaluation(shared[state], {"weight": weights}, state)


def run(values, schedule, *, rate=1.0, **plan):
    options = {"optimizer": GradientDescent(rate, schedule=schedule), "plan": Plan(len(values) - 1, 1, **plan), "seed": seeds(0)}
    return train(told, np.float32(0), np.int32(0), NOTHING, validation=NOTHING, shared=np.float32(values), **options)


def rates(result):
    """The rate of each epoch's step."""
    return -np.diff(result.history["val_weight"], prepend=0.0)


def expected(values, schedule, tol):
    """The scale of the rate in each epoch, by the rules in plain words."""
    reference, waited, scale, found = values[0], 0, 1.0, []
    for value in values[1:]:
        found.append(scale)
        improved = value < reference - tol * abs(reference)
        reference, waited = (value, 0) if improved else (reference, waited + 1)
        if waited and waited % schedule.patience == 0:
            scale = max(schedule.ratio * scale, schedule.lowest)
    return found


@hypothesis.given(
    values=st.lists(st.integers(-40, 40), min_size=N_EPOCHS + 1, max_size=N_EPOCHS + 1),
    ratio=st.sampled_from([0.5, 0.25]),
    lowest=st.sampled_from([0.0, 0.2]),
    tol=st.sampled_from([0.0, 0.125]),
)
def test_the_rate_falls_by_the_rules(values, ratio, lowest, tol):
    schedule = ReduceOnPlateau(ratio, patience=2, lowest=lowest)
    result = run(values, schedule, tol=tol)
    assert result.n_epochs == N_EPOCHS
    np.testing.assert_allclose(rates(result), expected(values, schedule, tol), rtol=1e-4, atol=1e-6)


def test_a_run_may_stop_for_want_of_patience_after_a_reduction():
    result = run([5.0] * 15, ReduceOnPlateau(0.5, patience=2), patience=5)
    assert (result.status, result.n_epochs) == ("patience", 5)
    np.testing.assert_allclose(rates(result), [1, 1, 0.5, 0.5, 0.25])


def test_without_validation_the_training_loss_is_what_stands_still():
    def still(weights, state, rows, shared, mask, **options):
        return Evaluation(weights - jax.lax.stop_gradient(weights), {"weight": weights}, state)

    optimizer = GradientDescent(1.0, schedule=ReduceOnPlateau(0.5, patience=3))
    result = train(still, np.float32(0), (), NOTHING, optimizer=optimizer, plan=Plan(9, 1), seed=seeds(0))
    # The first epoch's loss is the one to beat; the weights of the history are those before the step.
    np.testing.assert_allclose(-np.diff(result.history["weight"]), [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25])


def test_reductions_and_rollbacks_multiply():
    values = [5.0, 4.0, 4.0, 4.0, np.nan, 4.0, 4.0, 4.0, 4.0, 4.0]
    result = run(values, ReduceOnPlateau(0.5, patience=2))
    # Two epochs of waiting halve the rate; the failure in the fourth goes back to the first, where the state was 1, and to a tenth.
    assert result.n_rollbacks >= 1
    weights = result.history["val_weight"]
    np.testing.assert_allclose(weights[:4], [-1, -2, -3, -3.5])
    np.testing.assert_allclose(weights[4], -1 - 0.05, rtol=1e-5)


def test_a_schedule_around_it_passes_it_on():
    values = [5.0] * 11
    result = run(values, Warmup(0.2, then=ReduceOnPlateau(0.5, patience=4), start=0.5))
    np.testing.assert_allclose(rates(result), [0.5, 0.75, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25], rtol=1e-5)


def test_other_schedules_have_no_plateaus():
    result = run([5.0] * 11, Cosine(0.5))
    np.testing.assert_allclose(rates(result), [Cosine(0.5).factor(epoch / 10) for epoch in range(10)], rtol=1e-4)


def test_another_ratio_compiles_nothing():
    run([5.0] * 9, ReduceOnPlateau(0.5, patience=3))
    before = trace_count()
    found = rates(run([5.0] * 9, ReduceOnPlateau(0.25, patience=3, lowest=0.1)))
    np.testing.assert_allclose(found, [1, 1, 1, 0.25, 0.25, 0.25, 0.1, 0.1], rtol=1e-5)
    assert trace_count() == before


def test_each_member_waits_by_itself():
    def bottomed(weights, state, rows, shared, mask, *, training, **options):
        return Evaluation(weights if training else jnp.maximum(weights, -state), {"weight": weights}, state)

    schedules = [ReduceOnPlateau(ratio, patience=2) for ratio in (0.5, 0.25, 0.5)]
    optimizers = [GradientDescent(1.0, schedule=schedule) for schedule in schedules]
    result = train(
        bottomed,
        np.zeros(3, np.float32),
        np.float32([1.0, 1.0, 4.0]),
        NOTHING,
        optimizer=jax.tree.map(lambda *values: np.float32(values), *optimizers),
        plan=Plan(8, 1),
        seed=np.stack([seeds(number) for number in range(3)]),
        validation=NOTHING,
        members=3,
    )
    found = [-np.diff(history["val_weight"], prepend=0.0) for history in result.history]
    np.testing.assert_allclose(found[0], [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125])
    np.testing.assert_allclose(found[1], [1, 1, 1, 0.25, 0.25, 0.0625, 0.0625, 0.015625])
    np.testing.assert_allclose(found[2], [1, 1, 1, 1, 1, 1, 0.5, 0.5])
