import abc
from typing import Any, ClassVar, NamedTuple

import numpy as np

from isthmus._component import Component
from isthmus._types import Key, NonNegative, Scalar, Shape, Tree


class View(NamedTuple):
    """What a regularizer may look at.

    Attributes:
        x: (rows, *features), as the encoder saw it.
        mask: (rows,), 1 for rows that count and 0 for padding, which must not enter a statistic of the batch.
        hidden: the encoder's output, (rows, *hidden).
        code: (rows, *latent) or (samples, rows, *latent).
        prior: a `BoundPrior`, or None.
        weights: the model's weights; `encoder` and `decoder` are its fields.
        encode: one example to its hidden value, at these weights.
        decode: one code to its raw outputs, at these weights.
        posterior: the means and log-scales of q(code | x), an `isthmus.bottlenecks.Posterior`, where it is a diagonal normal
            distribution, else None.
        n_rows: how many rows the training data have, a scalar.
    """

    x: Any
    mask: Any
    hidden: Any
    code: Any
    prior: Any
    weights: Any
    encode: Any
    decode: Any
    posterior: Any = None
    n_rows: Any = None


class AbstractRegularizer(Component):
    """A penalty beside the reconstruction; `weight` times its value joins the objective.

    A penalty returns one number for the weights, or one a row. The objective adds `weight * penalty` as it is for the former,
    and the mean over rows divided by the number of features for the latter, like every term of a row. A divergence that is a statistic
    of the batch is returned for each row, the same number, so that its weight is that of the paper, beside a loss summed over features.

    Attributes:
        is_monitored: whether validation rows are charged too: a divergence of codes is part of what is to be lowered; a penalty of the
            weights, dropout's companion, is not, and what an adversary says means another thing in each epoch.
        is_adversarial: whether weights of its own go up what the model's go down; with a line search neither would arrive.
        has_own_rate: whether its own weights learn at `own_rate` times the optimizer's rate.
        needs_prior: whether it compares codes with a prior: parts without one are refused, and an estimator that was given none takes
            `StandardNormal`.
        takes_classes: whether it works in a model whose networks are told the class of each row.
        weight: the factor of the penalty in the objective.
    """

    is_monitored: ClassVar[bool] = False
    is_adversarial: ClassVar[bool] = False
    has_own_rate: ClassVar[bool] = False
    needs_prior: ClassVar[bool] = False
    takes_classes: ClassVar[bool] = True

    weight: NonNegative

    @property
    def own_rate(self) -> Any:
        """What multiplies the optimizer's rate for the penalty's own weights."""
        return 1.0

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> Tree:
        """The penalty's own weights (an adversary, say); `()` for none."""
        return ()

    @abc.abstractmethod
    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> Scalar:
        """The unweighted penalty: a scalar, or one number a row."""


class AbstractProximal(AbstractRegularizer):
    """A penalty with a kink, applied after each step by its proximal map, so that weights become exactly zero.

    Its value is reported but not differentiated.
    """

    @abc.abstractmethod
    def shrink(self, weights: Tree, amounts: Tree) -> Tree:
        """The proximal map of `sum(amount * penalty)`.

        Args:
            weights: the model's weights after the optimizer's step.
            amounts: for each array the step size that the optimizer used there times `weight`; a scalar or an array of its shape.
        """
