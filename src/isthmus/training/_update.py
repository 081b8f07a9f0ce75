"""One step: gradient, transformation, proximal map."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from isthmus._types import Tree
from isthmus.optimizers import AbstractOptimizer

__all__ = ["Moved", "initial_optimizer_state", "moved", "transformation"]


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
    """The optimizer's state before the first step, for the weights that are not frozen."""
    trainable, _ = _split(optimizer, weights)
    return transformation(optimizer, optimizer.learning_rate).init(trainable)


def moved(optimizer: AbstractOptimizer, objective: Any, value: Any, weights: Tree, optimizer_state: Any, rate: Any) -> Moved:
    """The weights after one step down `value`, a function of weights that returns an evaluation."""
    trainable, frozen = _split(optimizer, weights)

    def loss_of(trainable: Tree) -> tuple[Any, Any]:
        evaluation = value(_join(trainable, frozen))
        return evaluation.loss, evaluation

    (loss, evaluation), gradient = jax.value_and_grad(loss_of, has_aux=True)(trainable)
    updates, optimizer_state = transformation(optimizer, rate).update(
        gradient, optimizer_state, trainable, value=loss, grad=gradient, value_fn=lambda trainable: loss_of(trainable)[0]
    )
    factors = _rate_factors(optimizer, trainable)
    updates = jax.tree.map(lambda update, factor: factor * update, updates, factors)
    weights = _join(optax.apply_updates(trainable, updates), frozen)
    if getattr(objective, "is_proximal", False):
        sizes = optimizer.step_sizes(optimizer_state, trainable, rate)
        weights = objective.shrink(weights, _full_step_sizes(weights, trainable, sizes, factors))
    return Moved(weights, optimizer_state, evaluation)


def _half(path: Any) -> str:
    return str(getattr(path[0], "name", getattr(path[0], "key", getattr(path[0], "idx", "")))) if path else ""


def _split(optimizer: AbstractOptimizer, weights: Tree) -> tuple[Tree, Tree]:
    """The weights that move and those that do not, each with None in the place of the other's."""
    if not optimizer.frozen:
        return weights, None
    trainable = jax.tree_util.tree_map_with_path(lambda path, leaf: None if _half(path) in optimizer.frozen else leaf, weights)
    frozen = jax.tree_util.tree_map_with_path(lambda path, leaf: leaf if _half(path) in optimizer.frozen else None, weights)
    return trainable, frozen


def _join(trainable: Tree, frozen: Tree) -> Tree:
    if frozen is None:
        return trainable
    return jax.tree.map(lambda a, b: b if a is None else a, trainable, frozen, is_leaf=lambda leaf: leaf is None)


def _rate_factors(optimizer: AbstractOptimizer, trainable: Tree) -> Tree:
    named = {"encoder": optimizer.encoder_rate, "decoder": optimizer.decoder_rate}
    return jax.tree_util.tree_map_with_path(lambda path, leaf: named.get(_half(path), 1.0), trainable)


def _full_step_sizes(weights: Tree, trainable: Tree, sizes: Tree, factors: Tree) -> Tree:
    """The step size of every array of `weights`: zero where it is frozen."""
    if jax.tree.structure(sizes) != jax.tree.structure(trainable):
        sizes = jax.tree.map(lambda _: sizes, trainable)
    sizes = jax.tree.map(lambda size, factor: size * factor, sizes, factors)
    zeros = jax.tree.map(lambda leaf: jnp.zeros((), leaf.dtype), weights)
    return jax.tree.map(lambda size, zero: zero if size is None else size, sizes, zeros, is_leaf=lambda leaf: leaf is None)
