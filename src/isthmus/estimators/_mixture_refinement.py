"""A mixture that expectation-maximization has found, moved on by gradient: mixtures meet the trainer, and neither knows of the other."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._component import resolve
from isthmus.mixtures import (
    AbstractCovariance,
    Chunks,
    Fixed,
    Limits,
    Mixture,
    Prior,
    Run,
    Search,
    Setting,
    Table,
    constrained,
    finished,
    ridged,
    total_log_likelihood,
    unconstrained,
)
from isthmus.model import Evaluation
from isthmus.optimizers import AbstractOptimizer, Cosine
from isthmus.training import Plan, Rows, train

__all__ = ["refined", "refinement_of"]

_MOST_BYTES = 2**30  # of whitened rows that are on the device
_ROWS_A_STEP, _ROWS_A_PIECE = 1024, 64
_STEPS, _LEAST_EPOCHS, _MOST_EPOCHS = 3000, 10, 500
_FULL_STEPS, _PATIENCE = 500, 10
# Expectation-maximization has stopped where it gained less than the tolerance, most often on a slope that goes on for long.
_SHARE_OF_TOL = 0.1


class Task(NamedTuple):
    """What the objective has to know beside numbers and rows.

    Attributes:
        before: the mixture to start from.
        fixed: what is held of it.
        prior: what is believed of the covariances.
        value: of `before`.
        learned: what the rows to learn from count together, as a number for each chunk.
        count: what all rows count together.
    """

    before: Mixture
    fixed: Fixed
    prior: Prior
    value: Any
    learned: Any
    count: Any


def refinement_of(value: Any) -> AbstractOptimizer | None:
    """The optimizer that was meant. One that is given by name and sees some rows at a time slows down along half a cosine.

    Raises:
        PartError: there is no such optimizer.
    """
    if value is None:
        return None
    optimizer = resolve(AbstractOptimizer, value, "refinement")
    return dataclasses.replace(optimizer, schedule=Cosine()) if isinstance(value, str) and not optimizer.full_batch else optimizer


def refined(
    setting: Setting, run: Run, table: Table, search: Search, fixed: Fixed, optimizer: AbstractOptimizer, *, rng: np.random.Generator
) -> tuple[Run, float]:
    """The run with its mixture moved up the gradient of what is maximized, and the nats a row gained; without a gain, the run as it was.

    Args:
        setting: the structure and how rows are scaled.
        run: from whose mixture to go on.
        table: the rows. Of more than a gigabyte of them a random part is learned from; all rows judge.
        search: its limits and its prior.
        fixed: what is not to move.
        optimizer: how to move.
        rng: decides the order of rows.
    """
    chunks = _learned_from(setting, table, rng)
    if not optimizer.full_batch:
        chunks = _in_pieces(chunks)
    rows = Rows(chunks, len(chunks.x))
    before = jax.tree.map(functools.partial(jnp.asarray, dtype=setting.dtype), run.mixture)
    numbers = (search.prior, run.value, jnp.sum(chunks.weight) / rows.count, np.sum(table.weight))
    prior, value, learned, count = jax.tree.map(functools.partial(jnp.asarray, dtype=setting.dtype), numbers)
    result = train(
        jax.tree_util.Partial(_evaluated, setting.covariance),
        unconstrained(setting.covariance, before),
        (),
        rows,
        optimizer=optimizer,
        plan=_plan(optimizer, search.limits, chunks),
        seed=rng.integers(2**32, size=2, dtype=np.uint32),
        validation=None if optimizer.full_batch else rows,
        shared=Task(before, fixed, prior, value, learned, count),
    )
    mixture = jax.tree.map(functools.partial(np.asarray, dtype=np.float64), constrained(setting.covariance, result.weights, before, fixed))
    if not all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(mixture)):
        return run, 0.0
    mixture = _with_ridge(setting.covariance, mixture, search.prior.ridge, fixed)
    judged = finished(setting, mixture, table, search._replace(limits=Limits(0.0, 0)), fixed)
    gain = float(judged.value) - float(run.value)
    # What is as small as this is rounding, and no gain.
    rounding = 4.0 * float(np.finfo(setting.dtype).eps) * max(abs(float(run.value)), 1.0)
    if not gain > rounding:
        return run, 0.0
    return judged._replace(n_iter=run.n_iter, converged=bool(run.converged) or result.status == "patience"), gain


def _evaluated(
    covariance: AbstractCovariance, numbers: Mixture, state: Any, rows: Chunks, task: Task, mask: Any, **options: Any
) -> Evaluation:
    """What is minimized: 1 at the start, and one less for each nat a row that is gained."""
    mixture = constrained(covariance, numbers, task.before, task.fixed)
    rows = rows._replace(weight=rows.weight * mask[:, None].astype(rows.weight.dtype))
    total = total_log_likelihood(covariance, ridged(covariance, mixture, task.prior.ridge), _joined(rows))
    prior = task.prior.rows * covariance.log_prior(mixture.spread, mixture.mean.shape[1])
    value = total / (task.learned * jnp.sum(mask)).astype(total.dtype) + prior / task.count
    return Evaluation(1.0 + task.value - value, {}, state)


def _plan(optimizer: AbstractOptimizer, limits: Limits, chunks: Chunks) -> Plan:
    if optimizer.full_batch:
        # The objective is 1 at the start, so that a share of it is a gain in nats.
        return Plan(max_epochs=_FULL_STEPS, batch_size=len(chunks.x), patience=_PATIENCE, tol=_SHARE_OF_TOL * float(limits.tol))
    batch_size = max(_ROWS_A_STEP // chunks.x.shape[2], 1)
    n_epochs = -(-_STEPS * batch_size // len(chunks.x))
    return Plan(max_epochs=min(max(n_epochs, _LEAST_EPOCHS), _MOST_EPOCHS), batch_size=batch_size)


def _learned_from(setting: Setting, table: Table, rng: np.random.Generator) -> Chunks:
    """The rows that count, in random order, as many as the device is to hold."""
    counted = np.flatnonzero(table.weight > 0)
    most = _MOST_BYTES // (table.x.shape[1] * np.dtype(setting.dtype).itemsize)
    part = table.taken(counted[rng.permutation(len(counted))[:most]])
    return part.whole(setting.whitening, setting.n_components, setting.dtype)


def _in_pieces(chunks: Chunks) -> Chunks:
    """The same rows in smaller chunks, without those that hold nothing but padding."""
    n_chunks, n_dims, size = chunks.x.shape
    piece = min(_ROWS_A_PIECE, size)
    each = size // piece
    x = chunks.x.reshape(n_chunks, n_dims, each, piece).swapaxes(1, 2).reshape(-1, n_dims, piece)
    weight = chunks.weight.reshape(-1, piece)
    observed = None if chunks.observed is None else jnp.repeat(chunks.observed, each, axis=0)
    there = np.asarray(jnp.any(weight > 0, axis=1))
    return jax.tree.map(lambda leaf: leaf[there], Chunks(x, weight, observed))


def _joined(rows: Chunks) -> Chunks:
    """The rows of few small chunks as one chunk, where all have the same dimensions."""
    n_chunks, n_dims, size = rows.x.shape
    if rows.observed is not None or n_chunks * size > _ROWS_A_STEP:
        return rows
    return Chunks(rows.x.swapaxes(0, 1).reshape(1, n_dims, -1), rows.weight.reshape(1, -1))


def _with_ridge(covariance: AbstractCovariance, mixture: Mixture, ridge: float, fixed: Fixed) -> Mixture:
    """The mixture with no variance below the ridge in any direction; on the way to its optimum a gradient may go there."""
    with jax.enable_x64(True):
        matrices = np.asarray(covariance.covariances(jax.tree.map(jnp.asarray, mixture.spread), mixture.mean.shape[1]))
    values, vectors = np.linalg.eigh(matrices)
    low = (values[:, 0] < ridge) & ~np.asarray(fixed.spread)
    if not np.any(low):
        return mixture
    raised = covariance.of_covariances(np.einsum("kij,kj,klj->kil", vectors, np.maximum(values, ridge), vectors))

    def chosen(old: np.ndarray, new: np.ndarray) -> np.ndarray:
        return new if covariance.is_shared else np.where(low.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return mixture._replace(spread=jax.tree.map(chosen, mixture.spread, raised))
