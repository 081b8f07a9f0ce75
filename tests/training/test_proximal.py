"""Penalties with a kink: after any optimizer's steps the minimum is that of the lasso, zeros included."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Lasso

from isthmus._component import Component
from isthmus.model import Evaluation
from isthmus.optimizers import Adabelief, Adagrad, Adam, Adamw, Cosine, Dog, GradientDescent, Nadam, Rmsprop, Sgd
from isthmus.regularizers import L1
from isthmus.training import Plan, Rows, train
from training.objectives import seeds


class Halves(NamedTuple):
    encoder: object
    decoder: object


class Sparse(Component):
    """The lasso's objective, its penalty through the library's own part."""

    penalty: L1
    is_proximal = True

    def shrink(self, weights, step_sizes):
        return self.penalty.shrink(weights, jax.tree.map(lambda size: size * self.penalty.weight, step_sizes))

    def __call__(self, weights, state, rows, shared, mask, **options):
        residuals = rows["x"] @ weights.encoder[:, 0] + weights.decoder - rows["y"]
        charge = jax.lax.stop_gradient(self.penalty.weight * jnp.sum(jnp.abs(weights.encoder)))
        return Evaluation(0.5 * jnp.sum(mask * jnp.square(residuals)) / jnp.sum(mask) + charge, {}, state)


def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 10)).astype(np.float32) * np.linspace(0.5, 1.5, 10, dtype=np.float32)
    coefficients = np.zeros(10)
    coefficients[[1, 4, 8]] = 2.0, -1.5, 0.7
    y = (x @ coefficients + 3.0 + 0.5 * rng.normal(size=64)).astype(np.float32)
    return x, y


def fit(optimizer, penalty, n_epochs=3000, batch_size=64):
    x, y = table()
    weights = Halves(np.full((10, 1), 0.5, np.float32), np.zeros(1, np.float32))
    rows = Rows({"x": x, "y": y}, 64)
    return train(Sparse(L1(penalty)), weights, (), rows, optimizer=optimizer, plan=Plan(n_epochs, batch_size), seed=seeds(0)).weights


OPTIMIZERS = [
    GradientDescent(0.3),
    GradientDescent(0.3, encoder_rate=0.5, decoder_rate=2.0),
    Sgd(0.03, 0.9),
    Sgd(0.03, 0.9, nesterov=True),
    Adam(0.02, schedule=Cosine()),
    Adam(0.02, schedule=Cosine(), clip_norm=1.0, encoder_rate=2.0),
    Adamw(0.02, weight_decay=0.0, schedule=Cosine()),
    Nadam(0.02, schedule=Cosine()),
    Adabelief(0.02, schedule=Cosine()),
    Rmsprop(0.005, momentum=0.5, schedule=Cosine()),
    Adagrad(0.5),
    Dog(clip_norm=1.0, decoder_rate=2.0),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimizer_reaches_the_lasso(optimizer):
    x, y = table()
    for penalty in (0.05, 0.2):
        reference = Lasso(penalty, tol=1e-10, max_iter=100_000).fit(x.astype(np.float64), y)
        weights = fit(optimizer, penalty)
        found = weights.encoder[:, 0]
        assert 0 < np.sum(reference.coef_ == 0) < 10
        np.testing.assert_array_equal(found == 0, reference.coef_ == 0)
        np.testing.assert_allclose(found, reference.coef_, atol=1e-3)
        np.testing.assert_allclose(weights.decoder, reference.intercept_, atol=1e-3)


def test_a_penalty_of_zero_shrinks_nothing():
    x, y = table()
    weights = fit(Sgd(0.03), 0.0)
    design = np.column_stack([x, np.ones(64)])
    np.testing.assert_allclose(np.append(weights.encoder[:, 0], weights.decoder), np.linalg.lstsq(design, y)[0], atol=1e-3)


def test_a_large_penalty_leaves_nothing_but_the_mean():
    weights = fit(Sgd(0.03), 100.0, n_epochs=500)
    assert not np.any(weights.encoder)
    np.testing.assert_allclose(weights.decoder, table()[1].mean(), rtol=2e-3)  # as near as the loss in float32 tells


@pytest.mark.parametrize("optimizer", [Sgd(0.03, frozen=("encoder",)), Adam(0.03, frozen=("encoder",))], ids=repr)
def test_a_frozen_half_is_not_shrunk(optimizer):
    np.testing.assert_array_equal(fit(optimizer, 0.2, n_epochs=20).encoder, np.full((10, 1), 0.5, np.float32))
