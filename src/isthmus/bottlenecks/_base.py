import abc
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from isthmus._component import Component
from isthmus._types import Code, Hidden, Key, Mask, Scalar, Shape, Tree
from isthmus.priors import BoundPrior


class Latent(NamedTuple):
    """What a bottleneck makes of a batch of hidden values.

    Attributes:
        code: (rows, *latent_shape), or (samples, rows, *latent_shape) from a bottleneck that draws several codes a row.
        terms: unweighted, by name; per row of shape (rows,), or (samples, rows) along with the codes.
        log_posterior: log q(code | x) in nats, (samples, rows), from a bottleneck whose bound is importance-weighted; else None.
    """

    code: Code
    terms: Mapping[str, Any]
    log_posterior: Any = None


class AbstractBottleneck(Component):
    """How a code is made from the encoder's hidden values, and what that costs."""

    @abc.abstractmethod
    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        """The bottleneck's own weights (learned by gradient) and state (updated without one); `()` for none."""

    def hidden_shape(self, latent_shape: Shape) -> Shape:
        """The shape that the encoder must give for codes of `latent_shape`; the same unless more numbers are needed."""
        return latent_shape

    @abc.abstractmethod
    def __call__(
        self, weights: Tree, state: Tree, hidden: Hidden, prior: BoundPrior | None, *, mask: Mask, key: Key
    ) -> tuple[Latent, Tree]:
        """The codes of a batch and the next state, in training and on validation rows.

        Args:
            weights: as `init` made them, and training changed them.
            state: likewise; what is returned for validation rows is dropped.
            hidden: the encoder's output for each row.
            prior: the density over codes, where there is one.
            mask: 1 for rows that count and 0 for padding, which must not enter a statistic of the batch.
            key: for random draws.
        """

    @abc.abstractmethod
    def encode(self, weights: Tree, hidden: Hidden) -> Code:
        """The code that `transform` returns: never random, of shape (rows, *latent_shape)."""

    def term_weights(self, progress: Scalar | float) -> Mapping[str, Any]:
        """The weight of each term of `Latent.terms` when `progress` of the training, in [0, 1], is over."""
        return {}

    @abc.abstractmethod
    def sample(self, weights: Tree, prior: BoundPrior | None, n: int, *, key: Key) -> Code:
        """`n` codes drawn from what the decoder was trained on; `PartError` where the bottleneck defines no distribution."""
