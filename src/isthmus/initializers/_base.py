import abc

import numpy as np

from isthmus._component import Component


class AbstractInitializer(Component):
    """Where the weights of one layer begin, drawn on the host, in NumPy.

    It is asked once for each matrix, before training, and is no part of the compiled program.
    """

    @abc.abstractmethod
    def __call__(self, fan_in: int, fan_out: int, activation: str, *, rng: np.random.Generator) -> np.ndarray:
        """A float32 matrix that multiplies its input from the right.

        Args:
            fan_in: how many values come in: the rows.
            fan_out: how many go out: the columns.
            activation: the name of what is applied to them, "identity" for a bare layer.
            rng: the source of all random numbers.
        """
