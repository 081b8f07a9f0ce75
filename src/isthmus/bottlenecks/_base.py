import abc
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from isthmus._component import Component
from isthmus._types import Code, Hidden, Key, Mask, PerRow, Scalar, Shape, Tree
from isthmus.errors import PartError
from isthmus.priors import BoundPrior


class Latent(NamedTuple):
    """What a bottleneck makes of a batch of hidden values.

    Attributes:
        code: (rows, *latent_shape), or (samples, rows, *latent_shape) from a bottleneck that draws several codes a row.
        terms: unweighted, by name; per row of shape (rows,), or (samples, rows) along with the codes.
        is_importance_weighted: whether a row costs minus the logarithm of the mean of `exp(-cost)` over its codes, instead of the mean
            of their costs.
        reports: numbers about the batch for the history alone, by name: how much of a codebook is in use, say.
    """

    code: Code
    terms: Mapping[str, Any]
    is_importance_weighted: bool = False
    reports: Mapping[str, Scalar] = MappingProxyType({})


class Posterior(NamedTuple):
    """Diagonal normal posteriors, one a row: what priors and penalties that look at q(code | x) are given.

    Attributes:
        mean: (rows, *latent_shape).
        log_scale: logarithms of the standard deviations, of the same shape.
    """

    mean: Code
    log_scale: Code


class AbstractBottleneck(Component):
    """How a code is made from the encoder's hidden values, and what that costs.

    Attributes:
        needs_prior: whether it cannot do without a prior: parts without one are refused, and an estimator that was given none takes
            `StandardNormal`.
        reports_explained_variance: whether the history is to say how much of the rows' variance is given back, as it is judged for codes
            that use few units.
        is_probabilistic: whether a row has a posterior distribution of codes, so that `draw`, `log_prior` and `sample` are defined.
    """

    needs_prior: ClassVar[bool] = False
    reports_explained_variance: ClassVar[bool] = False
    is_probabilistic: ClassVar[bool] = False

    @abc.abstractmethod
    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        """The bottleneck's own weights (learned by gradient) and state (updated without one); `()` for none."""

    def hidden_shape(self, latent_shape: Shape) -> Shape:
        """The shape that the encoder must give for codes of `latent_shape`; the same unless more numbers are needed."""
        return latent_shape

    @abc.abstractmethod
    def __call__(
        self, weights: Tree, state: Tree, hidden: Hidden, prior: BoundPrior | None, *, mask: Mask, progress: Scalar | float, key: Key
    ) -> tuple[Latent, Tree]:
        """The codes of a batch and the next state, in training and on validation rows.

        Args:
            weights: as `init` made them, and training changed them.
            state: likewise; what is returned for validation rows is dropped.
            hidden: the encoder's output for each row.
            prior: the density over codes, where there is one.
            mask: 1 for rows that count and 0 for padding, which must not enter a statistic of the batch.
            progress: the share of the training that is over, in [0, 1]; 1 on validation rows.
            key: for random draws.
        """

    @abc.abstractmethod
    def encode(self, weights: Tree, state: Tree, hidden: Hidden) -> Code:
        """The code that `transform` returns: never random, of shape (rows, *latent_shape)."""

    def indices(self, weights: Tree, state: Tree, hidden: Hidden) -> Any:
        """The whole numbers that a row's code consists of, int32 of shape (rows, n_groups); `PartError` where there are none."""
        raise PartError(f"`{type(self).__name__}` codes are no whole numbers. Use a bottleneck that quantizes, such as 'vector_quantized'.")

    def nearest(self, weights: Tree, state: Tree, code: Code) -> Code:
        """The code that the decoder may have been trained on nearest to any vector, such as a point between two codes."""
        return code

    def term_weights(self, progress: Scalar | float) -> Mapping[str, Any]:
        """The weight of each term of `Latent.terms` when `progress` of the training, in [0, 1], is over."""
        return {}

    def start(self, weights: Tree, state: Tree, hidden: Callable[[], np.ndarray], *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        """Weights and state that begin from the data; as they are unless a bottleneck starts from what the encoder gives.

        Args:
            weights: as `init` made them.
            state: likewise.
            hidden: gives the encoder's output for a sample of rows, when it is asked for.
            rng: for random choices.
        """
        return weights, state

    def prior_variance(self, latent_shape: Shape) -> float:
        """About how much a number of a code varies under the prior: what dimensions are measured by that are said to be active."""
        return 1.0

    @property
    def has_normal_posterior(self) -> bool:
        """Whether q(code | x) is a diagonal normal distribution, so that `posterior` gives it."""
        return False

    def posterior(self, weights: Tree, hidden: Hidden) -> Posterior | None:
        """Means and scales of q(code | x) where it is a diagonal normal distribution, else None."""
        return None

    def draw(self, weights: Tree, hidden: Hidden, n: int, *, key: Key) -> tuple[Code, PerRow]:
        """Codes from q(code | x), (n, rows, *latent_shape), and their log-densities in nats, (n, rows); `PartError` where there is none."""
        raise PartError(f"`{type(self).__name__}` codes have no posterior distribution to draw from. Use a probabilistic bottleneck.")

    def divergence(self, weights: Tree, hidden: Hidden, prior: BoundPrior | None) -> Any:
        """KL(q(code | x) || p(code)) in nats by row and dimension, (rows, *dimensions), where a closed form exists, else None."""
        return None

    def log_prior(self, prior: BoundPrior | None, code: Code) -> PerRow:
        """log p(code) in nats, of what `sample` draws from."""
        raise PartError(f"`{type(self).__name__}` codes have no density. Use a probabilistic bottleneck.")

    def sample(self, weights: Tree, prior: BoundPrior | None, shape: Shape, *, key: Key) -> Code:
        """Codes drawn from what the decoder was trained on, of shape `shape`, which is (n, *latent_shape)."""
        raise PartError(
            f"`{type(self).__name__}` codes have no distribution to sample from. Call `fit_density(X)`, or use a probabilistic bottleneck."
        )
