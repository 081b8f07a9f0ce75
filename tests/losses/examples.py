"""Losses as the tests try them: on shapes that they accept, and on rows that they are defined for."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._component import choices
from isthmus.architectures import Linear
from isthmus.errors import DataError, PartError
from isthmus.losses import AbstractLoss, Categorical, Columns, MsSsim, Ssim, Weighted
from isthmus.model import Parts

# Tables, arrays, pairs of groups, images; each loss is tried on the first two that it accepts.
SHAPES = [(3,), (2, 2, 3), (5,), (2, 5), (12, 11), (11, 13, 2), (176, 177), (177, 176, 2)]
N_SHAPES = 2
N_ROWS = 4

LOSSES = [
    *(part() for part in choices(AbstractLoss).values()),
    Categorical((2, 3)),
    MsSsim((0.4, 0.6), Ssim(window=5)),
    Weighted(("bernoulli", "huber", "absolute_error"), (1.0, 0.5, 0.2)),
    Columns(("huber", "categorical"), (2, 3)),
    Columns(("poisson", "bernoulli", "student_t"), (1, 1, 1)),
]


@functools.cache
def accepted(loss):
    """The shapes of rows to try the loss on."""
    return [shape for shape in SHAPES if is_accepted(loss, shape)][:N_SHAPES]


def is_accepted(loss, shape):
    try:
        Parts(Linear(), loss, data_shape=shape, latent_shape=(1,))
    except PartError:
        return False
    return True


def rows_for(loss, shape, n_rows=N_ROWS, seed=0):
    """Random rows that the loss is defined for: any in [0.01, 0.99], or shares of one, or two groups of shares; or whole numbers to 4."""
    drawn = np.random.default_rng(seed).uniform(0.01, 0.99, size=(n_rows, *shape))
    return first_allowed(loss, [drawn, shares(drawn), grouped(drawn, shares), np.ceil(4.0 * drawn)])


def constant_rows(loss, shape):
    """Rows that hold nothing but zeros and ones, all that the loss is defined for."""
    zeros, ones = np.zeros((1, *shape)), np.ones((1, *shape))
    candidates = [zeros, ones, first_of(ones), grouped(ones, first_of), np.concatenate([zeros[..., :2], first_of(ones[..., 2:])], axis=-1)]
    return [rows for rows in candidates if is_allowed(loss, rows)]


def batch(loss, shape, seed=0):
    """Raw outputs and data of a few rows: half of the outputs far from the data, half near."""
    x = rows_for(loss, shape, seed=seed)
    noise = np.random.default_rng(seed + 1).normal(size=(N_ROWS, *loss.output_shape(shape)))
    half = N_ROWS // 2
    outputs = np.concatenate([3.0 * noise[:half], loss.start(x[half:]) + 0.01 * noise[half:]])
    return jnp.asarray(outputs, float), jnp.asarray(x, float)


@jax.jit
def cost_of(loss, weights, outputs, x):
    """One compiled program instead of one for every operation."""
    return loss(weights, outputs, x)


def weights_of(loss, shape):
    return loss.init(shape, rng=np.random.default_rng(1))


def first_allowed(loss, candidates):
    return next(rows for rows in candidates if is_allowed(loss, rows))


def is_allowed(loss, rows):
    try:
        loss.check_rows(rows)
    except DataError:
        return False
    return True


def shares(values):
    return values / values.sum(axis=-1, keepdims=True)


def first_of(values):
    return values * (np.arange(values.shape[-1]) == 0)


def grouped(values, function):
    """Two columns and the rest, each treated by itself."""
    return np.concatenate([function(values[..., :2]), function(values[..., 2:])], axis=-1)
