"""Small objectives whose every step can be followed by hand."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus.model import Evaluation
from isthmus.training import Rows

__all__ = ["NOTHING", "Log", "descending", "logging_objective", "new_log", "numbered", "regression", "seeds", "spread"]

NOTHING = Rows(np.zeros(1, np.float32), 1)  # for objectives that look at no row


def seeds(number):
    return np.array([number, 7], np.uint32)


def regression(weights, state, rows, shared, mask, **options):
    """Half the mean squared residual of a linear map without intercept."""
    residuals = rows["x"] @ weights - rows["y"]
    return Evaluation(0.5 * jnp.sum(mask * jnp.square(residuals)) / jnp.sum(mask), {}, state)


def spread(weights, state, rows, shared, mask, **options):
    """Half the mean squared distance of `weights` from the rows."""
    return Evaluation(0.5 * jnp.sum(mask * jnp.square(weights - rows)) / jnp.sum(mask), {}, state)


def descending(weights, state, rows, shared, mask, *, training, **options):
    """Training moves the weight down by the rate at every step; validation reads its value for that depth from `shared`."""
    if training:
        return Evaluation(weights, {}, state)
    depth = jnp.round(-weights).astype(jnp.int32)
    return Evaluation(shared[depth], {"depth": depth.astype(jnp.float32)}, state)


class Log(NamedTuple):
    """What every step was given, one row a step."""

    step: object
    rows: object
    masks: object
    keys: object
    progress: object


def new_log(n_steps, batch_size):
    shape = (n_steps, batch_size)
    return Log(
        np.int32(0),
        np.full(shape, -1, np.int32),
        np.zeros(shape, np.float32),
        np.zeros((n_steps, 2), np.uint32),
        np.zeros(n_steps, np.float32),
    )


def logging_objective(weights, state, rows, shared, mask, *, key, progress, training):
    """Writes down what it is given; its loss falls from step to step, so that the last state is the best."""

    step = state.step
    state = Log(
        step + 1,
        state.rows.at[step].set(rows),
        state.masks.at[step].set(mask),
        state.keys.at[step].set(jax.random.key_data(key)),
        state.progress.at[step].set(progress),
    )
    return Evaluation(0.0 * weights - step.astype(jnp.float32), {}, state)


def numbered(count, capacity):
    """Rows that are their own numbers; padding is numbered on, so that its use would be seen."""
    return Rows(np.arange(capacity, dtype=np.int32), count)
