"""Codes as penalties compare them: with samples, without padding, beside draws from the prior."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from isthmus._component import part_name
from isthmus._types import Key, Mask, PerRow, Scalar
from isthmus.errors import PartError

from ._base import View

__all__ = ["check_normal_posterior", "flat_codes", "leading", "prior_draws", "repeated", "sampled_codes", "without_padding"]


def sampled_codes(view: View) -> Float[Array, "samples rows *latent"]:
    """The codes with their axis of samples, of length 1 where the bottleneck draws one code a row."""
    return view.code if view.code.ndim > view.hidden.ndim else view.code[None]


def flat_codes(view: View) -> Float[Array, "samples rows dims"]:
    """The codes, each as one vector, and zeros in the place of padding."""
    codes = sampled_codes(view)
    return without_padding(jnp.reshape(codes, (*codes.shape[:2], -1)), view.mask)


def without_padding(values: Float[Array, "*samples rows dims"], mask: Mask) -> Float[Array, "*samples rows dims"]:
    """Zeros in the place of padding: a product with the mask would let infinities through, as not-a-number."""
    return jnp.where(mask[:, None] > 0.0, values, 0.0)


def prior_draws(view: View, *, key: Key) -> Float[Array, "samples rows dims"]:
    """A draw from the prior for each code; those that count are the first, as `leading` has them.

    The first draws are the same however many follow, so that padding does not change what the rows are compared with.
    """
    codes = sampled_codes(view)
    n_samples, n_rows = codes.shape[:2]
    draws = view.prior.sample((n_rows * n_samples, *codes.shape[2:]), key=key)
    return jnp.moveaxis(jnp.reshape(draws, (n_rows, n_samples, -1)), 1, 0)


def leading(mask: Mask) -> Mask:
    """1 for as many places as rows count, from the first place on."""
    return (jnp.arange(mask.shape[0]) < jnp.sum(mask)).astype(mask.dtype)


def repeated(value: Scalar, view: View) -> PerRow:
    """A statistic of the batch, for each row."""
    return jnp.broadcast_to(value, view.mask.shape)


def check_normal_posterior(part: Any, parts: Any) -> None:
    """Refuse a bottleneck whose posteriors are not diagonal normal distributions."""
    if not parts.bottleneck.has_normal_posterior:
        raise PartError(
            f"The penalty {part_name(type(part))!r} looks at a diagonal normal posterior of each row; {parts.bottleneck!r} has none. Use "
            "bottleneck='gaussian' with covariance='diag'."
        )
