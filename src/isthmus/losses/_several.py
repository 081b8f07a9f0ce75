"""What losses made of losses do with what those have learned: each is given its own."""

from collections.abc import Iterable
from typing import Any

from isthmus._types import Mask, Tree

from ._base import AbstractLoss

__all__ = ["at_states", "next_states"]


def next_states(given: Iterable[tuple[AbstractLoss, Any, Any]], weights: Tree, states: Tree, mask: Mask) -> Tree:
    """The state of each loss after a batch; `given` are the losses, each with the outputs and the data that it sees."""
    each = zip(given, weights, states, strict=True)
    return tuple(loss.next_state(own, state, outputs, x, mask) for (loss, outputs, x), own, state in each)


def at_states(losses: Iterable[AbstractLoss], weights: Tree, states: Tree) -> Tree:
    """The weights of each loss, with what its state holds."""
    return tuple(loss.at_state(own, state) for loss, own, state in zip(losses, weights, states, strict=True))
