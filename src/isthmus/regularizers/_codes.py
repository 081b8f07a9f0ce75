from jaxtyping import Array, Float

from ._base import View

__all__ = ["sampled_codes"]


def sampled_codes(view: View) -> Float[Array, "samples rows *latent"]:
    """The codes with their axis of samples, of length 1 where the bottleneck draws one code a row."""
    return view.code if view.code.ndim > view.hidden.ndim else view.code[None]
