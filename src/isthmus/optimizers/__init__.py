"""Optimizers as data, and the schedules of their rates."""

from ._adabelief import Adabelief as Adabelief
from ._adagrad import Adagrad as Adagrad
from ._adam import Adam as Adam
from ._adamw import Adamw as Adamw
from ._base import AbstractOptimizer as AbstractOptimizer
from ._base_schedule import AbstractSchedule as AbstractSchedule
from ._constant import Constant as Constant
from ._cosine import Cosine as Cosine
from ._dog import Dog as Dog
from ._exponential import Exponential as Exponential
from ._gradient_descent import GradientDescent as GradientDescent
from ._lbfgs import Lbfgs as Lbfgs
from ._lion import Lion as Lion
from ._muon import Muon as Muon
from ._nadam import Nadam as Nadam
from ._one_cycle import OneCycle as OneCycle
from ._prodigy import Prodigy as Prodigy
from ._reduce_on_plateau import ReduceOnPlateau as ReduceOnPlateau
from ._rmsprop import Rmsprop as Rmsprop
from ._schedule_free_adamw import ScheduleFreeAdamw as ScheduleFreeAdamw
from ._sgd import Sgd as Sgd
from ._warm_restarts import WarmRestarts as WarmRestarts
from ._warmup import Warmup as Warmup

__all__ = [
    "AbstractOptimizer",
    "AbstractSchedule",
    "Adabelief",
    "Adagrad",
    "Adam",
    "Adamw",
    "Constant",
    "Cosine",
    "Dog",
    "Exponential",
    "GradientDescent",
    "Lbfgs",
    "Lion",
    "Muon",
    "Nadam",
    "OneCycle",
    "Prodigy",
    "ReduceOnPlateau",
    "Rmsprop",
    "ScheduleFreeAdamw",
    "Sgd",
    "WarmRestarts",
    "Warmup",
]
