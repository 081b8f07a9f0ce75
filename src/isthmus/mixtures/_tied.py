from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from isthmus._types import Tree

from ._base import LOG_TWO_PI, AbstractCovariance, Mixture, Moments, quadratic
from ._full import factors_of_precision


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

    def spread(self, moments: Moments, mean: Float[Array, "components dims"], ridge: Any) -> Tree:
        between = jnp.matmul(moments.count * mean.T, mean, precision="highest")
        covariance = (moments.second - between) / jnp.sum(moments.count)
        return factors_of_precision(covariance + ridge * jnp.eye(mean.shape[1], dtype=mean.dtype))

    def n_parameters(self, n_components: int, n_dims: int) -> int:
        return n_dims * (n_dims + 1) // 2
