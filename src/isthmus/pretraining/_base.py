import abc
from typing import Protocol, runtime_checkable

from isthmus._component import Component
from isthmus.model import Model
from isthmus.optimizers import AbstractOptimizer


@runtime_checkable
class Level(Protocol):
    """Rows to train on, as an estimator hands them over: those of the data, or their codes in a model."""

    def trained(self, model: Model, *, optimizer: AbstractOptimizer, max_epochs: int) -> Model:
        """The model with the weights that it has after training on these rows, output biases started from their mean.

        Args:
            model: whose data are of the shape of these rows.
            optimizer: how to move.
            max_epochs: passes over the rows.
        """
        ...

    def encoded(self, model: Model) -> "Level":
        """The codes of these rows, to train on in their place."""
        ...


class AbstractPretraining(Component):
    """What is done with a model's first weights before the whole of it is trained."""

    @abc.abstractmethod
    def __call__(self, model: Model, rows: Level) -> Model:
        """The model with other weights.

        Args:
            model: before its first step.
            rows: what it is going to be trained on.
        """
