"""Arrays that the objective updates itself, without a gradient."""

import jax
import jax.numpy as jnp
import numpy as np

from isthmus.architectures import Linear
from isthmus.bottlenecks import AbstractBottleneck, Latent
from isthmus.losses import SquaredError
from isthmus.model import Evaluation, Model, Objective, Parts
from isthmus.optimizers import Sgd
from isthmus.training import Plan, Rows, train
from training.objectives import seeds


def counting(weights, state, rows, shared, mask, *, training, **options):
    """Counts batches and rows; what validation counts is thrown away."""
    state = {"batches": state["batches"] + 1, "rows": state["rows"] + jnp.sum(mask)}
    return Evaluation(weights, {"batches": state["batches"].astype(jnp.float32)}, state)


def test_state_goes_from_step_to_step():
    state = {"batches": np.int32(0), "rows": np.float32(0)}
    rows = Rows(np.zeros(12, np.float32), 10)
    result = train(counting, np.float32(0), state, rows, optimizer=Sgd(), plan=Plan(4, 4), seed=seeds(0))
    assert (int(result.state["batches"]), float(result.state["rows"])) == (12, 40.0)
    # Means over the rows of each epoch: batches of 4, 4 and 2 rows.
    expected = [(4 * (3 * epoch + 1) + 4 * (3 * epoch + 2) + 2 * (3 * epoch + 3)) / 10 for epoch in range(4)]
    np.testing.assert_allclose(result.history["batches"], expected, rtol=1e-6)


def test_validation_sees_the_state_and_leaves_it_alone():
    state = {"batches": np.int32(0), "rows": np.float32(0)}
    rows = Rows(np.zeros(12, np.float32), 10)
    result = train(counting, np.float32(0), state, rows, optimizer=Sgd(), plan=Plan(4, 4), seed=seeds(0), validation=rows)
    assert int(result.state["batches"]) == 12
    assert result.initial["val_batches"] == 1
    np.testing.assert_allclose(result.history["val_batches"], [4, 7, 10, 13])


def test_the_state_kept_is_that_of_the_best_weights():
    def objective(weights, state, rows, shared, mask, *, training, **options):
        return Evaluation(weights if training else jnp.abs(weights + 3.0), {}, state + 1)

    rows = Rows(np.zeros(1, np.float32), 1)
    result = train(objective, np.float32(0), np.int32(0), rows, optimizer=Sgd(1.0, 0.0), plan=Plan(9, 1), seed=seeds(0), validation=rows)
    assert (result.best_epoch, float(result.weights), int(result.state)) == (3, -3.0, 3)


class Centered(AbstractBottleneck):
    """Codes less the running mean of the hidden values that training has seen."""

    def init(self, latent_shape, *, rng):
        return (), {"sum": np.zeros(latent_shape, np.float32), "rows": np.float32(0)}

    def __call__(self, weights, state, hidden, prior, *, mask, progress, key):
        hidden_sum = jax.lax.stop_gradient(jnp.sum(mask[:, None] * hidden, axis=0))
        state = {"sum": state["sum"] + hidden_sum, "rows": state["rows"] + jnp.sum(mask)}
        return Latent(hidden - state["sum"] / state["rows"], {}), state

    def encode(self, weights, state, hidden):
        return hidden


def test_a_bottleneck_keeps_a_running_mean_through_the_model():
    parts = Parts(Linear(), SquaredError(), data_shape=(5,), latent_shape=(2,), bottleneck=Centered())
    model = Model.init(parts, rng=np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(24, 5)).astype(np.float32)
    optimizer = Sgd(0.1, frozen=("encoder", "decoder"))  # so that the mean is known
    plan, options = Plan(1, 8), {"optimizer": optimizer, "seed": seeds(0), "shared": {}}
    state = train(Objective(parts), model.weights, model.state, Rows({"x": x}, 21), plan=plan, **options).state.bottleneck
    mean = np.mean(model.hidden(jnp.asarray(x[:21]), key=None), axis=0)
    assert float(state["rows"]) == 21
    np.testing.assert_allclose(state["sum"] / 21, mean, rtol=1e-5)


def test_state_is_not_differentiated_through_epochs_and_may_be_empty():
    rows = Rows(np.zeros(3, np.float32), 3)

    def objective(weights, state, rows, shared, mask, **options):
        return Evaluation(weights + 0.0 * state, {}, state + weights)

    result = train(objective, np.float32(0), np.float32(0), rows, optimizer=Sgd(1.0, 0.0), plan=Plan(4, 3), seed=seeds(0))
    assert (float(result.weights), float(result.state)) == (-4.0, -6.0)
