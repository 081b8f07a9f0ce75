from typing import Any, ClassVar

import numpy as np

from isthmus._types import NonNegative, PositiveInt, Shape, Tree

from ._base import AbstractRegularizer
from ._discriminators import drawn_discriminator


class AbstractAdversary(AbstractRegularizer):
    """A penalty by a discriminator of codes that learns along.

    Attributes:
        hidden_dims: widths of the discriminator's hidden layers, of leaky rectifiers.
        rate: the discriminator's learning rate, in units of the optimizer's.
    """

    is_adversarial: ClassVar[bool] = True
    has_own_rate: ClassVar[bool] = True

    hidden_dims: tuple[PositiveInt, ...] = (64, 64)
    rate: NonNegative = 1.0

    @property
    def own_rate(self) -> Any:
        return self.rate

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> Tree:
        return drawn_discriminator(latent_shape, self.hidden_dims, rng=rng)
