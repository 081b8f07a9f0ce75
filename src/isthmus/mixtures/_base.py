import abc
import math
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
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


class Prior(NamedTuple):
    """What is believed of covariances before any row is seen.

    Attributes:
        rows: how many rows of unit variance each covariance is given on top of its own; 0 for none. The logarithm of the density that
            this maximizes is `AbstractCovariance.log_prior` times `rows`: a penalty on the likelihood that keeps it bounded (Chen & Tan,
            Inference for multivariate normal mixtures, Journal of Multivariate Analysis 100, 2009).
        ridge: added to variances.
    """

    rows: Any
    ridge: Any


class Removed(NamedTuple):
    """What each row takes along when it is left out, the shares of all others as they are.

    Attributes:
        share: (components, rows), of the row, times what it counts.
        count: (components,), of all rows.
        prior_rows: `Prior.rows`.
    """

    share: Any
    count: Any
    prior_rows: Any

    @property
    def left(self) -> Any:
        """The counts that are left, (components, rows), and not zero."""
        count = self.count[:, None]
        return jnp.maximum(count - self.share, jnp.finfo(count.dtype).eps * count)

    @property
    def lasts(self) -> Any:
        """Whether a component was more than this one row, (components, rows)."""
        count = self.count[:, None]
        return count - self.share > jnp.sqrt(jnp.finfo(count.dtype).eps) * count


class AbstractCovariance(Component):
    """How the components of a mixture may be spread.

    Rows come transposed, (dims, rows), centered and scaled so that each dimension has about unit variance. A pass over them calls
    `prepared` once, and for each chunk `log_joint` and `moments`; both are products of a few matrices.

    Attributes:
        is_shared: whether all components have one spread, which then has no axis of components.
    """

    is_shared: ClassVar[bool] = False

    @abc.abstractmethod
    def neutral(self, n_components: int, n_dims: int) -> Tree:
        """Spreads of unit variance in every direction, as arrays of the default precision."""

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
    def spread(self, moments: Moments, mean: Float[Array, "components dims"], before: Tree, prior: Prior) -> Tree:
        """The spread that maximizes, or at least raises, the expected likelihood.

        Args:
            moments: of all rows.
            mean: the components' new means; not those of `moments` where they are held fixed.
            before: the spread that `moments` were taken under.
            prior: what is believed of it, in the unit of the scaled rows.
        """

    @abc.abstractmethod
    def covariances(self, spread: Tree, n_dims: int) -> Float[Array, "components dims dims"]:
        """The covariance matrices of a spread; one alone for a shared one."""

    @abc.abstractmethod
    def of_covariances(self, matrices: np.ndarray) -> Tree:
        """The spread of covariance matrices (components, dims, dims), as NumPy arrays; the nearest that the structure has."""

    @abc.abstractmethod
    def compact(self, matrices: np.ndarray) -> np.ndarray:
        """Matrices (components, dims, dims) of covariances, precisions or their roots without what the structure makes zero or equal."""

    @abc.abstractmethod
    def expanded(self, values: np.ndarray, n_components: int, n_dims: int) -> np.ndarray:
        """The matrices of what `compact` gave.

        Raises:
            ValueError: the shape is another one.
        """

    @abc.abstractmethod
    def reduced(self, second: Float[Array, "components dims dims"], before: Tree) -> Tree:
        """The structure's own form of second moments that are given as whole matrices."""

    @property
    def has_left_out(self) -> bool:
        """Whether a row can be left out by a closed form: whether `left_out` is defined."""
        return type(self).left_out is not AbstractCovariance.left_out

    def left_out(self, mixture: Mixture, x: Float[Array, "dims rows"], removed: Removed) -> Float[Array, "components rows"]:
        """`log N(x; m_k', C_k')` of each row, with the means and spreads that maximize once the row is taken out of the moments.

        A structure without a closed form leaves this method undefined.

        Args:
            mixture: that has maximized.
            x: rows it was found from.
            removed: what each takes along.
        """
        raise NotImplementedError(f"{type(self).__name__} has no closed form of a row left out")

    @abc.abstractmethod
    def log_prior(self, spread: Tree, n_dims: int) -> Float[Array, ""]:
        """`-1/2 sum_k (log|C_k| + trace C_k^-1)`: how a row of unit variance for each covariance judges them, constants apart."""

    @abc.abstractmethod
    def unconstrained(self, spread: Tree) -> Tree:
        """The spread as numbers of which each may take any value; no more of them than it takes."""

    @abc.abstractmethod
    def constrained(self, numbers: Tree) -> Tree:
        """The spread of what `unconstrained` gave."""

    @abc.abstractmethod
    def n_parameters(self, n_components: int, n_dims: int) -> int:
        """How many free numbers the covariances have."""

    @abc.abstractmethod
    def whitening(self, covariance: np.ndarray, *, axes_only: bool = False) -> np.ndarray:
        """By what rows are multiplied so that the structure fits them as it would have fitted the rows themselves.

        Args:
            covariance: (dims, dims) of all rows, float64.
            axes_only: whether columns must stay apart, for rows with values that are missing.

        Returns:
            An upper triangular matrix (dims, dims), or a factor for each column (dims,).
        """

    @abc.abstractmethod
    def rescaled(self, spread: Tree, factor: np.ndarray) -> Tree:
        """The spread of rows `x` for which `spread` is that of `x` times `factor`, as NumPy arrays."""


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


def scatter(moments: Moments, mean: Any, products: Any, second: Any) -> Any:
    """Sums of shares times products of deviations from `mean`, of sums of plain products.

    Args:
        moments: counts and sums.
        mean: (components, dims).
        products: a function of two tables (components, dims) to the products of their values, in the form of `second`.
        second: sums of shares times products of values.
    """
    count = moments.count[:, None]
    return second - products(mean, moments.first) - products(moments.first, mean) + products(count * mean, mean)


def downdated(log_peak: Any, squares: Any, n_dims: int, removed: Removed, *, times: int = 1) -> Any:
    """Normal log-densities of rows under means and variances that they are taken out of, (components, rows).

    With `N` the count, `p` the prior's rows, `r` the row's share and `N' = N - r`, the mean moves so that the deviation grows to
    `N / N'` of itself, and a variance `v` of which the row has the squared deviation `s v` shrinks to
    `v (N + p) / (N' + p) (1 - b s)`, `b = r N / N' / (N + p)`. For matrices `s` is `(x - m)' C^-1 (x - m)`, and `1 - b s` is by what the
    determinant shrinks (Sherman & Morrison).

    Args:
        log_peak: (components,), log-densities at the means.
        squares: (components, variances, rows): `s` for each variance that a component has of its own.
        n_dims: dimensions of the rows.
        removed: what each row takes along.
        times: how many dimensions have each variance.
    """
    count, left, prior = removed.count[:, None], removed.left, removed.prior_rows
    stretch = count / left
    shrunk = 1.0 - (removed.share * stretch / (count + prior))[:, None, :] * squares
    shrunk = jnp.maximum(shrunk, jnp.finfo(shrunk.dtype).eps)
    ratio = (left + prior) / (count + prior)
    log_spread = times * jnp.sum(jnp.log(shrunk), axis=1) - n_dims * jnp.log(ratio)
    distance = times * jnp.square(stretch) * ratio * jnp.sum(squares / shrunk, axis=1)
    return log_peak[:, None] - 0.5 * (log_spread + distance)


def axis_factors(covariance: np.ndarray) -> np.ndarray:
    """One over each column's standard deviation; one for columns that do not vary."""
    deviation = np.sqrt(np.diag(covariance))
    return 1.0 / np.where(deviation > 0.0, deviation, 1.0)


def common_factor(covariance: np.ndarray) -> np.ndarray:
    """One over the root of the mean variance, for all columns."""
    variance = float(np.mean(np.diag(covariance)))
    return np.full(len(covariance), 1.0 / np.sqrt(variance) if variance > 0.0 else 1.0)


def of_shape(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The values, if they have this shape.

    Raises:
        ValueError: they have another one.
    """
    if values.shape != shape:
        raise ValueError(f"shape {values.shape} where {shape} is needed")
    return values
