"""One step: gradient, transformation, proximal map."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from isthmus._types import Tree
from isthmus.optimizers import AbstractOptimizer

__all__ = ["Moved", "evaluated", "initial_optimizer_state", "moved", "resumed", "transformation"]


class Moved(NamedTuple):
    """What one step leaves."""

    weights: Any
    optimizer_state: Any
    evaluation: Any


def transformation(optimizer: AbstractOptimizer, rate: Any) -> optax.GradientTransformationExtraArgs:
    """The optimizer at this rate, behind its clipping."""
    built = optimizer.build(rate)
    if optimizer.clip_norm is None:
        return built
    return optax.chain(optax.clip_by_global_norm(optimizer.clip_norm), built)


def initial_optimizer_state(optimizer: AbstractOptimizer, weights: Tree) -> Any:
    """The optimizer's state before the first step, for the weights that are not frozen; nothing where all are."""
    trainable, _ = _split(optimizer, weights)
    return transformation(optimizer, optimizer.learning_rate).init(trainable) if jax.tree.leaves(trainable) else ()


def evaluated(optimizer: AbstractOptimizer, optimizer_state: Any, weights: Tree) -> Tree:
    """The weights to evaluate and keep, when training is at `weights`."""
    return _seen_by(optimizer, optimizer.evaluation_weights, optimizer_state, weights)


def resumed(optimizer: AbstractOptimizer, optimizer_state: Any, weights: Tree) -> Tree:
    """Where training goes on from `weights` that were kept."""
    return _seen_by(optimizer, optimizer.training_weights, optimizer_state, weights)


def moved(optimizer: AbstractOptimizer, objective: Any, value: Any, weights: Tree, optimizer_state: Any, rate: Any) -> Moved:
    """The weights after one step down `value`, a function of weights that returns an evaluation."""
    trainable, frozen = _split(optimizer, weights)
    if not jax.tree.leaves(trainable):
        return Moved(weights, optimizer_state, value(weights))

    def loss_of(trainable: Tree) -> tuple[Any, Any]:
        evaluation = value(_join(trainable, frozen))
        return evaluation.loss, evaluation

    (loss, evaluation), gradient = jax.value_and_grad(loss_of, has_aux=True)(trainable)
    updates, optimizer_state = transformation(optimizer, rate).update(
        gradient, optimizer_state, trainable, value=loss, grad=gradient, value_fn=lambda trainable: loss_of(trainable)[0]
    )
    if not optimizer.applies_half_rates:
        updates = optimizer.at_half_rates(updates)
    if getattr(objective, "has_own_rates", False):
        updates = objective.at_own_rates(updates)
    weights = _join(optax.apply_updates(trainable, updates), frozen)
    if getattr(objective, "is_proximal", False):
        sizes = optimizer.step_sizes(_own_state(optimizer, optimizer_state), trainable, rate)
        weights = objective.shrink(weights, _full_step_sizes(optimizer, weights, trainable, sizes))
    return Moved(weights, optimizer_state, evaluation)


def _seen_by(optimizer: AbstractOptimizer, change: Any, optimizer_state: Any, weights: Tree) -> Tree:
    trainable, frozen = _split(optimizer, weights)
    return _join(change(_own_state(optimizer, optimizer_state), trainable), frozen) if jax.tree.leaves(trainable) else weights


def _own_state(optimizer: AbstractOptimizer, optimizer_state: Any) -> Any:
    """The state of what the optimizer built, without that of the clipping before it."""
    return optimizer_state if optimizer.clip_norm is None else optimizer_state[1]


def _split(optimizer: AbstractOptimizer, weights: Tree) -> tuple[Tree, Tree]:
    """The weights that move and those that do not, each with None in the place of the other's."""
    if not optimizer.frozen:
        return weights, None
    moves = optimizer.is_trainable(weights)
    trainable = jax.tree.map(lambda leaf, moves: leaf if moves else None, weights, moves)
    frozen = jax.tree.map(lambda leaf, moves: None if moves else leaf, weights, moves)
    return trainable, frozen


def _join(trainable: Tree, frozen: Tree) -> Tree:
    if frozen is None:
        return trainable
    return jax.tree.map(lambda a, b: b if a is None else a, trainable, frozen, is_leaf=lambda leaf: leaf is None)


def _full_step_sizes(optimizer: AbstractOptimizer, weights: Tree, trainable: Tree, sizes: Tree) -> Tree:
    """The step size of every array of `weights`: zero where it is frozen."""
    if jax.tree.structure(sizes) != jax.tree.structure(trainable):
        sizes = jax.tree.map(lambda _: sizes, trainable)
    sizes = optimizer.at_half_rates(sizes)
    zeros = jax.tree.map(lambda leaf: jnp.zeros((), leaf.dtype), weights)
    return jax.tree.map(lambda size, zero: zero if size is None else size, sizes, zeros, is_leaf=lambda leaf: leaf is None)
