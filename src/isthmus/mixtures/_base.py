import abc
import math
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from isthmus._component import Component
from isthmus._types import Tree

LOG_TWO_PI = math.log(2.0 * math.pi)


class Mixture(NamedTuple):
    """A mixture of normal distributions.

    Attributes:
        log_weight: (components,), logarithms of weights that sum to one.
        mean: (components, dims).
        spread: what a covariance structure keeps of the covariances; its first axis is that of components where each has its own.
    """

    log_weight: Any
    mean: Any
    spread: Tree


class Moments(NamedTuple):
    """Sums over rows, each row shared out among the components: all that a maximization needs.

    Attributes:
        count: (components,), of shares.
        first: (components, dims), of shares times rows.
        second: of shares times products of rows' values, in the structure's own form.
    """

    count: Any
    first: Any
    second: Tree


class AbstractCovariance(Component):
    """How the components of a mixture may be spread.

    Rows come transposed, (dims, rows), centered and scaled so that each dimension has about unit variance. A pass over them calls
    `prepared` once, and for each chunk `log_joint` and `moments`; both are products of a few matrices.

    Attributes:
        is_shared: whether all components have one spread, which then has no axis of components.
    """

    is_shared: ClassVar[bool] = False

    @abc.abstractmethod
    def prepared(self, mixture: Mixture) -> Tree:
        """What `log_joint` needs of a mixture, computed once a pass."""

    @abc.abstractmethod
    def log_joint(self, prepared: Tree, x: Float[Array, "dims rows"]) -> tuple[Float[Array, "components rows"], Tree]:
        """`log w_k + log N(x; m_k, C_k)` of each component and row in nats, and what `moments` can use again."""

    @abc.abstractmethod
    def moments(self, shares: Float[Array, "components rows"], x: Float[Array, "dims rows"], kept: Tree) -> Moments:
        """The moments of a chunk of rows.

        Args:
            shares: of each row that each component has; zero for rows that do not count.
            x: the rows.
            kept: what `log_joint` left.
        """

    @abc.abstractmethod
    def spread(self, moments: Moments, mean: Float[Array, "components dims"], ridge: Any) -> Tree:
        """The spread that maximizes the likelihood, with `ridge` added to variances.

        Args:
            moments: of all rows.
            mean: the components' new means.
            ridge: the least variance, in the unit of the scaled rows.
        """

    @abc.abstractmethod
    def n_parameters(self, n_components: int, n_dims: int) -> int:
        """How many free numbers the covariances have."""


def linear_joint(prepared: Tree, features: Float[Array, "features rows"]) -> Float[Array, "components rows"]:
    """The logarithms of weighted densities that are linear in features of the rows, of which the first are the rows themselves.

    Args:
        prepared: coefficients (components, features) and a constant of each component.
        features: of a chunk of rows.
    """
    coefficients, constant = prepared
    return jnp.matmul(coefficients, features, precision="highest") + constant[:, None]


def linear_moments(
    shares: Float[Array, "components rows"], x: Float[Array, "dims rows"], features: Float[Array, "features rows"]
) -> Moments:
    """The moments of a chunk of rows whose features are the rows `x` and then products of their values."""
    sums = jnp.matmul(shares, features.T, precision="highest")
    return Moments(jnp.sum(shares, axis=1), sums[:, : x.shape[0]], sums[:, x.shape[0] :])


def quadratic(mean: Any, precision_mean: Any) -> Any:
    """`m' A m` of each component."""
    return jnp.sum(mean * precision_mean, axis=1)
