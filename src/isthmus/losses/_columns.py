import copy
import itertools
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus._activations import ACTIVATIONS
from isthmus._types import Data, Mask, Outputs, PerRow, PositiveInt, Shape, Tree
from isthmus.errors import DataError, PartError

from ._base import AbstractLoss, Domain
from ._several import at_states, next_states
from ._squared_error import SquaredError


class Columns(AbstractLoss):
    """Mixed tables: the last axis is cut into pieces, and each piece has a loss of its own.

    `sum_k loss_k(y_k, x_k)`, `x_k` being the columns of piece `k`. For numbers beside categories beside counts: the reconstruction gives
    means, probabilities and rates, each where it belongs. How the pieces weigh against each other is a matter of units: nats for
    likelihoods, squares for squared errors. Numbers of variance 1 weigh about as much as categories do; wrap a loss in `Weighted` for
    another share.

    Losses of different domains take the rows as they come. One scaling for all columns would move the categories off 0 and 1, so
    it is refused: bring numbers to unit variance beforehand, with scikit-learn's `ColumnTransformer` say, and pass scaling=None. Where all
    domains are the same, any scaling that suits the domain does. It costs what its losses cost together.

    Attributes:
        losses: parts or their names, in the order of the columns.
        sizes: how many columns each takes, which must fill the last axis; `()` for a single loss that takes all.

    References:
        Nazabal, Olmos, Ghahramani & Valera, Handling Incomplete Heterogeneous Data Using VAEs, 2018, arXiv:1807.03653, section 3, has one
        likelihood for each column in the same way.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> loss = Columns(("squared_error", "categorical", "poisson"), sizes=(1, 2, 1))
        >>> outputs, row = jnp.zeros((1, 4)), jnp.asarray([[0.5, 0.0, 1.0, 0.0]])
        >>> loss.mean(outputs)[0].tolist()
        [0.0, 0.5, 0.5, 1.0]
        >>> weights = loss.init((4,), rng=np.random.default_rng(0))
        >>> round(float(loss(weights, outputs, row)[0]), 4)  # 0.25 + log 2 + 1
        1.9431
    """

    losses: tuple[AbstractLoss, ...] = (SquaredError(),)
    sizes: tuple[PositiveInt, ...] = ()

    def check(self) -> None:
        if not self.losses or len(self.losses) != (len(self.sizes) or 1):
            raise PartError(
                f"`columns` takes one size for each loss, or a single loss without a size; got {len(self.losses)} losses and "
                f"{len(self.sizes)} sizes."
            )

    def check_parts(self, parts: Any) -> None:
        lead, n_columns = parts.data_shape[:-1], sum(parts.data_shape[-1:])
        if n_columns != (sum(self.sizes) or n_columns) or not n_columns:
            raise PartError(
                f"`columns.sizes`={self.sizes} takes {sum(self.sizes)} columns; the last axis of the rows has {n_columns}. Say of each "
                "loss how many columns it takes, in their order."
            )
        for loss, place in self._pieces(n_columns):
            piece = copy.copy(parts)
            object.__setattr__(piece, "data_shape", (*lead, place.stop - place.start))
            loss.check_parts(piece)
            if loss.output_shape(piece.data_shape)[:-1] != lead:
                raise PartError(f"`columns` joins outputs along the last axis; {loss!r} changes another. Use it alone.")

    @property
    def link(self) -> str:
        links = [loss.link for loss in self.losses]
        if len(set(links)) == 1 and (links[0] in ACTIVATIONS or len(links) == 1):
            return links[0]
        return ", ".join(f"{link} of {size}" for link, size in zip(links, self.sizes, strict=True))

    @property
    def domain(self) -> Domain:
        return "real" if self._is_mixed else self.losses[0].domain

    @property
    def is_bounded(self) -> bool:
        return all(loss.is_bounded for loss in self.losses)

    @property
    def is_separable(self) -> bool:
        return all(loss.is_separable for loss in self.losses)

    def init(self, shape: Shape, *, rng: np.random.Generator) -> Tree:
        return tuple(loss.init((*shape[:-1], place.stop - place.start), rng=rng) for loss, place in self._pieces(shape[-1]))

    def init_state(self, shape: Shape) -> Tree:
        return tuple(loss.init_state((*shape[:-1], place.stop - place.start)) for loss, place in self._pieces(shape[-1]))

    def next_state(self, weights: Tree, state: Tree, outputs: Any, x: Data, mask: Mask) -> Tree:
        return next_states(self._given(outputs, x), weights, state, mask)

    def at_state(self, weights: Tree, state: Tree) -> Tree:
        return at_states(self.losses, weights, state)

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], sum(self._output_sizes(shape)))

    def check_rows(self, rows: np.ndarray) -> None:
        for loss, place in self._pieces(rows.shape[-1]):
            try:
                loss.check_rows(rows[..., place])
            except DataError as error:
                unscaled = " Losses of different domains take rows as they come: pass scaling=None." if self._is_mixed else ""
                raise DataError(f"In columns {place.start} to {place.stop - 1}, counted from 0: {error}{unscaled}") from error

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        total: Any = 0.0
        for (loss, raw, data), own in zip(self._given(outputs, x), weights, strict=True):
            total = total + loss(own, raw, data)
        return total

    def mean(self, outputs: Outputs) -> Data:
        return jnp.concatenate([loss.mean(raw) for loss, raw in zip(self.losses, self._cut(outputs), strict=True)], axis=-1)

    def start(self, mean: np.ndarray) -> np.ndarray:
        return np.concatenate([loss.start(mean[..., place]) for loss, place in self._pieces(mean.shape[-1])], axis=-1)

    def rescaled(self, scale: np.ndarray | Array) -> "Columns":
        if self._is_mixed and not np.all(np.asarray(scale) == 1.0):
            listed = ", ".join(f"{loss!r} for {loss.domain!r}" for loss in self.losses)
            raise PartError(
                f"The losses of `columns` are for values of different domains, {listed}, which no one scaling suits. Bring columns of "
                "numbers to unit variance beforehand, and pass scaling=None."
            )
        losses = [loss.rescaled(scale[..., place]) for loss, place in self._pieces(scale.shape[-1])]
        return jax.tree.unflatten(jax.tree.structure(self), jax.tree.leaves(losses))

    @property
    def _is_mixed(self) -> bool:
        return len({loss.domain for loss in self.losses}) > 1

    def _pieces(self, n_columns: int) -> list[tuple[AbstractLoss, slice]]:
        """Each loss with its place on the last axis of the data."""
        return list(zip(self.losses, _slices(self.sizes or (n_columns,)), strict=True))

    def _given(self, outputs: Any, x: Data) -> list[tuple[AbstractLoss, Any, Any]]:
        """Each loss with the raw outputs and the columns that it sees."""
        return [(loss, raw, x[..., place]) for (loss, place), raw in zip(self._pieces(x.shape[-1]), self._cut(outputs), strict=True)]

    def _cut(self, outputs: Outputs) -> list[Any]:
        """The raw outputs of each piece."""
        sizes = self._output_sizes((*outputs.shape[1:-1], 0)) if self.sizes else [outputs.shape[-1]]
        return [outputs[..., place] for place in _slices(sizes)]

    def _output_sizes(self, shape: Shape) -> list[int]:
        sizes = self.sizes or (shape[-1],)
        return [loss.output_shape((*shape[:-1], size))[-1] for loss, size in zip(self.losses, sizes, strict=True)]


def _slices(sizes: Iterable[int]) -> list[slice]:
    ends = [0, *itertools.accumulate(sizes)]
    return [slice(start, stop) for start, stop in itertools.pairwise(ends)]
