"""The loop knows nothing of autoencoders: plain functions, followed by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.model import Evaluation
from isthmus.optimizers import Adam, Cosine, GradientDescent, Sgd
from isthmus.training import Plan, Rows, train
from isthmus.training._data import random_orders
from training.objectives import NOTHING, regression, seeds, spread


def table(n_rows=60, n_columns=5, capacity=64):
    rng = np.random.default_rng(0)
    x = np.zeros((capacity, n_columns), np.float32)
    y = np.zeros(capacity, np.float32)
    x[:n_rows] = rng.normal(size=(n_rows, n_columns))
    y[:n_rows] = x[:n_rows] @ rng.normal(size=n_columns) + 0.3 * rng.normal(size=n_rows)
    return Rows({"x": x, "y": y}, n_rows)


@pytest.mark.parametrize(
    ("optimizer", "batch_size"),
    [
        (GradientDescent(0.3), 64),
        (Sgd(0.05, schedule=Cosine()), 64),
        (Sgd(0.05, nesterov=True, schedule=Cosine()), 64),
        (Adam(0.1, schedule=Cosine()), 64),
        (Adam(0.05, schedule=Cosine()), 16),
    ],
)
def test_a_linear_regression_is_that_of_least_squares(optimizer, batch_size):
    rows = table()
    result = train(regression, np.zeros(5, np.float32), (), rows, optimizer=optimizer, plan=Plan(600, batch_size), seed=seeds(0))
    expected = np.linalg.lstsq(rows.arrays["x"][:60], rows.arrays["y"][:60])[0]
    # The best of several losses that float32 cannot tell apart may lie this far from the minimum.
    np.testing.assert_allclose(result.weights, expected, atol=1e-4 if batch_size == 64 else 2e-2)


def test_gradient_descent_is_its_recurrence():
    curvature, center = np.float32([0.3, 1.0, 1.7]), np.float32([2.0, -1.0, 0.5])

    def bowl(weights, state, rows, shared, mask, **options):
        return Evaluation(0.5 * jnp.sum(curvature * jnp.square(weights - center)), {}, state)

    result = train(bowl, np.zeros(3, np.float32), (), NOTHING, optimizer=GradientDescent(0.4), plan=Plan(40, 1), seed=seeds(0))
    w, losses = np.zeros(3, np.float32), []
    for _ in range(40):
        losses.append(0.5 * np.sum(curvature * np.square(w - center)))
        w = w - np.float32(0.4) * (curvature * (w - center))
    np.testing.assert_array_max_ulp(result.weights, w, maxulp=4)
    np.testing.assert_allclose(result.history["loss"], losses, rtol=1e-5)


def test_a_short_last_batch_is_the_mean_of_its_own_rows():
    x = np.float32([1.0, -2.0, 4.0, 0.5, 3.0, 99.0, 99.0, 99.0])  # the last three are padding
    plan, rate, w = Plan(4, 2), np.float32(0.2), np.float32(0.0)
    result = train(spread, w, (), Rows(x, 5), optimizer=Sgd(0.2, 0.0), plan=plan, seed=seeds(3))
    losses = []
    for order in random_orders(seeds(3), range(4), 5, (4, 8)):
        costs = []
        for batch in (order[0:2], order[2:4], order[4:5]):
            costs.extend(0.5 * np.square(w - x[batch]))
            w = w - rate * np.mean(w - x[batch])
        losses.append(np.mean(costs))
    np.testing.assert_allclose(result.history["loss"], losses, rtol=1e-6)
    best = int(np.argmin(losses)) + 1
    assert (result.n_steps, result.n_epochs, result.best_epoch) == (12, 4, best)


def test_a_batch_size_beyond_the_rows_is_the_whole_table():
    rows = table()
    plans = (Plan(5, 64), Plan(5, 1000))
    both = [train(regression, np.zeros(5, np.float32), (), rows, optimizer=Sgd(0.1), plan=plan, seed=seeds(0)) for plan in plans]
    np.testing.assert_array_equal(both[0].weights, both[1].weights)
    assert both[0].n_steps == 5


def test_a_full_batch_optimizer_takes_one_step_an_epoch_whatever_the_batch_size():
    result = train(regression, np.zeros(5, np.float32), (), table(), optimizer=GradientDescent(), plan=Plan(7, 8), seed=seeds(0))
    assert result.n_steps == 7


def test_adam_is_its_recurrence():
    rows, rate = table(), 0.05
    result = train(regression, np.zeros(5, np.float32), (), rows, optimizer=Adam(rate), plan=Plan(25, 64), seed=seeds(0))
    x, y = (rows.arrays[name][:60].astype(np.float64) for name in ("x", "y"))
    w, first, second = np.zeros(5), np.zeros(5), np.zeros(5)
    for step in range(1, 26):
        gradient = x.T @ (x @ w - y) / 60
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        w = w - rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    assert result.best_epoch == 25
    np.testing.assert_allclose(result.weights, w, rtol=1e-4)


def test_the_same_seed_gives_the_same_bits_and_another_gives_others():
    runs = [
        train(regression, np.zeros(5, np.float32), (), table(), optimizer=Adam(0.05), plan=Plan(5, 16), seed=seeds(number))
        for number in (1, 1, 2)
    ]
    np.testing.assert_array_equal(runs[0].weights, runs[1].weights)
    assert not np.array_equal(runs[0].weights, runs[2].weights)
