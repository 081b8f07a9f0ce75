import abc
from typing import ClassVar

import numpy as np
from jaxtyping import Array

from isthmus._component import Component
from isthmus._types import Data, Outputs, PerRow, Shape, Tree


class AbstractLoss(Component):
    """What a wrong reconstruction costs, per row and summed over features.

    Attributes:
        link: the activation that turns raw outputs into data, the inverse of the loss's natural parameter.
        unit_interval: whether data must lie in [0, 1].
    """

    link: ClassVar[str] = "identity"
    unit_interval: ClassVar[bool] = False

    def init(self, shape: Shape, *, rng: np.random.Generator) -> Tree:
        """The loss's own weights (a learned scale, say); `()` for none."""
        return ()

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the raw outputs for data of `shape`; the same unless each value needs several numbers."""
        return shape

    @abc.abstractmethod
    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        """The cost of each row, unweighted, summed over its features."""

    @abc.abstractmethod
    def mean(self, outputs: Outputs) -> Data:
        """The reconstruction that raw `outputs` stand for."""

    def start(self, mean: np.ndarray) -> np.ndarray:
        """Raw outputs whose `mean` is `mean`: where the decoder's output bias begins."""
        return mean

    def rescaled(self, scale: np.ndarray | Array) -> "AbstractLoss":
        """The same loss for data multiplied by `scale`: thresholds in the data's unit are multiplied as well."""
        return self
