import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

__all__ = ["product", "sum_features"]


def sum_features(x: Array) -> Array:
    """The sum over every axis but the first."""
    return jnp.sum(x, axis=tuple(range(1, x.ndim)))


def product(x: Float[ArrayLike, "*positions n"], w: Float[ArrayLike, "n m"], precision: str) -> Float[Array, "*positions m"]:
    """`x @ w` for one example `x`, of shape (n,) or (*positions, n), in float32 or with operands rounded to bfloat16.

    Sums are float32 in either case, forward and backward; so are the results. In bfloat16 it is differentiated in reverse mode only,
    and under a `vmap` over examples, which is how networks are applied.
    """
    if precision == "float32":
        return jnp.matmul(x, w)
    return _rounded_product(jnp.asarray(x), jnp.asarray(w))


@jax.custom_batching.custom_vmap
def _rounded_product(x: Array, w: Array) -> Array:
    return _flat_product(x, w)


@_rounded_product.def_vmap
def _(axis_size: int, in_batched: list[bool], x: Array, w: Array) -> tuple[Array, bool]:
    # Left to itself, vmap would differentiate row by row and sum an outer product a row; a batch of rows is one product.
    x_batched, w_batched = in_batched
    if x_batched and not w_batched:
        return _flat_product(x, w), True
    in_axes = (0 if x_batched else None, 0 if w_batched else None)
    return jax.vmap(_flat_product, in_axes=in_axes, axis_size=axis_size)(x, w), True


def _flat_product(x: Array, w: Array) -> Array:
    """The product of every row of `x`, whatever its leading axes, as one product of two matrices."""
    return _rounded_matmul(x.reshape(-1, x.shape[-1]), w).reshape(*x.shape[:-1], w.shape[1])


_dot = functools.partial(jax.lax.dot_general, preferred_element_type=jnp.float32)


@jax.custom_vjp
def _rounded_matmul(x: Array, w: Array) -> Array:
    return _rounded_forward(x, w)[0]


def _rounded_forward(x: Array, w: Array) -> tuple[Array, Any]:
    x, w = x.astype(jnp.bfloat16), w.astype(jnp.bfloat16)
    return _dot(x, w, (((1,), (0,)), ((), ()))), (x, w)


def _weights_gradient(x: Array, gradient: Array) -> Array:
    return _dot(x, gradient, (((0,), (0,)), ((), ())))


def _weights_gradient_on_cpu(x: Array, gradient: Array) -> Array:
    # XLA's CPU compiler (jax 0.10.2) widens x' g to float32, at half the speed, unless x' is written out; appended rows make it so.
    transposed = jnp.concatenate([x.T, jnp.zeros((1, x.shape[0]), x.dtype)])
    return _dot(transposed, gradient, (((1,), (0,)), ((), ())))[:-1]


def _rounded_backward(residuals: Any, gradient: Array) -> tuple[Array, Array]:
    # The automatic rule would round the weights' gradient itself, not only the operands of its sum.
    x, w = residuals
    gradient = gradient.astype(jnp.bfloat16)
    weights = jax.lax.platform_dependent(x, gradient, cpu=_weights_gradient_on_cpu, default=_weights_gradient)
    return _dot(gradient, w, (((1,), (1,)), ((), ()))), weights


_rounded_matmul.defvjp(_rounded_forward, _rounded_backward)
