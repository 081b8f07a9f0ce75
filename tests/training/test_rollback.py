"""A loss that is not finite sends the run back, more slowly, and gives up in good order."""

import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.model import Evaluation
from isthmus.optimizers import Adam, GradientDescent, Sgd
from isthmus.training import Plan, trace_count, train
from training.objectives import NOTHING, seeds


def bowl(weights, state, rows, shared, mask, **options):
    return Evaluation(0.5 * jnp.square(weights), {}, state)


def pitted(weights, state, rows, shared, mask, *, progress, **options):
    """A slope with nothing but holes from `shared[0]` to `shared[1]` of the run."""
    hole = (progress >= shared[0]) & (progress < shared[1])
    return Evaluation(weights + jnp.where(hole, jnp.nan, 0.0), {}, state + 1)


def test_a_rate_that_is_too_high_is_lowered_until_the_run_succeeds():
    # A step multiplies the weight by 1 - rate: by -14 until the square overflows, and by -0.5 after it.
    start, n_epochs = np.float32(1.0), 60
    result = train(bowl, start, (), NOTHING, optimizer=GradientDescent(15.0), plan=Plan(n_epochs, 1), seed=seeds(0), validation=NOTHING)
    failed = int(np.flatnonzero(~np.isfinite(result.history["val_loss"]))[0]) + 1
    np.testing.assert_allclose(result.history["val_loss"][:5], 0.5 * 14.0 ** (2 * np.arange(1, 6)), rtol=1e-5)
    np.testing.assert_allclose(result.history["val_loss"][failed:], 0.5 * 0.5 ** (2.0 * np.arange(1, n_epochs - failed + 1)), rtol=1e-4)
    assert (result.status, result.n_rollbacks, result.n_epochs, result.best_epoch) == ("max_epochs", 1, n_epochs, n_epochs)
    np.testing.assert_allclose(result.weights, (-0.5) ** (n_epochs - failed), rtol=1e-4)


def test_a_run_goes_back_to_its_best_weights_with_a_tenth_of_the_rate_and_a_fresh_optimizer():
    plan, shared = Plan(20, 1), np.float32([0.5, 0.55])  # the step numbered ten fails
    result = train(pitted, np.float32(0), np.int32(0), NOTHING, optimizer=Sgd(0.1, 0.9), plan=plan, seed=seeds(0), shared=shared)
    w, momentum = 0.0, 0.0
    for step in range(20):
        rate = 0.1 if step < 10 else 0.01
        momentum = 0.0 if step == 11 else momentum
        if step != 10:
            momentum = 0.9 * momentum + 1.0
            w -= rate * momentum
    np.testing.assert_allclose(result.weights, w, rtol=1e-5)
    assert np.isnan(result.history["loss"]).nonzero()[0].tolist() == [10]
    assert (result.status, result.n_rollbacks, int(result.state)) == ("max_epochs", 1, 19)


def test_a_failure_in_the_last_epoch_is_run_again():
    plan, shared = Plan(10, 1), np.float32([0.9, 0.95])
    result = train(pitted, np.float32(0), np.int32(0), NOTHING, optimizer=GradientDescent(0.5), plan=plan, seed=seeds(0), shared=shared)
    assert (result.status, result.n_rollbacks, result.n_epochs) == ("max_epochs", 1, 11)
    np.testing.assert_allclose(result.weights, -0.5 * 9 - 0.05, rtol=1e-6)


def test_callbacks_hear_of_the_rollback_and_of_the_epoch_that_is_added():
    heard, plan, shared = [], Plan(10, 1), np.float32([0.9, 0.95])
    options = {"optimizer": GradientDescent(0.5), "plan": plan, "seed": seeds(0), "shared": shared, "callbacks": [heard.append]}
    train(pitted, np.float32(0), np.int32(0), NOTHING, **options)
    assert [progress.epoch for progress in heard] == list(range(1, 12))
    assert heard[-1].rollbacks == 1
    assert all(progress.seconds_left >= 0 for progress in heard)


@pytest.mark.parametrize("rollbacks", [0, 1, 3])
def test_a_run_that_fails_too_often_has_diverged(rollbacks):
    plan, shared = Plan(20, 1, rollbacks=rollbacks), np.float32([0.25, 9.0])
    result = train(pitted, np.float32(0), np.int32(0), NOTHING, optimizer=GradientDescent(0.5), plan=plan, seed=seeds(0), shared=shared)
    assert (result.status, result.n_rollbacks, result.n_epochs) == ("diverged", rollbacks + 1, 5 + rollbacks + 1)
    assert (float(result.weights), int(result.state), result.best_epoch) == (-2.5, 5, 5)


def test_a_loss_that_never_was_finite_leaves_the_initial_weights():
    plan, shared = Plan(20, 1), np.float32([0.0, 9.0])
    result = train(pitted, np.float32(3), np.int32(0), NOTHING, optimizer=Adam(), plan=plan, seed=seeds(0), shared=shared)
    assert (result.status, float(result.weights), int(result.state), result.best_epoch) == ("diverged", 3.0, 0, 0)


def test_a_validation_loss_that_is_not_finite_fails_as_well():
    def objective(weights, state, rows, shared, mask, *, training, **options):
        return Evaluation(weights if training else jnp.where(weights < -2.44, jnp.inf, weights), {}, state)

    plan = Plan(20, 1, rollbacks=2)
    result = train(objective, np.float32(0), (), NOTHING, optimizer=GradientDescent(0.5), plan=plan, seed=seeds(0), validation=NOTHING)
    # Down to -2 by halves, then to -2.4 by twentieths, then on by a tenth of these.
    np.testing.assert_allclose(result.history["val_loss"][:4], [-0.5, -1.0, -1.5, -2.0])
    np.testing.assert_allclose(result.history["val_loss"][5:13], -2.0 - 0.05 * np.arange(1, 9), rtol=1e-5)
    assert result.n_rollbacks == 2
    assert result.status == "max_epochs"
    np.testing.assert_allclose(result.weights, -2.4 - 6 * 0.005, rtol=1e-5)


def test_minus_infinity_is_no_success():
    def objective(weights, state, rows, shared, mask, **options):
        return Evaluation(weights - jnp.inf, {}, state)

    plan = Plan(5, 1, target_loss=-1.0)
    assert train(objective, np.float32(0), (), NOTHING, optimizer=GradientDescent(), plan=plan, seed=seeds(0)).status == "diverged"


def test_a_rollback_compiles_nothing():
    options = {"optimizer": GradientDescent(0.5), "seed": seeds(0)}
    train(pitted, np.float32(0), np.int32(0), NOTHING, plan=Plan(9, 1), shared=np.float32([2.0, 3.0]), **options)
    before = trace_count()
    result = train(pitted, np.float32(0), np.int32(0), NOTHING, plan=Plan(9, 1), shared=np.float32([0.4, 0.6]), **options)
    assert result.n_rollbacks > 0
    assert trace_count() == before
