"""Compiled functions of a fitted probabilistic model: draws, the evidence bound, and the likelihood by importance sampling.

Each takes a model, how rows are scaled, a block of rows or codes and, last, a key. Densities are those of rows in the user's unit.
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from isthmus._numerics import sum_features
from isthmus.model import Model, scaled

from ._inference import likelihood, log_likelihoods

__all__ = ["bound_terms", "divergences", "importance", "posterior_codes", "posterior_moments", "row_draws", "row_means"]


@functools.partial(jax.jit, static_argnames="n")
def posterior_codes(model: Model, shared: Mapping[str, Any], x: Any, key: Any, *, n: int) -> Any:
    """Codes drawn for each row, (rows, n, latent)."""
    hidden = model.hidden(scaled(x, shared), key=None)
    codes, _ = model.parts.bottleneck.draw(model.weights.bottleneck, hidden, n, key=key)
    return jnp.moveaxis(codes, 0, 1)


@jax.jit
def posterior_moments(model: Model, shared: Mapping[str, Any], x: Any) -> Any:
    """Means and standard deviations of normal posteriors, (rows, 2, latent)."""
    posterior = model.parts.bottleneck.posterior(model.weights.bottleneck, model.hidden(scaled(x, shared), key=None))
    assert posterior is not None
    return jnp.stack([posterior.mean, jnp.exp(posterior.log_scale)], axis=1)


@jax.jit
def row_means(model: Model, shared: Mapping[str, Any], code: Any) -> Any:
    """The row that each code stands for, in the scaled unit, after it has moved to the nearest that the decoder knows."""
    return model.decode(_nearest(model, code))


@jax.jit
def row_draws(model: Model, shared: Mapping[str, Any], code: Any, unit: Any, key: Any) -> Any:
    """A row drawn from the likelihood of each code, in the scaled unit unless the loss knows the user's only."""
    outputs = model.outputs(_nearest(model, code), key=None)
    return likelihood(model.parts, unit).sample(model.loss_weights, outputs, key=key)


@jax.jit
def divergences(model: Model, shared: Mapping[str, Any], x: Any) -> Any:
    """KL of each row's posterior from the prior by dimension, (rows, latent), of a bottleneck that has it in closed form."""
    hidden = model.hidden(scaled(x, shared), key=None)
    return model.parts.bottleneck.divergence(model.weights.bottleneck, hidden, model.bound_prior())


@functools.partial(jax.jit, static_argnames="n")
def bound_terms(model: Model, shared: Mapping[str, Any], x: Any, unit: Any, offset: Any, key: Any, *, n: int) -> Any:
    """The mean log-likelihood of each row at `n` codes, and its divergence from the prior: (rows, 2)."""
    x, bottleneck, prior = scaled(x, shared), model.parts.bottleneck, model.bound_prior()
    hidden = model.hidden(x, key=None)
    codes, log_posterior = bottleneck.draw(model.weights.bottleneck, hidden, n, key=key)
    by_dimension = bottleneck.divergence(model.weights.bottleneck, hidden, prior)
    drawn = jnp.mean(log_posterior - bottleneck.log_prior(prior, codes), axis=0)
    kl = drawn if by_dimension is None else sum_features(by_dimension)
    return jnp.stack([jnp.mean(log_likelihoods(model, x, codes, unit, offset), axis=0), kl], axis=1)


@functools.partial(jax.jit, static_argnames="chunk")
def importance(model: Model, shared: Mapping[str, Any], x: Any, unit: Any, offset: Any, n_samples: Any, key: Any, *, chunk: int) -> Any:
    """`log mean_k p(x, z_k) / q(z_k | x)` of each row and its standard error, (rows, 2); `chunk` codes a row at a time."""
    x, bottleneck, prior = scaled(x, shared), model.parts.bottleneck, model.bound_prior()
    hidden = model.hidden(x, key=None)

    def add(index: Any, sums: Any) -> Any:
        top, first, second = sums
        codes, log_posterior = bottleneck.draw(model.weights.bottleneck, hidden, chunk, key=jax.random.fold_in(key, index))
        log_ratio = log_likelihoods(model, x, codes, unit, offset) + bottleneck.log_prior(prior, codes) - log_posterior
        counts = (index * chunk + jnp.arange(chunk) < n_samples)[:, None]
        log_ratio = jnp.where(counts, log_ratio, -jnp.inf)
        new_top = jnp.maximum(top, jnp.max(log_ratio, axis=0))
        ratio, shrink = jnp.exp(log_ratio - new_top), jnp.exp(top - new_top)
        return new_top, first * shrink + jnp.sum(ratio, axis=0), second * shrink**2 + jnp.sum(ratio**2, axis=0)

    zeros = jnp.zeros(x.shape[0])
    n_chunks = (n_samples + chunk - 1) // chunk
    top, first, second = jax.lax.fori_loop(0, n_chunks, add, (zeros - jnp.inf, zeros, zeros))
    mean = first / n_samples
    variance = jnp.maximum(second - n_samples * mean**2, 0.0) / jnp.maximum(n_samples - 1, 1)
    return jnp.stack([top + jnp.log(mean), jnp.sqrt(variance / n_samples) / mean], axis=1)


def _nearest(model: Model, code: Any) -> Any:
    return model.parts.bottleneck.nearest(model.weights.bottleneck, model.state.bottleneck, code)
