from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Code, Fraction, Hidden, Mask, PositiveInt, Tree

from ._base_sparse import AbstractSparse, Selection, Units, n_in_use

_SIGN_AND_LAST_BIT = 31


class BatchTopK(AbstractSparse):
    """The code keeps the largest activations of a whole batch, k a row on average: rows use as many units as they need.

    `z_i = max(h_i, 0)` where that is among the `k * rows` largest of all rows and units of a batch, else 0. A row's code would so depend on
    the rows beside it. Therefore the smallest activation kept, `t`, is averaged over the steps of training, from its value on the encoder's
    first outputs on: `transform` and the validation rows keep what is `t` or more, whatever else is there. Dead units, and what the history
    has of them, are as in `TopK`.

    Attributes:
        k: units in use, in the mean of the rows; None for an eighth of `latent_dim`, one at least.
        decay: of the moving average of the threshold, a step.
        dead_after: steps without use after which a unit is dead.
        revival: the factor of a dead unit's gradient; 0 lets the dead rest.

    References:
        Bussmann, Leask & Nanda, BatchTopK Sparse Autoencoders, 2024, arXiv:2412.06410. Departures: the threshold is a moving average, where
        the paper takes the mean over batches after training; and the revival of `TopK`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().data
        >>> codes = Autoencoder(64, bottleneck=BatchTopK(8), max_epochs=3, random_state=0).fit(X).transform(X)
        >>> bool(6 < (codes > 0).sum(axis=1).mean() < 10)
        True
    """

    k: PositiveInt | None = None
    decay: Fraction = 0.99

    @property
    def fewest_units(self) -> int:
        """As many as are in use."""
        return self.k or 1

    def own_init(self) -> Tree:
        return np.zeros((), np.float32)

    def start(self, weights: Tree, state: Units, hidden: Callable[[], np.ndarray], *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        rows = np.maximum(hidden(), 0.0)
        place = rows.size - len(rows) * n_in_use(self.k, rows.shape[-1])
        return weights, state._replace(own=np.float32(np.partition(rows, place, axis=None)[place]))

    def selection(self, weights: Tree, own: Tree, hidden: Hidden, *, mask: Mask, progress: Any) -> Selection:
        positive = jax.nn.relu(hidden)
        n_kept = n_in_use(self.k, hidden.shape[-1]) * jnp.sum(mask)
        threshold = _kth_largest(jax.lax.stop_gradient(positive) * mask[:, None], n_kept)
        code = _at_least(jnp.where(progress < 1.0, threshold, own), positive)
        return Selection(code, {}, self.decay * own + (1.0 - self.decay) * threshold)

    def encode(self, weights: Tree, state: Units, hidden: Hidden) -> Code:
        return _at_least(state.own, jax.nn.relu(hidden))


def _at_least(threshold: Any, positive: Any) -> Any:
    return jnp.where(positive >= threshold, positive, 0.0)


def _kth_largest(values: Any, k: Any) -> Any:
    """The `k`-th largest of float32 numbers that are not negative; `k` may be traced.

    Such numbers are ordered like their bits, which are found from the highest on by counting: 31 sweeps over the numbers where they
    would have to be sorted.
    """
    bits = jax.lax.bitcast_convert_type(jnp.abs(values).astype(jnp.float32), jnp.int32)

    def with_bit(index: Any, found: Any) -> Any:
        tried = found | (1 << (_SIGN_AND_LAST_BIT - 1 - index))
        return jnp.where(jnp.sum(bits >= tried) >= k, tried, found)

    return jax.lax.bitcast_convert_type(jax.lax.fori_loop(0, _SIGN_AND_LAST_BIT, with_bit, jnp.int32(0)), jnp.float32)
