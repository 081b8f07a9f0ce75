import abc
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._component import part_name
from isthmus._types import Hidden, Key, Mask, NonNegative, Positive, Shape, Tree
from isthmus.errors import PartError
from isthmus.priors import BoundPrior

from ._base import AbstractBottleneck, Latent


class Units(NamedTuple):
    """What training updates without a gradient.

    Attributes:
        idle: for each dimension of the code the steps since a row made use of it.
        own: what the rule of selection keeps.
    """

    idle: Any
    own: Tree


class Selection(NamedTuple):
    """What a rule of selection makes of a batch.

    Attributes:
        code: (rows, units), zero where a unit is not in use.
        terms: per row, unweighted, by name.
        own: the rule's next state.
    """

    code: Any
    terms: Mapping[str, Any]
    own: Tree


class AbstractSparse(AbstractBottleneck):
    """Codes of many units, of which a row uses few, and what becomes of those that no row uses."""

    reports_explained_variance: ClassVar[bool] = True

    _: KW_ONLY
    dead_after: Positive = 100.0
    revival: NonNegative = 0.03125

    @abc.abstractmethod
    def selection(self, weights: Tree, own: Tree, hidden: Hidden, *, mask: Mask, progress: Any) -> Selection:
        """The units in use, in training and on validation rows.

        Args:
            weights: the bottleneck's own.
            own: the rule's state.
            hidden: the encoder's output for each row.
            mask: 1 for rows that count and 0 for padding.
            progress: the share of the training that is over; 1 on validation rows.
        """

    @property
    def fewest_units(self) -> int:
        """How many a code must have."""
        return 1

    def own_init(self) -> Tree:
        """The rule's state before training."""
        return ()

    def check_parts(self, parts: Any) -> None:
        name, shape = part_name(type(self)), parts.latent_shape
        if len(shape) != 1:
            raise PartError(
                f"The bottleneck {name!r} is for codes of one axis; these have the shape {shape}. Use 'deterministic' for others."
            )
        if self.fewest_units > shape[0]:
            raise PartError(
                f"`{name}.k`={self.fewest_units} is more than the `latent_dim`={shape[0]} units that there are. Give a smaller `k`, or a "
                "larger `latent_dim`: sparse codes are wide."
            )

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        return (), Units(np.zeros(latent_shape, np.float32), self.own_init())

    def __call__(
        self, weights: Tree, state: Units, hidden: Hidden, prior: BoundPrior | None, *, mask: Mask, progress: Any, key: Key
    ) -> tuple[Latent, Tree]:
        code, terms, own = self.selection(weights, state.own, hidden, mask=mask, progress=progress)
        in_use = code > 0.0
        dead = (state.idle >= self.dead_after).astype(code.dtype)
        # Zero in value: a dead unit is handed the gradient that it would have if it were just in use.
        pull = self.revival * dead * jnp.where(in_use, 0.0, hidden - jax.lax.stop_gradient(hidden))
        counted = mask[:, None] * in_use
        idle = jnp.where(jnp.any(counted > 0.0, axis=0), 0.0, state.idle + 1.0)
        n_used = jnp.sum(counted) / jnp.maximum(jnp.sum(mask), 1.0)
        reports = {"dead_units": jnp.mean(dead)} | ({} if "l0" in terms else {"l0": n_used})
        return Latent(code + pull, terms, reports=reports), Units(idle, own)


def n_in_use(k: int | None, n_units: int) -> int:
    """How many units a row uses: `k`, or an eighth of them."""
    return max(1, n_units // 8) if k is None else k
