"""The trainer where JAX is told to compute in float64."""

import jax
import numpy as np
import pytest

from isthmus._component import part_name
from isthmus.optimizers import Adam, Cosine, Lbfgs
from isthmus.training import Plan, Rows, trace_count, train
from training.objectives import seeds, spread

ROWS = Rows(np.array([1.0, 2.0, 3.0, 1e-9, 0.0, 0.0]), 4)


@pytest.mark.parametrize("optimizer", [Lbfgs(), Adam(0.3, schedule=Cosine())], ids=lambda part: part_name(type(part)))
def test_weights_and_losses_are_as_precise(optimizer):
    with jax.enable_x64(True):
        plan = Plan(max_epochs=400, batch_size=6)
        result = train(spread, np.float64(0.5), (), ROWS, optimizer=optimizer, plan=plan, seed=seeds(0), validation=ROWS)
    mean = np.mean(ROWS.arrays[:4])
    assert result.weights.dtype == np.float64
    assert abs(result.weights - mean) < 1e-7  # nearer to it, the loss is the same to the last bit
    assert result.history["val_loss"].min() == pytest.approx(0.5 * np.var(ROWS.arrays[:4]), rel=1e-13)


def test_weights_of_single_precision_stay_single():
    with jax.enable_x64(True):
        rows = Rows(ROWS.arrays.astype(np.float32), 4)
        result = train(spread, np.float32(0.5), (), rows, optimizer=Adam(0.1), plan=Plan(3, 6), seed=seeds(0))
    assert result.weights.dtype == np.float32


def test_a_line_search_is_compiled_once():
    before = trace_count()
    train(spread, np.float32(0.5), (), Rows(np.zeros(7, np.float32), 7), optimizer=Lbfgs(memory=3), plan=Plan(40, 7), seed=seeds(0))
    assert trace_count() == before + 1
