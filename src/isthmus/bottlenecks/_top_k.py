from typing import Any

import jax
import jax.numpy as jnp

from isthmus._types import Code, Hidden, Mask, PositiveInt, Tree

from ._base_sparse import AbstractSparse, Selection, Units, n_in_use


class TopK(AbstractSparse):
    """The code keeps the k largest activations of a row and is zero elsewhere: a sparse autoencoder.

    `z_i = max(h_i, 0)` for the `k` largest of a row, else 0. There is no penalty, so that activations are not shrunk, and no weight to
    tune: `k` is how many units a row uses, or fewer where fewer are positive. Give a wide `latent_dim`, often wider than the data.

    A unit that no row of a batch has used for `dead_after` steps is dead, and would stay so, having no gradient. It is handed the one that
    it would have if it were just in use, times `revival`: its activation then rises for rows whose error its decoder weights could
    make smaller, until it is among the largest. The history has `l0`, units in use in the mean of a batch's rows, `dead_units`, the
    share of dead ones, and `explained_variance`, the share of the rows' variance that is given back, by batches.

    Attributes:
        k: units in use for each row; None for an eighth of `latent_dim`, one at least.
        dead_after: steps without use after which a unit is dead.
        revival: the factor of a dead unit's gradient; 0 lets the dead rest.

    References:
        Makhzani & Frey, k-Sparse Autoencoders, 2013, arXiv:1312.5663, whose activations may be negative. Gao et al., Scaling and
        Evaluating Sparse Autoencoders, 2024, arXiv:2406.04093. Departure: the paper revives dead units by a second reconstruction, of
        the error by dead units alone, at a weight of 1/32; here they have its gradient at zero activation, which needs no second
        decoder and leaves the decoder's weights of dead units as they are.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().data
        >>> codes = Autoencoder(64, bottleneck=TopK(8), max_epochs=3, random_state=0).fit(X).transform(X)
        >>> int((codes > 0).sum(axis=1).max())
        8
    """

    k: PositiveInt | None = None

    @property
    def fewest_units(self) -> int:
        """As many as are in use."""
        return self.k or 1

    def selection(self, weights: Tree, own: Tree, hidden: Hidden, *, mask: Mask, progress: Any) -> Selection:
        values, units = jax.lax.top_k(jax.nn.relu(hidden), n_in_use(self.k, hidden.shape[-1]))
        return Selection(jnp.put_along_axis(jnp.zeros_like(hidden), units, values, axis=-1, inplace=False), {}, own)

    def encode(self, weights: Tree, state: Units, hidden: Hidden) -> Code:
        return self.selection(weights, state.own, hidden, mask=jnp.ones(hidden.shape[:1]), progress=1.0).code
