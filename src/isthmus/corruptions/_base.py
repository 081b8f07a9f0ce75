import abc

from isthmus._component import Component
from isthmus._types import Data, Key


class AbstractCorruption(Component):
    """Damage done to the encoder's input in training, while the target stays clean.

    Strengths are in the unit of the scaled data that the network sees.
    """

    @abc.abstractmethod
    def __call__(self, x: Data, *, key: Key) -> Data:
        """A damaged copy of a batch of rows."""
