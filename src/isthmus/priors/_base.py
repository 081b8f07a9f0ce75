import abc
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from isthmus._component import Component
from isthmus._types import Code, Data, Key, PerRow, Shape, Tree


class AbstractPrior(Component):
    """A density over codes.

    Attributes:
        takes_classes: whether it works in a model whose networks are told the class of each row.
    """

    takes_classes: ClassVar[bool] = True

    @abc.abstractmethod
    def init(self, latent_shape: Shape, data_shape: Shape, *, rng: np.random.Generator) -> Tree:
        """The prior's own weights; `()` for none."""

    def start(self, weights: Tree, rows: Callable[[], np.ndarray], *, rng: np.random.Generator) -> Tree:
        """Weights that begin from the data; as they are unless a prior asks for a sample of rows."""
        return weights

    def prepared(self, weights: Tree, posterior: Callable[[Data], Any]) -> Tree:
        """What `log_prob`, `sample` and `kl` are given: the weights, or what a prior makes of them once for a whole batch.

        Args:
            weights: as `init` made them, and training changed them.
            posterior: from rows to the `isthmus.bottlenecks.Posterior` of their codes.
        """
        return weights

    @abc.abstractmethod
    def log_prob(self, weights: Tree, code: Code) -> PerRow:
        """log p(code) in nats, one number a code."""

    @abc.abstractmethod
    def sample(self, weights: Tree, shape: Shape, *, key: Key) -> Code:
        """Codes of shape `shape`, which is (n, *latent_shape)."""

    def kl(self, weights: Tree, mean: Code, log_scale: Code) -> Any:
        """KL(N(mean, exp(log_scale)^2) || prior) in nats where a closed form exists, for each dimension, else None.

        Dimensions that are correlated a posteriori are described by the marginal variances; the sum then lacks the correlations.
        """
        return None


class BoundPrior(NamedTuple):
    """A prior together with what it has `prepared` of its weights, as bottlenecks receive it."""

    prior: AbstractPrior
    weights: Tree

    def log_prob(self, code: Code) -> PerRow:
        """`AbstractPrior.log_prob` at these weights."""
        return self.prior.log_prob(self.weights, code)

    def sample(self, shape: Shape, *, key: Key) -> Code:
        """`AbstractPrior.sample` at these weights."""
        return self.prior.sample(self.weights, shape, key=key)

    def kl(self, mean: Code, log_scale: Code) -> Any:
        """`AbstractPrior.kl` at these weights."""
        return self.prior.kl(self.weights, mean, log_scale)
