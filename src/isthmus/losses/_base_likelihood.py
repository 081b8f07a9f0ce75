import abc

from isthmus._types import Data, Key, Outputs, PerRow, Tree

from ._base import AbstractLoss


class AbstractLikelihood(AbstractLoss):
    """A loss that is minus the logarithm of a density or probability of rows, in nats, up to a constant that `log_prob` knows.

    With a probabilistic bottleneck of `beta=1` the objective is then minus the evidence lower bound.
    """

    @property
    def is_density(self) -> bool:
        """Whether it is a density of real numbers, whose value depends on their unit, and not a probability of discrete ones."""
        return True

    def log_prob(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        """log p(x | outputs) of each row in nats, normalized."""
        return -self(weights, outputs, x)

    @abc.abstractmethod
    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        """A row drawn from p(x | outputs) for each row of raw outputs."""
