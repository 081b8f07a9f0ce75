"""What a wrong reconstruction costs."""

from ._absolute_error import AbsoluteError as AbsoluteError
from ._base import AbstractLoss as AbstractLoss
from ._bernoulli import Bernoulli as Bernoulli
from ._huber import Huber as Huber
from ._squared_error import SquaredError as SquaredError

__all__ = ["AbsoluteError", "AbstractLoss", "Bernoulli", "Huber", "SquaredError"]
