"""Likelihoods of a location and a spread, in every way that the spread can be had."""

import numpy as np

from isthmus.losses import AbstractLoss

__all__ = ["LOG", "X", "Y", "shown", "spreads_of"]

_RNG = np.random.default_rng(0)
X, Y, LOG = (_RNG.normal(size=(6, 4)).astype(np.float32) for _ in range(3))


def _bounded(log_scale):
    """A spread that is learned: never below exp(-6)."""
    return np.exp(-6.0 + np.log1p(np.exp(np.float64(log_scale) + 6.0)))


def spreads_of(part):
    """A loss of each spread, its weights, the raw outputs whose location is `Y`, and the spread itself."""
    return [
        (part(), (), Y, 1.0),
        (part(0.3), (), Y, 0.3),
        (part(spread="shared"), np.float32(0.7), Y, _bounded(0.7)),
        (part(spread="per_feature"), LOG[0], Y, _bounded(LOG[0])),
        (part(spread="per_value"), (), np.concatenate([Y, LOG], axis=1), _bounded(LOG)),
    ]


def shown(value):
    """The name of a case: its loss."""
    return repr(value) if isinstance(value, AbstractLoss) else ""
