"""When a run ends, and which weights it leaves."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from isthmus.optimizers import GradientDescent, Sgd
from isthmus.training import Plan, Rows, train
from training.objectives import NOTHING, descending, seeds

N_EPOCHS = 12


def run(values, **plan):
    """A run whose validation loss is `values[epoch]`; the weight is minus the epoch."""
    plan = Plan(plan.pop("max_epochs", len(values) - 1), 1, **plan)
    shared = np.array(values, np.float32)
    start = np.float32(0)
    return train(
        descending, start, (), NOTHING, optimizer=GradientDescent(1.0), plan=plan, seed=seeds(0), validation=NOTHING, shared=shared
    )


def expected(values, *, patience, tol, target_loss):
    """The rules in plain words: epoch 0 is the initial weights, which count as the first value to beat."""
    reference, waited = values[0], 0
    for epoch, value in enumerate(values):
        if epoch > 0:
            improved = value < reference - tol * abs(reference)
            reference, waited = (value, 0) if improved else (reference, waited + 1)
        if target_loss is not None and value <= target_loss:
            return "target_loss", epoch
        if patience is not None and waited >= patience:
            return "patience", epoch
    return "max_epochs", len(values) - 1


@hypothesis.given(
    values=st.lists(st.integers(-40, 40), min_size=N_EPOCHS + 1, max_size=N_EPOCHS + 1),
    patience=st.none() | st.integers(1, 5),
    tol=st.sampled_from([0.0, 0.125, 0.5]),
    target_loss=st.none() | st.integers(-40, 0),
)
def test_a_run_ends_by_the_rules_and_leaves_its_best_weights(values, patience, tol, target_loss):
    status, n_epochs = expected(values, patience=patience, tol=tol, target_loss=target_loss)
    result = run(values, patience=patience, tol=tol, target_loss=target_loss)
    assert (result.status, result.n_epochs) == (status, n_epochs)
    assert result.best_epoch == int(np.argmin(values[: n_epochs + 1]))
    assert result.weights == -result.best_epoch
    np.testing.assert_array_equal(result.history["val_loss"], values[1 : n_epochs + 1])
    assert result.initial == {"val_loss": values[0], "val_depth": 0.0}


def test_the_initial_weights_may_be_the_best():
    result = run([1.0, 2.0, 3.0, 4.0])
    assert (result.best_epoch, float(result.weights)) == (0, 0.0)


def test_the_first_of_equal_epochs_is_the_best():
    assert run([5.0, 1.0, 1.0, 1.0]).best_epoch == 1


def test_without_validation_the_training_loss_decides():
    result = train(descending, np.float32(0), (), NOTHING, optimizer=GradientDescent(1.0), plan=Plan(5, 1), seed=seeds(0))
    np.testing.assert_array_equal(result.history["loss"], [0, -1, -2, -3, -4])
    assert (result.status, result.n_epochs, result.best_epoch, float(result.weights)) == ("max_epochs", 5, 5, -5.0)
    assert result.initial == {}


def test_the_training_loss_can_reach_the_target():
    plan = Plan(50, 1, target_loss=-7.0)
    result = train(descending, np.float32(0), (), NOTHING, optimizer=GradientDescent(1.0), plan=plan, seed=seeds(0))
    assert (result.status, result.n_epochs, result.history["loss"][-1]) == ("target_loss", 8, -7.0)


def test_a_run_across_many_chunks_is_the_same_run():
    n_epochs = 1000  # more than one chunk may hold
    values = np.cos(np.arange(n_epochs + 1) / 100.0)
    result = run(values)
    np.testing.assert_allclose(result.history["val_loss"], values[1:], rtol=1e-5)
    np.testing.assert_array_equal(result.history["loss"], -np.arange(n_epochs))
    assert result.best_epoch == np.argmin(np.float32(values))


def test_a_time_limit_ends_a_run_that_would_not_end():
    result = run([1.0] * 4, max_epochs=2**40, max_seconds=1e-3)
    assert result.status == "max_seconds"
    assert result.n_epochs >= 1
    assert len(result.history["val_loss"]) == result.n_epochs


def test_a_time_limit_within_the_first_epoch_keeps_the_latest_weights():
    rows = Rows(np.zeros(1024, np.float32), 1024)
    plan = Plan(2, 1, max_seconds=1e-3)
    result = train(descending, np.float32(0), (), rows, optimizer=Sgd(1.0, 0.0), plan=plan, seed=seeds(0))
    assert (result.status, result.n_epochs) == ("max_seconds", 0)
    assert result.weights == -result.n_steps < 0
    assert result.history["loss"].shape == (0,)


@pytest.mark.parametrize(("name", "value"), [("max_epochs", 0), ("patience", 0), ("tol", -0.1), ("max_seconds", 0.0)])
def test_a_plan_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(ValueError, match=rf"`plan.{name}` must be in .*; got {value!r}"):
        Plan(**{"max_epochs": 3, "batch_size": 1, name: value})
