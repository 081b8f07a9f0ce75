import copy
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from isthmus.errors import DataError
from isthmus.mixtures import (
    AbstractCovariance,
    Chunks,
    Fixed,
    Mixture,
    Prior,
    Table,
    constrained,
    ridged,
    total_log_likelihood,
    unconstrained,
    unraveled,
)

from ._mixture_fits import Fitted, fixed_of, in_precision, prior_of

__all__ = ["MixtureObjective", "mixture_objective"]


class MixtureObjective(NamedTuple):
    """What a fit of a mixture minimizes, as a function of a vector of which each number may take any value.

    The vector holds logarithms of weights, up to a constant; means of whitened rows; and, for each covariance of those, the upper
    triangle of a root of its inverse, with the logarithm of the diagonal (or logarithms of variances' roots, or factors). So every
    vector is a mixture: weights are positive and sum to one, covariances are symmetric and positive definite.
    `GaussianMixture.objective` makes it.

    Attributes
    ----------
    start : ndarray of shape (n_numbers,)
        The vector of the mixture that it was made from.
    """

    start: np.ndarray
    estimator: Any
    fixed: Fixed
    prior: Prior
    blocks: list[Chunks]
    constant: float

    def __call__(self, vector: Any) -> tuple[float, np.ndarray]:
        """Minus the mean log-density of the rows and the prior's share, in nats a row, and the gradient, (n_numbers,).

        With `reg_covar` each density is that of a row with noise of this variance: so a component cannot become flat.
        """
        return self._evaluated(self._checked(vector), self.prior)

    def _evaluated(self, numbers: np.ndarray, prior: Prior) -> tuple[float, np.ndarray]:
        found, value, gradient = self.estimator.fitted_, self.constant, np.zeros(len(numbers))
        with in_precision(np.float64):
            count = float(sum(jnp.sum(rows.weight) for rows in self.blocks))
            for rows in self.blocks:
                # Each block has its part of the prior's share.
                own = _value_and_gradient(found.covariance, numbers, found.mixture, self.fixed, rows, (prior, len(self.blocks), count))
                value, gradient = value + float(own[0]), gradient + np.asarray(own[1])
        return value, gradient

    def mixture(self, vector: Any) -> Any:
        """The mixture of a vector, as a fitted `GaussianMixture`."""
        numbers = self._checked(vector)
        found: Fitted = self.estimator.fitted_
        with in_precision(np.float64):
            mixture = constrained(
                found.covariance, unraveled(found.covariance, numbers, *found.mixture.mean.shape), found.mixture, self.fixed
            )
        value = -self._evaluated(numbers, self.prior._replace(ridge=0.0))[0]
        estimator = copy.copy(self.estimator)
        mixture = jax.tree.map(functools.partial(np.asarray, dtype=np.float64), mixture)
        estimator._keep(found._replace(mixture=mixture, value=value, converged=True, gain=value - found.value))
        return estimator

    def _checked(self, vector: Any) -> np.ndarray:
        numbers = np.asarray(vector, np.float64)
        if numbers.shape != self.start.shape:
            raise DataError(f"A vector of shape {self.start.shape} is needed, as `start` has; got {numbers.shape}. Pass such a one.")
        return numbers


def mixture_objective(estimator: Any, found: Fitted, table: Table) -> MixtureObjective:
    """The objective of an estimator's parameters and rows, from a mixture on."""
    factors = found.whitening.log_factors()
    there = ~np.isnan(table.x) @ factors if table.has_missing else np.full(len(table.x), factors.sum())
    with in_precision(np.float64):
        blocks = list(table.blocks(found.whitening, len(found.mixture.mean), np.float64))
        mixture = jax.tree.map(jnp.asarray, found.mixture)
        start = np.asarray(ravel_pytree(unconstrained(found.covariance, mixture))[0])
    fixed, prior = fixed_of(estimator, found.covariance, len(found.mixture.mean), found), prior_of(estimator, np.float64)
    # A copy, which another fit of the user's does not change.
    return MixtureObjective(start, copy.copy(estimator), fixed, prior, blocks, -float(np.average(there, weights=table.weight)))


@jax.jit
def _value_and_gradient(covariance: AbstractCovariance, vector: Any, before: Mixture, fixed: Fixed, rows: Chunks, share: Any) -> Any:
    prior, n_blocks, count = share

    def value(vector: Any) -> Any:
        mixture = constrained(covariance, unraveled(covariance, vector, *before.mean.shape), before, fixed)
        log_prior = prior.rows * covariance.log_prior(mixture.spread, before.mean.shape[1])
        return -(total_log_likelihood(covariance, ridged(covariance, mixture, prior.ridge), rows) + log_prior / n_blocks) / count

    return jax.value_and_grad(value)(vector)
