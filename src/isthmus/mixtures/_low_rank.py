from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isthmus._types import PositiveInt, Tree

from ._base import LOG_TWO_PI, AbstractCovariance, Mixture, Moments, Prior, axis_factors, linear_joint, of_shape, quadratic, scatter

# The share of a dimension's variance that is noise at least, where factors would explain all of it.
_LEAST_NOISE = 1e-6


class Factors(NamedTuple):
    """Covariances `W W' + diag(d)`.

    Attributes:
        loading: `W`, (components, dims, rank).
        noise: `d`, (components, dims).
    """

    loading: Any
    noise: Any


class Woodbury(NamedTuple):
    """What inverting `W W' + diag(d)` comes down to.

    Attributes:
        root: the lower triangular root `L` of `1 + W' diag(1/d) W`, (components, rank, rank).
        projection: `L^-1 W' diag(1/d)`, (components, rank, dims).
    """

    root: Any
    projection: Any


class LowRank(AbstractCovariance):
    """Each component varies freely in a few directions and by noise of its own in each dimension: a mixture of factor analyzers.

    `C = W W' + diag(d)` with `W` of `rank` columns, inverted as `diag(1/d) - B' B`, `B = L^-1 W' diag(1/d)`, `L L' = 1 + W' diag(1/d) W`:
    no matrix of the size of the data's dimensions squared. For many dimensions and few rows a component, where `Full` has more numbers
    than there are rows. A maximization gives the components their means and then takes one step of the factor analyzers' own
    expectation-maximization, which raises the likelihood without maximizing it.

    Attributes:
        rank: how many directions.

    References:
        Ghahramani & Hinton, The EM Algorithm for Mixtures of Factor Analyzers, technical report CRG-TR-96-1, University of Toronto, 1996.

    Example:
        >>> LowRank(rank=2).n_parameters(n_components=3, n_dims=10)
        87
    """

    rank: PositiveInt = 2

    def prepared(self, mixture: Mixture) -> Tree:
        factors, mean = mixture.spread, mixture.mean
        woodbury = _inverted(factors)
        precision = 1.0 / factors.noise
        linear = precision * mean
        log_det = 0.5 * jnp.sum(jnp.log(factors.noise), axis=1) + jnp.sum(jnp.log(_diagonal(woodbury.root)), axis=1)
        constant = mixture.log_weight - log_det - 0.5 * (mean.shape[1] * LOG_TWO_PI + quadratic(mean, linear))
        own = jnp.einsum("kqd,kd->kq", woodbury.projection, mean, precision="highest")
        return (jnp.concatenate([linear, -0.5 * precision], axis=1), constant), woodbury.projection, own

    def log_joint(self, prepared: Tree, x: Float[Array, "dims rows"]) -> tuple[Float[Array, "components rows"], Tree]:
        diagonal, projection, own = prepared
        features = jnp.concatenate([x, jnp.square(x)], axis=0)
        n_components, rank, n_dims = projection.shape
        along = jnp.matmul(projection.reshape(-1, n_dims), x, precision="highest").reshape(n_components, rank, -1)
        explained = 0.5 * jnp.sum(jnp.square(along - own[:, :, None]), axis=1)
        return linear_joint(diagonal, features) + explained, (features, along)

    def moments(self, shares: Float[Array, "components rows"], x: Float[Array, "dims rows"], kept: Tree) -> Moments:
        features, along = kept
        n_dims, rank = x.shape[0], along.shape[1]
        sums = jnp.matmul(shares, features.T, precision="highest")
        shared = (shares[:, None, :] * along).reshape(-1, along.shape[2])
        crossed = jnp.matmul(shared, x.T, precision="highest").reshape(-1, rank, n_dims)
        return Moments(jnp.sum(shares, axis=1), sums[:, :n_dims], (sums[:, n_dims:], jnp.swapaxes(crossed, 1, 2)))

    def neutral(self, n_components: int, n_dims: int) -> Tree:
        # Half of the variance along each of as many axes as there are directions, so that none is at the saddle of zero loadings.
        loading = jnp.eye(n_dims, self.rank) * jnp.sqrt(0.5)
        noise = jnp.where(jnp.arange(n_dims) < self.rank, 0.5, 1.0)
        return Factors(*(jnp.broadcast_to(array, (n_components, *array.shape)) for array in (loading, noise)))

    def spread(self, moments: Moments, mean: Float[Array, "components dims"], before: Tree, prior: Prior) -> Tree:
        root, projection = _inverted(before)
        posterior = jax.lax.linalg.triangular_solve(root, projection, left_side=True, lower=True, transpose_a=True)
        squares, crossed = moments.second
        crossed = jax.lax.linalg.triangular_solve(root, crossed, left_side=False, lower=True)

        def product(a: Any, b: Any) -> Any:
            along = jnp.einsum("kqd,kd->kq", posterior, b, precision="highest")
            return a[:, :, None] * along[:, None, :]

        count = moments.count[:, None, None] + prior.rows
        crossed = (scatter(moments, mean, product, crossed) + prior.rows * jnp.swapaxes(posterior, 1, 2)) / count
        variance = (jnp.maximum(scatter(moments, mean, jnp.multiply, squares), 0.0) + prior.rows) / count[:, 0]
        unexplained = jnp.eye(root.shape[1], dtype=mean.dtype) - jnp.einsum("kqd,kdp->kqp", posterior, before.loading - crossed)
        unexplained = 0.5 * (unexplained + jnp.swapaxes(unexplained, 1, 2))
        loading = jnp.swapaxes(jnp.linalg.solve(unexplained, jnp.swapaxes(crossed, 1, 2)), 1, 2)
        noise = jnp.maximum(variance - jnp.sum(loading * crossed, axis=2), 0.0)
        return Factors(loading, noise + prior.ridge)

    def covariances(self, spread: Tree, n_dims: int) -> Float[Array, "components dims dims"]:
        loading = spread.loading
        common = jnp.matmul(loading, jnp.swapaxes(loading, 1, 2), precision="highest")
        return common + spread.noise[:, :, None] * jnp.eye(n_dims, dtype=loading.dtype)

    def of_covariances(self, matrices: np.ndarray) -> Tree:
        values, vectors = np.linalg.eigh(matrices)
        rank = min(self.rank, matrices.shape[-1])
        rest = np.mean(values[:, : matrices.shape[-1] - rank], axis=1) if rank < matrices.shape[-1] else np.zeros(len(values))
        strength = np.sqrt(np.maximum(values[:, -rank:] - rest[:, None], 0.0))
        loading = np.zeros((len(values), matrices.shape[-1], self.rank))
        loading[:, :, :rank] = vectors[:, :, -rank:] * strength[:, None, :]
        left = np.diagonal(matrices, axis1=1, axis2=2)
        return Factors(loading, np.maximum(left - np.sum(loading**2, axis=2), _LEAST_NOISE * left))

    def compact(self, matrices: np.ndarray) -> np.ndarray:
        return matrices

    def expanded(self, values: np.ndarray, n_components: int, n_dims: int) -> np.ndarray:
        return of_shape(values, (n_components, n_dims, n_dims))

    def reduced(self, second: Float[Array, "components dims dims"], before: Tree) -> Tree:
        projection = _inverted(before).projection
        return _diagonal(second), jnp.einsum("kde,kqe->kdq", second, projection, precision="highest")

    def log_prior(self, spread: Tree, n_dims: int) -> Float[Array, ""]:
        root, projection = _inverted(spread)
        log_det = jnp.sum(jnp.log(spread.noise)) + 2.0 * jnp.sum(jnp.log(_diagonal(root)))
        return -0.5 * (log_det + jnp.sum(1.0 / spread.noise) - jnp.sum(jnp.square(projection)))

    def unconstrained(self, spread: Tree) -> Tree:
        return spread._replace(noise=jnp.log(spread.noise))

    def constrained(self, numbers: Tree) -> Tree:
        return numbers._replace(noise=jnp.exp(numbers.noise))

    def n_parameters(self, n_components: int, n_dims: int) -> int:
        # Directions may be turned among themselves; and there are no more covariances than free ones.
        rank = min(self.rank, n_dims)
        return n_components * min(n_dims * (rank + 1) - rank * (rank - 1) // 2, n_dims * (n_dims + 1) // 2)

    def whitening(self, covariance: np.ndarray, *, axes_only: bool = False) -> np.ndarray:
        return axis_factors(covariance)

    def rescaled(self, spread: Tree, factor: np.ndarray) -> Tree:
        loading, noise = (np.asarray(array, np.float64) for array in spread)
        return Factors(loading / factor[:, None], noise / np.square(factor))


def _inverted(factors: Factors) -> Woodbury:
    scaled = factors.loading / factors.noise[:, :, None]
    inner = jnp.einsum("kdq,kdp->kqp", scaled, factors.loading, precision="highest")
    root = jnp.linalg.cholesky(inner + jnp.eye(inner.shape[-1], dtype=inner.dtype))
    return Woodbury(root, jax.lax.linalg.triangular_solve(root, jnp.swapaxes(scaled, 1, 2), left_side=True, lower=True))


def _diagonal(matrices: Any) -> Any:
    return jnp.diagonal(matrices, axis1=-2, axis2=-1)
