import optax

from isthmus._types import Fraction, NonNegative, Positive, PositiveInt, Scalar

from ._base import AbstractOptimizer


class Muon(AbstractOptimizer):
    """The mean gradient of each weight matrix is made orthogonal: every direction that it has moves by the same amount.

    For a matrix `m <- momentum * m + (1 - momentum) g`, one step ahead as in `Nadam`; with singular vectors `m = U S V'` the step is
    `rate * update_rms * sqrt(larger side) * U V'`, whose entries have a root mean square of `rate * update_rms`. `U V'` is found by
    `iterations` of a polynomial in `m`, which leaves singular values between about 0.7 and 1.2. Five of them cost as much as the gradient
    of a batch of about four times as many rows as the matrix has on its smaller side. Rare directions, which other optimizers leave
    small beside the strong ones, take part from the start.

    All other arrays move as by `Nadam`, at the same rate. Those are biases and gains, and kernels of more than two dimensions too:
    which of a kernel's axes are inputs differs between architectures. One extra number is kept for each entry of a matrix, two for each of
    the others. Steps are not in proportion to gradients, so that it does not go with penalties that have a kink (`regularizers.L1`).

    Attributes:
        momentum: how much of the mean gradient of a matrix survives a step.
        weight_decay: the share of itself, times the rate, that an entry of a matrix loses at every step.
        update_rms: the root mean square of a matrix's steps at rate 1. 0.2 is about that of Adam's, so that its rates carry over.
        beta1: how much of the mean gradient of the other arrays survives a step.
        beta2: how much of the mean squared gradient of the other arrays survives a step.
        iterations: of the polynomial.

    References:
        Jordan et al., Muon: An Optimizer for Hidden Layers in Neural Networks, 2024, kellerjordan.github.io/posts/muon; Liu et al., Muon
        Is Scalable for LLM Training, 2025, arXiv:2502.16982, whose scale of the step this is. Both leave the first and the last layer to
        Adam; here they are matrices like the others.

    Example:
        >>> Muon(3e-4).update_rms
        0.2
    """

    momentum: Fraction = 0.95
    weight_decay: NonNegative = 0.0
    update_rms: Positive = 0.2
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    iterations: PositiveInt = 5

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        built = optax.contrib.muon(
            rate,
            ns_steps=self.iterations,
            beta=self.momentum,
            weight_decay=self.weight_decay,
            adam_b1=self.beta1,
            adam_b2=self.beta2,
            consistent_rms=self.update_rms,
        )
        return optax.with_extra_args_support(built)

    @property
    def state_per_weight(self) -> int:
        return 1
