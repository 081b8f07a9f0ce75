import itertools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._numerics import sum_features
from isthmus._types import Data, Key, Outputs, PerRow, PositiveInt, Tree
from isthmus.errors import DataError, PartError

from ._base import Domain
from ._base_likelihood import AbstractLikelihood
from ._logits import LOWEST_MEAN

_ROUNDING = 1e-3  # probabilities in float16 may miss 1 by as much


class Categorical(AbstractLikelihood):
    """The cross-entropy of one-hot encoded categories in nats: each group of columns is one variable, and its outputs pass a softmax.

    `-sum_g sum_k x_gk log p_gk` with `p_g = softmax(l_g)`, over the groups `g` and the classes `k` of each. For one-hot rows it is minus
    the log-likelihood of the classes. Rows may also hold probabilities; the best guess is the conditional mean, that is, the
    probability of each class, but the minimum is then the entropy of the rows and not zero. Reconstructions sum to one in every group.
    Take it for columns from a one-hot encoder, where `Bernoulli` would let several classes of a variable be likely at once, and for
    images of which each pixel has one of several labels.

    Attributes:
        groups: how many columns each variable has, in their order along the last axis, which they must fill; `()` when the last axis is
            one variable.

    References:
        Bishop, Pattern Recognition and Machine Learning, 2006, section 4.3.4.

    Example:
        >>> import jax.numpy as jnp
        >>> loss = Categorical(groups=(2, 3))
        >>> rows = jnp.asarray([[0.0, 1.0, 1.0, 0.0, 0.0]])
        >>> round(float(loss((), jnp.zeros((1, 5)), rows)[0]), 4)  # log 2 + log 3
        1.7918
        >>> [round(float(share), 2) for share in loss.mean(jnp.zeros((1, 5)))[0]]
        [0.5, 0.5, 0.33, 0.33, 0.33]
    """

    groups: tuple[PositiveInt, ...] = ()

    @property
    def link(self) -> str:
        return f"softmax{self.groups}" if self.groups else "softmax"

    @property
    def domain(self) -> Domain:
        return "unit_interval"

    @property
    def is_separable(self) -> bool:
        return False

    def check_parts(self, parts: Any) -> None:
        n_columns = sum(parts.data_shape[-1:])
        if n_columns != (sum(self.groups) or n_columns) or not n_columns:
            raise PartError(
                f"`categorical.groups`={self.groups} takes {sum(self.groups)} columns; the last axis of the rows has {n_columns}. Give the "
                "number of classes of each variable in the order of the columns; for a table with other columns too, see `Columns`."
            )

    def check_rows(self, rows: np.ndarray) -> None:
        start = 0
        for number, size in enumerate(self.groups or (rows.shape[-1],)):
            values = rows[..., start : start + size]
            totals = values.sum(axis=-1)
            place = f"group {number} (columns {start} to {start + size - 1}, counted from 0)"
            start += size
            if not values.size:
                continue
            fault = None
            if values.min() < -_ROUNDING or values.max() > 1.0 + _ROUNDING:
                fault = f"holds values from {values.min():.6g} to {values.max():.6g}"
            elif np.max(np.abs(totals - 1.0)) > _ROUNDING:
                fault = f"has a row that sums to {totals.flat[np.argmax(np.abs(totals - 1.0))]:.6g}"
            if fault:
                raise DataError(
                    f"The loss {self!r} is defined for values in [0, 1] that sum to 1 in each group; as the loss sees it, {place} {fault}. "
                    "Encode categories one-hot, as scikit-learn's OneHotEncoder does; let `groups` follow the columns; leave them unscaled."
                )

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        total: Any = 0.0
        for logits, target in zip(self._variables(outputs), self._variables(x), strict=True):
            total = total + sum_features(-target * jax.nn.log_softmax(logits))
        return total

    def mean(self, outputs: Outputs) -> Data:
        shares = [jnp.reshape(jax.nn.softmax(logits), (*outputs.shape[:-1], -1)) for logits in self._variables(outputs)]
        return jnp.concatenate(shares, axis=-1)

    @property
    def is_density(self) -> bool:
        return False

    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        drawn = []
        for number, logits in enumerate(self._variables(outputs)):
            classes = jax.random.categorical(jax.random.fold_in(key, number), logits)
            drawn.append(jnp.reshape(jax.nn.one_hot(classes, logits.shape[-1]), (*outputs.shape[:-1], -1)))
        return jnp.concatenate(drawn, axis=-1)

    def start(self, mean: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(mean, LOWEST_MEAN))

    def _variables(self, values: Any) -> Iterator[Any]:
        """The values with the classes of a variable along the last axis; neighbors of one size come together, as one array."""
        start = 0
        for size, run in itertools.groupby(self.groups or (values.shape[-1],)):
            n_groups = len(tuple(run))
            stop = start + n_groups * size
            yield values[..., start:stop].reshape(*values.shape[:-1], n_groups, size)
            start = stop
