"""Every epoch sees every row once, in an order of its own; validation rows are only looked at."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus.model import Evaluation
from isthmus.optimizers import GradientDescent, Sgd
from isthmus.training import Plan, Rows, train
from isthmus.training._data import random_orders
from training.objectives import logging_objective, new_log, numbered, regression, seeds


def logged(count, capacity, batch_size, n_epochs, seed=0):
    n_batches = 1 if batch_size >= capacity else -(-count // batch_size)
    log = new_log(n_epochs * n_batches, min(batch_size, capacity))
    rows = numbered(count, capacity)
    return train(logging_objective, np.float32(0), log, rows, optimizer=Sgd(), plan=Plan(n_epochs, batch_size), seed=seeds(seed)).state


@pytest.mark.parametrize(("count", "capacity", "batch_size"), [(10, 12, 4), (12, 12, 4), (9, 16, 2), (13, 16, 16), (1, 8, 3), (7, 7, 1)])
def test_an_epoch_visits_each_row_exactly_once(count, capacity, batch_size):
    log = logged(count, capacity, batch_size, 6)
    assert log.step == len(log.rows)
    for rows, masks in zip(np.split(log.rows, 6), np.split(log.masks, 6), strict=True):
        np.testing.assert_array_equal(np.sort(rows[masks == 1]), np.arange(count))
        assert np.isin(masks, (0, 1)).all()


def test_each_epoch_has_a_new_order():
    log = logged(40, 40, 8, 6)
    assert len(np.unique(log.rows.reshape(6, 40), axis=0)) == 6


def test_orders_do_not_depend_on_the_length_of_the_run():
    np.testing.assert_array_equal(logged(10, 12, 4, 3).rows, logged(10, 12, 4, 200).rows[:9])


def test_each_step_has_a_key_of_its_own():
    log = logged(10, 12, 4, 20)
    assert len(np.unique(log.keys, axis=0)) == len(log.keys)


def test_progress_rises_from_zero_by_equal_steps():
    log = logged(10, 12, 4, 20)
    np.testing.assert_allclose(log.progress, np.arange(60) / 60, rtol=1e-6)


def test_an_order_depends_on_its_epoch_and_not_on_when_it_is_asked_for():
    orders = random_orders(seeds(1), range(-1, 9), 30, (10, 32))
    np.testing.assert_array_equal(random_orders(seeds(1), range(4, 7), 30, (3, 32)), orders[5:8])
    np.testing.assert_array_equal(np.sort(orders[:, :30]), np.tile(np.arange(30), (10, 1)))
    assert not orders[:, 30:].any()
    assert len(np.unique(orders, axis=0)) == 10
    assert not np.array_equal(random_orders(seeds(2), range(-1, 9), 30, (10, 32)), orders)


def test_all_orders_are_equally_likely():
    orders = random_orders(seeds(5), range(6000), 4, (6000, 4))
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    assert scipy.stats.chisquare(counts).pvalue > 0.001


def table(n_rows, seed, capacity=16):
    rng = np.random.default_rng(seed)
    rows = {"x": rng.normal(size=(capacity, 3)).astype(np.float32), "y": rng.normal(size=capacity).astype(np.float32)}
    return Rows(rows, n_rows)


def test_validation_rows_are_not_trained_on():
    plan = Plan(6, 4)
    runs = [
        train(regression, np.zeros(3, np.float32), (), table(14, 0), optimizer=Sgd(), plan=plan, seed=seeds(0), validation=table(9, seed))
        for seed in (1, 2)
    ]
    np.testing.assert_array_equal(runs[0].history["loss"], runs[1].history["loss"])
    assert not np.array_equal(runs[0].history["val_loss"], runs[1].history["val_loss"])


@pytest.mark.parametrize("count", [1, 4, 9, 16])
@pytest.mark.parametrize("batch_size", [3, 4, 16])
def test_the_validation_loss_is_the_mean_over_its_rows(count, batch_size):
    weights, validation = np.float32([1.0, -2.0, 0.5]), table(count, 3)
    result = train(regression, weights, (), table(16, 0), optimizer=Sgd(), plan=Plan(1, batch_size), seed=seeds(0), validation=validation)
    residuals = (validation.arrays["x"] @ weights - validation.arrays["y"])[:count]
    np.testing.assert_allclose(result.initial["val_loss"], 0.5 * np.mean(np.square(residuals)), rtol=1e-5)


def test_validation_draws_the_same_numbers_every_time():
    def noisy(weights, state, rows, shared, mask, *, key, **options):
        noise = jax.random.normal(key, mask.shape)
        return Evaluation(0.0 * weights + jnp.sum(mask * noise) / jnp.sum(mask), {"noise": noise[0]}, state)

    rows = Rows(np.zeros(8, np.float32), 7)
    result = train(noisy, np.float32(0), (), rows, optimizer=GradientDescent(), plan=Plan(5, 4), seed=seeds(0), validation=rows)
    assert set(result.history) == {"loss", "noise", "val_loss", "val_noise"}
    assert set(result.initial) == {"val_loss", "val_noise"}
    np.testing.assert_array_equal(result.history["val_loss"], np.full(5, result.initial["val_loss"], np.float32))
    assert len(np.unique(result.history["loss"])) == 5
    assert result.best_epoch == 0


def test_terms_are_means_over_the_rows_of_an_epoch():
    def objective(weights, state, rows, shared, mask, **options):
        return Evaluation(0.0 * weights, {"row": jnp.sum(mask * rows) / jnp.sum(mask), "one": jnp.float32(1.0)}, state)

    rows = Rows(np.arange(12, dtype=np.float32), 7)
    result = train(objective, np.float32(0), (), rows, optimizer=Sgd(), plan=Plan(3, 4), seed=seeds(0))
    np.testing.assert_allclose(result.history["row"], 3.0, rtol=1e-6)
    np.testing.assert_allclose(result.history["one"], 1.0, rtol=1e-6)
