import abc
from typing import Any, NamedTuple

import numpy as np

from isthmus._component import Component
from isthmus._types import Code, Key, PerRow, Shape, Tree


class AbstractPrior(Component):
    """A density over codes."""

    @abc.abstractmethod
    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> Tree:
        """The prior's own weights; `()` for none."""

    @abc.abstractmethod
    def log_prob(self, weights: Tree, code: Code) -> PerRow:
        """log p(code) in nats, one number a code."""

    @abc.abstractmethod
    def sample(self, weights: Tree, shape: Shape, *, key: Key) -> Code:
        """Codes of shape `shape`, which is (n, *latent_shape)."""

    def kl(self, weights: Tree, mean: Code, log_variance: Code) -> Any:
        """KL(N(mean, exp(log_variance)) || prior) in nats per code where a closed form exists, else None."""
        return None


class BoundPrior(NamedTuple):
    """A prior together with its weights, as bottlenecks receive it."""

    prior: AbstractPrior
    weights: Tree

    def log_prob(self, code: Code) -> PerRow:
        """`AbstractPrior.log_prob` at these weights."""
        return self.prior.log_prob(self.weights, code)

    def sample(self, shape: Shape, *, key: Key) -> Code:
        """`AbstractPrior.sample` at these weights."""
        return self.prior.sample(self.weights, shape, key=key)

    def kl(self, mean: Code, log_variance: Code) -> Any:
        """`AbstractPrior.kl` at these weights."""
        return self.prior.kl(self.weights, mean, log_variance)
