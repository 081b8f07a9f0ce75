import abc

import numpy as np

from isthmus._component import Component
from isthmus._types import Data, Key, Mask


class AbstractCorruption(Component):
    """Damage done to the encoder's input in training, while the target stays clean.

    Strengths are in the unit of the scaled data that the network sees. Where the rows are noisy already and a second noisy copy
    of each exists, no corruption is needed: ``fit(noisy, target=another_noisy)`` learns the same mean as clean targets would
    (Lehtinen et al. 2018, Noise2Noise, arXiv:1803.04189).
    """

    @abc.abstractmethod
    def __call__(self, x: Data, *, mask: Mask | None = None, key: Key) -> Data:
        """A damaged copy of a batch of rows.

        Args:
            x: the rows.
            mask: 1 for rows that count and 0 for padding, which must not enter another row; None where all count.
            key: for random draws.
        """

    def check_rows(self, rows: np.ndarray) -> None:
        """Refuse scaled rows that the damage is not defined for, with a `DataError`; it is asked before training, some rows at a time.

        Args:
            rows: float64, as the network sees them.
        """

    def scored(self, x: Data, *, key: Key) -> Data | None:
        """Which values of each row the reconstruction is judged by, 1 or 0 for each; None for all of them.

        A corruption that hides values from the encoder can have the model judged by those alone. It then learns to
        tell a value from the others, and rows that are noisy themselves can serve as their own targets.

        Args:
            x: the rows before the damage.
            key: the one that `__call__` is given for the same rows.
        """
        return None
