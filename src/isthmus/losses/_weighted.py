from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from isthmus._types import Data, Mask, NonNegative, Outputs, PerRow, Shape, Tree
from isthmus.errors import PartError

from ._absolute_error import AbsoluteError
from ._base import AbstractLoss, Domain
from ._several import at_states, next_states
from ._squared_error import SquaredError


class Weighted(AbstractLoss):
    """Several losses of the same reconstruction, weighted and added up.

    `sum_k weight_k loss_k(y, x)`. The losses must agree in how raw outputs become data (their link) and in the data that they are for
    (their domain). Those that are for any data and whose raw outputs are the data, such as the absolute error, go with all others:
    they judge the reconstruction, as in `Weighted(("ssim", "absolute_error"), (0.84, 0.16))`; beside a loss of values in [0, 1] their
    thresholds are in that unit.

    In training, weights are of costs of scaled rows, and in `score_samples` of costs in the user's unit. Where those differ and the losses
    do not change with the unit alike, as the squared and the absolute error do not, give rows of about unit variance and
    pass scaling=None, so that both are the same. It costs what its losses cost together.

    Attributes:
        losses: parts or their names.
        weights: how much each counts, as many as there are losses; traced, so that a search over them compiles once.

    References:
        Zhao, Gallo, Frosio & Kautz, Loss Functions for Neural Networks for Image Processing, 2015, arXiv:1511.08861, section 3: why to
        mix, and how much of each.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> loss = Weighted(("squared_error", "absolute_error"), (1.0, 0.5))
        >>> weights = loss.init((1,), rng=np.random.default_rng(0))  # those of the losses, which these have none of
        >>> float(loss(weights, jnp.zeros((1, 1)), jnp.full((1, 1), 3.0))[0])  # 9 + 3 / 2
        10.5
    """

    losses: tuple[AbstractLoss, ...] = (SquaredError(), AbsoluteError())
    weights: tuple[NonNegative, ...] = (1.0, 1.0)

    def check(self) -> None:
        if not self.losses or len(self.losses) != len(self.weights):
            raise PartError(
                f"`weighted` takes one weight for each loss, and at least one loss; got {len(self.losses)} losses and "
                f"{len(self.weights)} weights."
            )
        for what, common in (("link", "identity"), ("domain", "real")):
            found = {getattr(loss, what): loss for loss in self.losses}
            found.pop(common, None)
            if len(found) > 1:
                listed = ", ".join(f"{loss!r} has {name!r}" for name, loss in found.items())
                raise PartError(
                    f"The losses of `weighted` must have one {what}, those of {what} {common!r} apart: {listed}. Choose losses for the "
                    "same kind of data; for columns of different kinds, see `Columns`."
                )

    def check_parts(self, parts: Any) -> None:
        for loss in self.losses:
            loss.check_parts(parts)
            allowed = self.output_shape(parts.data_shape) if loss.link == self.link else parts.data_shape
            given = loss.output_shape(parts.data_shape)
            if given != allowed:
                raise PartError(f"The losses of `weighted` must take outputs of one shape, {allowed}; for {loss!r} it is {given}.")

    @property
    def link(self) -> str:
        return self._leading.link

    @property
    def domain(self) -> Domain:
        domains: list[Domain] = [loss.domain for loss in self.losses if loss.domain != "real"]
        return domains[0] if domains else "real"

    @property
    def is_bounded(self) -> bool:
        return all(loss.is_bounded for loss in self.losses)

    @property
    def is_separable(self) -> bool:
        return all(loss.is_separable for loss in self.losses)

    def init(self, shape: Shape, *, rng: np.random.Generator) -> Tree:
        return tuple(loss.init(shape, rng=rng) for loss in self.losses)

    def init_state(self, shape: Shape) -> Tree:
        return tuple(loss.init_state(shape) for loss in self.losses)

    def next_state(self, weights: Tree, state: Tree, outputs: Any, x: Data, mask: Mask) -> Tree:
        several = outputs.ndim > 1 + len(self.output_shape(x.shape[1:]))
        data = jax.vmap(self.mean)(outputs) if several else self.mean(outputs)
        return next_states(self._given(outputs, data, x), weights, state, mask)

    def at_state(self, weights: Tree, state: Tree) -> Tree:
        return at_states(self.losses, weights, state)

    def output_shape(self, shape: Shape) -> Shape:
        return self._leading.output_shape(shape)

    def check_rows(self, rows: np.ndarray) -> None:
        for loss in self.losses:
            loss.check_rows(rows)

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        total: Any = 0.0
        for (loss, given, data), weight, own in zip(self._given(outputs, self.mean(outputs), x), self.weights, weights, strict=True):
            total = total + weight * loss(own, given, data)
        return total

    def mean(self, outputs: Outputs) -> Data:
        return self._leading.mean(outputs)

    def start(self, mean: np.ndarray) -> np.ndarray:
        return self._leading.start(mean)

    def rescaled(self, scale: np.ndarray | Array) -> "Weighted":
        # Where values must lie in [0, 1] those are the unit of thresholds too, in training as in `score_samples`.
        if self.domain == "unit_interval":
            return self
        losses = [loss.rescaled(scale) for loss in self.losses]
        return jax.tree.unflatten(jax.tree.structure(self), jax.tree.leaves((losses, self.weights)))

    def _given(self, outputs: Any, reconstruction: Any, x: Data) -> list[tuple[AbstractLoss, Any, Any]]:
        """Each loss with what it judges, raw outputs or the reconstruction, and the data."""
        return [(loss, outputs if loss.link == self.link else reconstruction, x) for loss in self.losses]

    @property
    def _leading(self) -> AbstractLoss:
        """The loss that says what raw outputs are."""
        return next((loss for loss in self.losses if loss.link != "identity"), self.losses[0])
