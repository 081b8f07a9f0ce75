"""The modified Bessel functions `I_v` for orders and arguments of any size, in single precision, without overflow and cancellation.

What a density on the sphere needs is not `I_v(x)` itself, which spans thousands of decades, but how far two of its relatives stay
behind their limits:

    log_shortfall(x, v)   = x - log(Gamma(v + 1) (2 / x)^v I_v(x))     0 at x = 0, and its slope is
    ratio_shortfall(x, v) = 1 - I_{v+1}(x) / I_v(x)                    1 at x = 0, about (v + 1/2) / x where x is large.

`log I_v(x) = x - log_shortfall(x, v) + v log(x / 2) - log Gamma(v + 1)`. Both are sums and products of positive numbers, so that nothing
cancels. At an order of 20 or more they come from the uniform asymptotic expansion (Olver; NIST Digital Library of Mathematical Functions,
10.41), whose terms fall as `(v^2 + x^2)^(-k/2)`; from there the recurrence of `I_v` leads down to the order asked for, the direction in
which it is stable. Against SciPy in double precision, for orders from 0 to 500 and arguments from 1e-3 to 1e5, the relative error
of either is below 2e-5.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["log_shortfall", "ratio_shortfall"]

_LOWEST_ORDER = 20.0  # of the expansion: with five terms its relative error is 3e-9 there, and falls with the order
_N_TERMS = 5


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def log_shortfall(x: Any, order: float) -> Any:
    """`x - log(Gamma(v + 1) (2 / x)^v I_v(x))` for `x >= 0`."""
    return _shortfalls(x, order)[0]


@log_shortfall.defjvp
def _(order: float, primals: Any, tangents: Any) -> Any:
    value, slope = _shortfalls(primals[0], order)
    return value, slope * tangents[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def ratio_shortfall(x: Any, order: float) -> Any:
    """`1 - I_{v+1}(x) / I_v(x)` for `x >= 0`."""
    return _shortfalls(x, order)[1]


@ratio_shortfall.defjvp
def _(order: float, primals: Any, tangents: Any) -> Any:
    # Forward through the recurrence, also when all else is differentiated in reverse: nothing is stored, and half is compiled.
    (x,) = primals
    value, slope = jax.jvp(lambda x: _shortfalls(x, order)[1], (x,), (jnp.ones_like(x),))
    return value, slope * tangents[0]


def _shortfalls(x: Any, order: float) -> tuple[Any, Any]:
    n_steps = max(1, math.ceil(_LOWEST_ORDER - order))
    log_part, behind = _expansion(x, order + n_steps)

    def lower(carry: Any, twice: Any) -> Any:
        # From the order v + 1 to v, with twice = 2 (v + 1), by I_v = I_{v+2} + 2 (v + 1) I_{v+1} / x.
        log_part, behind, ratio = carry
        below = twice - x * behind
        return (log_part - jnp.log1p(x * ratio / twice), below / (x + below), x / (twice + x * ratio)), None

    orders = order + np.arange(n_steps, 0, -1)
    (log_part, behind, _), _ = jax.lax.scan(lower, (log_part, behind, 1.0 - behind), jnp.asarray(2.0 * orders, jnp.float32))
    return log_part, behind


def _expansion(x: Any, order: float) -> tuple[Any, Any]:
    """Both shortfalls at an order that is large."""
    scaled = x / order
    # The hypotenuse of order and x, by the larger of them, so that no square overflows.
    large = jnp.maximum(order, x)
    hypotenuse = large * jnp.sqrt(jnp.square(order / large) + jnp.square(x / large))
    sine, cosine = x / hypotenuse, order / hypotenuse
    excess = scaled * (x / (hypotenuse + order))  # hypotenuse / order - 1
    terms, slopes = ([_even(row, cosine) * hypotenuse**-k for k, row in enumerate(rows)] for rows in _coefficients())
    beyond = sum(terms[1:])  # the first is 1
    constant = math.lgamma(order + 1.0) - order * math.log(order) + order - 0.5 * math.log(2.0 * math.pi * order)
    behind = 2.0 * order * (x / (x + order + hypotenuse)) + order * jnp.log1p(0.5 * excess)
    log_part = behind + 0.5 * jnp.log1p(excess) - constant - jnp.log1p(beyond)
    return log_part, 2.0 * order / (x + order + hypotenuse) + sine / hypotenuse * sum(slopes) / (1.0 + beyond)


def _even(coefficients: np.ndarray, p: Any) -> Any:
    return jnp.polyval(jnp.asarray(coefficients[::-1], jnp.float32), jnp.square(p))


@functools.cache
def _coefficients() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of the polynomials `u_k(p) / p^k` in `p^2`, and of those in what the expansion of the ratio adds.

    `u_0 = 1` and `u_{k+1} = p^2 (1 - p^2) u_k' / 2 + 1/8 int_0^p (1 - 5 t^2) u_k dt`; the derivative of `I_v` has
    `v_{k+1} = u_{k+1} - (1 - p^2) p (u_k / 2 + p u_k')`.
    """
    p, u = np.polynomial.Polynomial([0.0, 1.0]), np.polynomial.Polynomial([1.0])
    terms, slopes = [], []
    for k in range(_N_TERMS + 1):
        terms.append(u.coef[k::2])
        slopes.append((0.5 * u + p * u.deriv()).coef[k::2])
        u = 0.5 * p**2 * (1 - p**2) * u.deriv() + ((1 - 5 * p**2) * u).integ() / 8
    return terms, slopes
