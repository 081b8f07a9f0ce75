"""Optimizers as data, and the schedules of their rates."""

from ._adam import Adam as Adam
from ._adamw import Adamw as Adamw
from ._base import AbstractOptimizer as AbstractOptimizer
from ._base_schedule import AbstractSchedule as AbstractSchedule
from ._constant import Constant as Constant
from ._cosine import Cosine as Cosine
from ._exponential import Exponential as Exponential
from ._gradient_descent import GradientDescent as GradientDescent
from ._sgd import Sgd as Sgd
from ._warmup import Warmup as Warmup

__all__ = [
    "AbstractOptimizer",
    "AbstractSchedule",
    "Adam",
    "Adamw",
    "Constant",
    "Cosine",
    "Exponential",
    "GradientDescent",
    "Sgd",
    "Warmup",
]
