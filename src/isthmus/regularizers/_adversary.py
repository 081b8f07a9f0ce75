import math
from typing import ClassVar

import jax
import jax.numpy as jnp

from isthmus._types import Key, NonNegative, PerRow, Tree

from ._base import View
from ._base_adversary import AbstractAdversary
from ._codes import flat_codes, leading, prior_draws
from ._discriminators import cross_entropy, log_odds, with_own_cost


class Adversary(AbstractAdversary):
    """How well a discriminator that learns along tells codes from draws from the prior: the adversarial autoencoder.

    `log 1 / 2 - log D(z)`, one number a row and the mean over its samples, with `D` the probability that a code is the prior's, by a
    network of the penalty's own. It is 0 for a discriminator that cannot tell; for the best one its mean is
    `KL(q || p) - KL(q || (p + q) / 2)`, a divergence between codes q and prior p. In the same step the discriminator goes down its cost,
    `-mean log D(w) - mean log(1 - D(z))`, with as many draws `w` as codes. The encoder's cost is the one that does not saturate: codes
    that are surely recognized are pulled the most. A learned prior is not moved.

    `weight` is what the encoder pays. The discriminator's gradient is that of its own cost, whatever `weight` and the number of features,
    so that plain gradient steps teach it as fast beside a small weight; under optimizers that divide gradients by their size, such as Adam,
    that would cancel anyway. A `clip_norm` counts it in. With a weight of 0 neither side learns.

    What is reported is the divergence as far as the discriminator sees it yet: it may rise at first, and it is negative while codes deceive
    it. Different epochs have different judges: validation rows are not charged, and the best epoch is that of the lowest reconstruction.
    Weights near 1 are enough for tables. Where both sides run in circles, lower the learning rate, or take `Adam(beta1=0.5)`, which forgets
    sooner.

    Attributes:
        weight: the factor of the penalty in the objective.
        hidden_dims: widths of the discriminator's hidden layers, of leaky rectifiers.
        rate: the discriminator's learning rate, in units of the optimizer's.

    References:
        Makhzani, Shlens, Jaitly, Goodfellow & Frey, Adversarial Autoencoders, 2016, arXiv:1511.05644, where reconstruction, discriminator
        and encoder take steps in turn, at rates of their own, and hidden layers have 1000 units; here it is one step. Goodfellow et al.,
        Generative Adversarial Networks, 2014, arXiv:1406.2661, for the cost that does not saturate. Ganin et al., Domain-Adversarial
        Training of Neural Networks, 2016, arXiv:1505.07818, for both sides in one step.

    Example:
        >>> import jax.numpy as jnp, numpy as np
        >>> from isthmus.priors import BoundPrior, StandardNormal
        >>> part, code, prior = Adversary(hidden_dims=(8,)), jnp.ones((3, 2)), BoundPrior(StandardNormal(), ())
        >>> view = View(x=code, mask=jnp.ones(3), hidden=code, code=code, prior=prior, weights=None, encode=None, decode=None)
        >>> own = part.init((2,), rng=np.random.default_rng(0))
        >>> part(own, view, key=jax.random.key(0)).tolist()  # undecided at first
        [0.0, 0.0, 0.0]
    """

    needs_prior: ClassVar[bool] = True

    weight: NonNegative = 1.0

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> PerRow:
        assert key is not None
        codes, draws = flat_codes(view), prior_draws(view, key=key)
        value = jnp.mean(jax.nn.softplus(-log_odds(jax.lax.stop_gradient(weights), codes)), axis=0) - math.log(2.0)
        of_draws, of_codes = (log_odds(weights, jax.lax.stop_gradient(each)) for each in (draws, codes))
        return with_own_cost(value, cross_entropy(of_draws, leading(view.mask), of_codes, view.mask), self.weight, view)
