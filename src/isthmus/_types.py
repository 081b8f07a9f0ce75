"""The shapes and value ranges that the parts speak of.

Shapes are checked when the tests run, by jaxtyping; ranges are checked by `isthmus._component.Component` when a part is built.
"""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, TypeAlias

from jaxtyping import Array, Float
from jaxtyping import Key as _Key

__all__ = [
    "Code",
    "Data",
    "Fraction",
    "Hidden",
    "Interval",
    "Key",
    "Mask",
    "NonNegative",
    "Outputs",
    "PerRow",
    "Positive",
    "PositiveInt",
    "Scalar",
    "Shape",
    "Share",
    "Terms",
    "Tree",
]


class Interval(NamedTuple):
    """The values that a number may take; `open_low` and `open_high` leave the ends out."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float):
            return False
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        return f"{'(' if self.open_low else '['}{self.low:g}, {self.high:g}{')' if self.open_high else ']'}"


_INFINITE = float("inf")

Positive: TypeAlias = Annotated[float, Interval(0.0, _INFINITE, open_low=True, open_high=True)]
NonNegative: TypeAlias = Annotated[float, Interval(0.0, _INFINITE, open_high=True)]
Fraction: TypeAlias = Annotated[float, Interval(0.0, 1.0, open_high=True)]
Share: TypeAlias = Annotated[float, Interval(0.0, 1.0)]
PositiveInt: TypeAlias = Annotated[int, Interval(1, _INFINITE, open_high=True)]

Shape: TypeAlias = tuple[int, ...]
Key: TypeAlias = _Key[Array, ""]
Scalar: TypeAlias = Float[Array, ""]
Mask: TypeAlias = Float[Array, " rows"]
PerRow: TypeAlias = Float[Array, "*samples rows"]

Data: TypeAlias = Float[Array, "rows *features"]
Hidden: TypeAlias = Float[Array, "rows *hidden"]
Code: TypeAlias = Float[Array, "... latent"]  # (rows, *latent), or (samples, rows, *latent) from a bottleneck that draws several
Outputs: TypeAlias = Float[Array, "rows *outputs"]

Terms: TypeAlias = Mapping[str, Any]
Tree: TypeAlias = Any  # a PyTree of arrays
