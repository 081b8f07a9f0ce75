from typing import Any

from isthmus._component import Component, part_name
from isthmus.errors import PartError

__all__ = ["refuse_axes", "refuse_prior"]


def refuse_prior(part: Component, parts: Any, own: str) -> None:
    """Refuse a prior beside a bottleneck that brings its own."""
    if parts.prior is not None:
        raise PartError(
            f"The bottleneck {part_name(type(part))!r} has a prior of its own, {own}, and takes no other; got {parts.prior!r}. "
            "Leave `prior` None, or use bottleneck='gaussian' with it."
        )


def refuse_axes(part: Component, parts: Any) -> None:
    """Refuse codes of several axes."""
    if len(parts.latent_shape) != 1:
        raise PartError(
            f"The bottleneck {part_name(type(part))!r} is for codes of one axis; these have the shape {parts.latent_shape}. "
            "Give codes of one axis, or use bottleneck='gaussian'."
        )
