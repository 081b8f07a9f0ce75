import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._numerics import sum_features
from isthmus._types import Code, Hidden, Mask, NonNegative, Positive, Scalar, Shape, Share, Tree

from ._annealing import risen
from ._base_sparse import AbstractSparse, Selection, Units

_NARROWEST = 1e-30


class JumpRelu(AbstractSparse):
    """The code keeps activations above a threshold that is learned for each unit, and pays for each one kept.

    `z_i = h_i` where `h_i > t_i`, else 0, with `t_i > 0`; beside the reconstruction a row costs `sparsity` times `l0`, the number of units
    in use. Neither has a gradient with respect to `t_i` where it matters, so those of their means over rows are estimated with a window of
    width `bandwidth`: `dz_i / dt_i = -t_i / bandwidth` and `dl0 / dt_i = -1 / bandwidth` where `|h_i - t_i| < bandwidth / 2`, and 0
    elsewhere. Units are kept at their whole activation, and rows use as many as they need. A row's squared error must fall by more than
    `sparsity` for a unit to be worth its price. Dead units, and what the history has of them, are as in `TopK`.

    Attributes:
        threshold: of every unit before training, in the unit of the encoder's outputs.
        bandwidth: width of the window, likewise; narrower is less biased and noisier.
        sparsity: weight of the number of units in use.
        warmup: the share of the training over which that weight rises from 0.
        dead_after: steps without use after which a unit is dead.
        revival: the factor of a dead unit's gradient; 0 lets the dead rest.

    References:
        Rajamanoharan et al., Jumping Ahead: Improving Reconstruction Fidelity with JumpReLU Sparse Autoencoders, 2024, arXiv:2407.14435.
        As there, the kernel is a rectangle and the logarithms of thresholds are learned. Departures: threshold and bandwidth are 0.1
        instead of 0.001, for batches of hundreds of rows instead of thousands; the decoder's columns are not kept at unit norm, so
        that `l0` counts and nothing else; and the revival of `TopK`.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> bottleneck = JumpRelu(threshold=0.5)
        >>> weights, state = bottleneck.init((3,), rng=np.random.default_rng(0))
        >>> bottleneck.encode(weights, state, jnp.asarray([[0.25, 0.75, -1.0]])).tolist()
        [[0.0, 0.75, 0.0]]
    """

    threshold: Positive = 0.1
    bandwidth: Positive = 0.1
    sparsity: NonNegative = 0.3
    warmup: Share = 0.0

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        weights = np.full(latent_shape, math.log(self.threshold), np.float32)
        return weights, Units(np.zeros(latent_shape, np.float32), ())

    def selection(self, weights: Tree, own: Tree, hidden: Hidden, *, mask: Mask, progress: Any) -> Selection:
        threshold = jnp.exp(weights)
        fixed, values = jax.lax.stop_gradient((threshold, hidden))
        width = jnp.maximum(self.bandwidth, _NARROWEST)
        in_use = values > fixed
        # Zero in value; its derivative with respect to the threshold is minus the kernel.
        window = jnp.where(jnp.abs(values - fixed) < 0.5 * width, (fixed - threshold) / width, 0.0)
        return Selection(jnp.where(in_use, hidden, 0.0) + fixed * window, {"l0": sum_features(in_use + window)}, own)

    def encode(self, weights: Tree, state: Units, hidden: Hidden) -> Code:
        return jnp.where(hidden > jnp.exp(weights), hidden, 0.0)

    def term_weights(self, progress: Scalar | float) -> Mapping[str, Any]:
        return {"l0": self.sparsity * risen(progress, self.warmup, 1)}
