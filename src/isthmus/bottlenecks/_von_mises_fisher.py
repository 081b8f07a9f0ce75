"""The von Mises-Fisher distribution on the sphere, by the angle that a point makes with the mean direction.

In `d` dimensions the angle has the density `p(a) ~ sin(a)^(d - 2) exp(k cos(a))` with the concentration `k`; the direction across is
uniform. Cosines near 1 are written `1 - 2 sin(a / 2)^2` everywhere, so that single precision serves for concentrations of any size.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Code, Key

from ._bessel import log_shortfall, ratio_shortfall

__all__ = ["angles", "divergence", "log_density", "points", "uniform_log_density"]

_MOST_PROPOSALS = 100  # of which less than a half are refused at any concentration, in any dimension: 1e-30 in all
_NEGLIGIBLE = 24.0  # where the density has fallen by this many nats, an integral ends
_N_NODES = 20
_TINY = 1e-30


def uniform_log_density(n_dims: int) -> float:
    """Minus the logarithm of the area of the unit sphere in `n_dims` dimensions."""
    return math.lgamma(0.5 * n_dims) - math.log(2.0) - 0.5 * n_dims * math.log(math.pi)


def divergence(concentration: Any, n_dims: int) -> Any:
    """KL from the uniform distribution in nats: `k A(k) - log(Gamma(v + 1) (2 / k)^v I_v(k))` with `v = d / 2 - 1`, `A = I_{v+1} / I_v`."""
    order = 0.5 * n_dims - 1.0
    return log_shortfall(concentration, order) - concentration * ratio_shortfall(concentration, order)


def log_density(angle: Any, concentration: Any, n_dims: int) -> Any:
    """Of a point at that angle from the mean direction, per unit of the sphere's area, in nats."""
    behind = 2.0 * jnp.square(jnp.sin(0.5 * angle))
    return uniform_log_density(n_dims) + log_shortfall(concentration, 0.5 * n_dims - 1.0) - concentration * behind


def points(direction: Code, angle: Any, *, key: Key) -> Code:
    """Points at these angles (n, rows) from mean directions (rows, d), uniformly all around: (n, rows, d)."""
    n_dims = direction.shape[-1]
    across = _unit(jax.random.normal(key, (*angle.shape, n_dims - 1)))
    upright = jnp.concatenate([jnp.cos(angle)[..., None], jnp.sin(angle)[..., None] * across], axis=-1)
    # A reflection takes the first axis to the mean direction or, where that is nearer, to its opposite, and a sign brings it back: the
    # mirror's normal is never short.
    sign = jnp.where(direction[:, :1] < 0.0, -1.0, 1.0)
    normal = direction + sign * jnp.eye(1, n_dims)
    along = jnp.sum(upright * normal, axis=-1, keepdims=True)
    return sign * (along * normal / (1.0 + jnp.abs(direction[:, :1])) - upright)


def angles(concentration: Any, n: int, n_dims: int, *, key: Key) -> Any:
    """Angles for each concentration (rows,), as (n, rows), with the derivative by the concentration of implicit reparameterization.

    The distribution function `F` keeps its value when concentration and angle move together, so that `da / dk = -(dF / dk) / p(a)`
    (Figurnov et al. 2018, Implicit Reparameterization Gradients, arXiv:1805.08498). Its integral is computed by Gauss-Legendre
    quadrature, to a relative error of 1e-4 or less.
    """
    behind = _drawn(jax.lax.stop_gradient(concentration), n, n_dims, key=key)
    angle = 2.0 * jnp.arcsin(jnp.sqrt(0.5 * jnp.clip(behind, 0.0, 2.0)))
    return _moved(angle, jnp.broadcast_to(concentration, angle.shape), n_dims)


def _drawn(concentration: Any, n: int, n_dims: int, *, key: Key) -> Any:
    """One minus the cosines of angles, (n, rows), by rejection (Wood 1994) from a transformed symmetric beta distribution.

    Each row is drawn from random numbers of its own, until it is accepted; what the others do changes nothing.
    """
    rest = n_dims - 1
    b = rest / (2.0 * concentration + jnp.hypot(2.0 * concentration, jnp.float32(rest)))
    center = 2.0 * b / (1.0 + b)

    def unfinished(carry: Any) -> Any:
        return (carry[0] < _MOST_PROPOSALS) & ~jnp.all(carry[2])

    def propose(carry: Any) -> Any:
        step, behind, accepted = carry
        beta_key, accept_key = jax.random.split(jax.random.fold_in(key, step))
        share, other = _symmetric_beta(rest, behind.shape, key=beta_key)
        proposal = 2.0 * b * share / (other + b * share)
        odds = (center + proposal - center * proposal) / (center * (2.0 - center))
        height = jnp.log(jax.random.uniform(accept_key, behind.shape, minval=_TINY))
        now = concentration * (center - proposal) + rest * jnp.log(odds) >= height
        return step + 1, jnp.where(accepted, behind, proposal), accepted | now

    start = jnp.broadcast_to(center, (n, *center.shape))
    return jax.lax.while_loop(unfinished, propose, (0, start, jnp.zeros(start.shape, bool)))[1]


def _symmetric_beta(rest: int, shape: tuple[int, ...], *, key: Key) -> tuple[Any, Any]:
    """Draws from Beta(rest / 2, rest / 2) and one minus them, by Bailey's polar method for Student's t (1994)."""
    radius_key, angle_key = jax.random.split(key)
    radius = jax.random.uniform(radius_key, shape, minval=_TINY)
    cosine = jnp.cos(2.0 * jnp.pi * jax.random.uniform(angle_key, shape))
    square = jnp.expm1(-2.0 / rest * jnp.log(radius)) * jnp.square(cosine)  # t^2 / rest
    smaller = 0.5 / (1.0 + square) / (1.0 + jnp.sqrt(square / (1.0 + square)))
    return jnp.where(cosine < 0.0, smaller, 1.0 - smaller), jnp.where(cosine < 0.0, 1.0 - smaller, smaller)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _moved(angle: Any, concentration: Any, n_dims: int) -> Any:
    """The angles as they are; the derivative by the concentration is that of `angles`."""
    return angle


@_moved.defjvp
def _(n_dims: int, primals: Any, tangents: Any) -> Any:
    angle, concentration = primals
    return angle, _slope(angle, concentration, n_dims) * tangents[1]


def _slope(angle: Any, concentration: Any, n_dims: int) -> Any:
    """`-int_0^a (cos(b) - A) p(b) / p(a) db`, or what is the same, the integral from `a` to pi: whichever has no change of sign."""
    power = n_dims - 2
    half, sine = jnp.sin(0.5 * angle), jnp.maximum(jnp.abs(jnp.sin(angle)), _TINY)
    behind, cosine = 2.0 * jnp.square(half), jnp.cos(angle)
    mean_behind = ratio_shortfall(concentration, 0.5 * n_dims - 1.0)
    is_below = behind <= mean_behind
    length = jnp.where(is_below, -_length_below(angle, sine, cosine, concentration, power), _length_above(angle, concentration, power))
    nodes, node_weights = (jnp.asarray(values, jnp.float32) for values in _quadrature())
    step = length[..., None] * nodes
    half_step, middle = jnp.sin(0.5 * step), jnp.sin(angle[..., None] + 0.5 * step)
    # sin(a + step) / sin(a) - 1 and cos(a + step) - cos(a), without cancellation.
    growth = (cosine / sine)[..., None] * jnp.sin(step) - 2.0 * jnp.square(half_step)
    gain = -2.0 * middle * half_step
    log_ratio = power * jnp.log1p(jnp.maximum(growth, -1.0 + 1e-6)) + concentration[..., None] * gain
    above_mean = (mean_behind - behind)[..., None] + gain
    return length * jnp.sum(node_weights * above_mean * jnp.exp(jnp.minimum(log_ratio, _NEGLIGIBLE)), axis=-1)


def _length_below(angle: Any, sine: Any, cosine: Any, concentration: Any, power: int) -> Any:
    """How far below an angle under the mean the density is to be followed: its logarithm curves at least as much as at the angle."""
    curvature = power / jnp.square(sine) + concentration * jnp.maximum(cosine, 0.0)
    return jnp.minimum(angle, jnp.sqrt(2.0 * _NEGLIGIBLE / jnp.maximum(curvature, _TINY)))


def _length_above(angle: Any, concentration: Any, power: int) -> Any:
    """How far above an angle over the mean.

    With `u = 1 - cos`, the density falls by at least `g x + power / 4 x^2 / (1 + x)` nats where `u` has grown by the share `x`; `g` is the
    slope at the angle. The end is the root of a quadratic equation.
    """
    behind = jnp.maximum(2.0 * jnp.square(jnp.sin(0.5 * angle)), _TINY)
    slope = jnp.maximum(concentration * behind - power * (1.0 - behind) / (2.0 - jnp.minimum(behind, 2.0 - 1e-6)), 0.0)
    first, second = slope - _NEGLIGIBLE, slope + 0.25 * power
    # The root of second x^2 + first x = _NEGLIGIBLE in the form that does not cancel, for either sign of `first`.
    root = jnp.sqrt(jnp.square(first) + 4.0 * _NEGLIGIBLE * second)
    share = jnp.where(first > 0.0, 2.0 * _NEGLIGIBLE / (jnp.abs(first) + root), (root - first) / (2.0 * jnp.maximum(second, _TINY)))
    end = 2.0 * jnp.arcsin(jnp.sqrt(jnp.minimum(0.5 * behind * (1.0 + share), 1.0)))
    return jnp.maximum(end - angle, 0.0)


@functools.cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss and Legendre on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    return 0.5 * (nodes + 1.0), 0.5 * weights


def _unit(vectors: Any) -> Any:
    return vectors / jnp.maximum(jnp.linalg.norm(vectors, axis=-1, keepdims=True), _TINY)
