from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isthmus._types import Tree

from ._base import LOG_TWO_PI, AbstractCovariance, Mixture, Moments, Prior, Removed, axis_factors, of_shape, quadratic, scatter
from ._full import (
    believed,
    covariances_of,
    factors_of_precision,
    free_numbers,
    log_peak,
    of_free_numbers,
    times_triangular,
    triangular_log_prior,
    triangular_whitening,
    upper_roots,
)


class Tied(AbstractCovariance):
    """All components have one covariance, of any shape.

    What is quadratic in a row is the same for all components, so that their densities cost one product with `x`; its second moment is
    that of all rows, whatever their shares. The spread is kept as an upper triangular factor `P` with `C^-1 = P P'`.

    Example:
        >>> Tied().n_parameters(n_components=3, n_dims=2)
        3
    """

    is_shared: ClassVar[bool] = True

    def prepared(self, mixture: Mixture) -> Tree:
        factor = mixture.spread
        linear = jnp.matmul(jnp.matmul(mixture.mean, factor, precision="highest"), factor.T, precision="highest")
        log_det = jnp.sum(jnp.log(jnp.abs(jnp.diagonal(factor))))
        constant = mixture.log_weight + log_det - 0.5 * (factor.shape[0] * LOG_TWO_PI + quadratic(mixture.mean, linear))
        return factor, linear, constant

    def log_joint(self, prepared: Tree, x: Float[Array, "dims rows"]) -> tuple[Float[Array, "components rows"], Tree]:
        factor, linear, constant = prepared
        squares = jnp.sum(jnp.square(jnp.matmul(factor.T, x, precision="highest")), axis=0)
        return jnp.matmul(linear, x, precision="highest") + constant[:, None] - 0.5 * squares, ()

    def moments(self, shares: Float[Array, "components rows"], x: Float[Array, "dims rows"], kept: Tree) -> Moments:
        counted = x * jnp.sum(shares, axis=0)
        first = jnp.matmul(shares, x.T, precision="highest")
        return Moments(jnp.sum(shares, axis=1), first, jnp.matmul(counted, x.T, precision="highest"))

    def neutral(self, n_components: int, n_dims: int) -> Tree:
        return jnp.eye(n_dims)

    def spread(self, moments: Moments, mean: Float[Array, "components dims"], before: Tree, prior: Prior) -> Tree:
        def product(a: Any, b: Any) -> Any:
            return jnp.matmul(a.T, b, precision="highest")

        sums = scatter(moments, mean, product, moments.second)
        return factors_of_precision(believed(sums, jnp.sum(moments.count), jnp.eye(mean.shape[1], dtype=mean.dtype), prior))

    def covariances(self, spread: Tree, n_dims: int) -> Float[Array, "components dims dims"]:
        return covariances_of(spread[None])

    def of_covariances(self, matrices: np.ndarray) -> Tree:
        return upper_roots(np.mean(matrices, axis=0))

    def compact(self, matrices: np.ndarray) -> np.ndarray:
        return matrices[0]

    def expanded(self, values: np.ndarray, n_components: int, n_dims: int) -> np.ndarray:
        return np.broadcast_to(of_shape(values, (n_dims, n_dims)), (n_components, n_dims, n_dims))

    def reduced(self, second: Float[Array, "components dims dims"], before: Tree) -> Tree:
        return jnp.sum(second, axis=0)

    def left_out(self, mixture: Mixture, x: Float[Array, "dims rows"], removed: Removed) -> Float[Array, "components rows"]:
        # A row is in the scatter around every mean, so that as many ranks leave the covariance as there are components.
        along = jnp.einsum("ij,kin->njk", mixture.spread, x - mixture.mean[:, :, None], precision="highest")
        products = jnp.einsum("njk,njl->nkl", along, along, precision="highest")
        before = jnp.sum(removed.count) + removed.prior_rows
        after = before - jnp.sum(removed.share, axis=0)
        stretch = removed.count[:, None] / removed.left
        root = jnp.sqrt(jnp.where(removed.lasts, removed.share * stretch / before, 0.0)).T
        lower = jnp.linalg.cholesky(jnp.eye(root.shape[1], dtype=x.dtype) - root[:, :, None] * products * root[:, None, :])
        explained = jax.lax.linalg.triangular_solve(lower, root[:, :, None] * products, left_side=True, lower=True)
        distance = jnp.diagonal(products, axis1=1, axis2=2) + jnp.sum(jnp.square(explained), axis=1)
        log_det = 2.0 * jnp.sum(jnp.log(jnp.diagonal(lower, axis1=1, axis2=2)), axis=1) - x.shape[0] * jnp.log(after / before)
        joint = log_peak(mixture.spread) - 0.5 * (log_det + jnp.square(stretch) * (after / before) * distance.T)
        # Without a root, nothing of the variance in some direction is left.
        return jnp.where(jnp.isnan(joint), -jnp.inf, joint)

    def log_prior(self, spread: Tree, n_dims: int) -> Float[Array, ""]:
        return triangular_log_prior(spread)

    def unconstrained(self, spread: Tree) -> Tree:
        return free_numbers(spread)

    def constrained(self, numbers: Tree) -> Tree:
        return of_free_numbers(numbers)

    def n_parameters(self, n_components: int, n_dims: int) -> int:
        return n_dims * (n_dims + 1) // 2

    def whitening(self, covariance: np.ndarray, *, axes_only: bool = False) -> np.ndarray:
        return axis_factors(covariance) if axes_only else triangular_whitening(covariance)

    def rescaled(self, spread: Tree, factor: np.ndarray) -> Tree:
        return times_triangular(spread, factor)
