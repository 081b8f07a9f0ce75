import abc
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._component import part_name
from isthmus._numerics import sum_features
from isthmus._types import Code, Fraction, Hidden, Key, Mask, NonNegative, PositiveInt, Scalar, Shape, Tree
from isthmus.errors import PartError
from isthmus.priors import BoundPrior

from ._base import AbstractBottleneck, Latent
from ._clusters import cluster_centers, nearest_center, thinned

_NEVER_ZERO = 1e-12


class Codebooks(NamedTuple):
    """What training updates without a gradient, for each of the codebooks that a vector passes.

    Attributes:
        sizes: (n_stages, n_codes), moving averages of how many vectors of a batch an entry stands for.
        entries: (n_stages, n_codes, n_numbers), moving averages of those vectors; where entries are learned by gradient, what revival
            has added to the learned ones.
        n_revived: entries that were put elsewhere so far.
    """

    sizes: Any
    entries: Any
    n_revived: Any


class Stage(NamedTuple):
    """What one codebook does with a batch of vectors.

    Attributes:
        residual: (vectors, n_numbers), what it was given.
        indices: (vectors,), the nearest entries' numbers.
        chosen: (vectors, n_numbers), the entries themselves.
    """

    residual: Any
    indices: Any
    chosen: Any


class AbstractCodebook(AbstractBottleneck):
    """Vectors of numbers that are replaced by entries of learned codebooks, one after the other, each on what is left."""

    n_codes: PositiveInt = 64
    _: KW_ONLY
    n_groups: PositiveInt = 1
    commitment: NonNegative = 0.25
    update: Literal["moving_average", "gradient"] = "moving_average"
    decay: Fraction = 0.99
    dead_below: NonNegative = 0.1
    revival: bool = True

    @property
    @abc.abstractmethod
    def depth(self) -> int:
        """How many codebooks a vector passes."""

    def check_parts(self, parts: Any) -> None:
        name, shape = part_name(type(self)), parts.latent_shape
        if len(shape) != 1 or shape[0] % self.n_groups:
            raise PartError(
                f"The bottleneck {name!r} parts a code of one axis into `n_groups`={self.n_groups} vectors of equal length; codes have the "
                f"shape {shape}. Choose a `latent_dim` that is a multiple of `n_groups`."
            )

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        entries = rng.normal(size=(self.depth, self.n_codes, latent_shape[0] // self.n_groups))
        return self._of_entries(entries)

    def start(self, weights: Tree, state: Tree, hidden: Callable[[], np.ndarray], *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        rows = hidden()
        left = thinned(rows.reshape(-1, rows.shape[-1] // self.n_groups), self.n_codes, rng=rng)
        entries = []
        for _ in range(self.depth):
            entries.append(cluster_centers(left, self.n_codes, rng=rng))
            left = left - entries[-1][nearest_center(left, entries[-1])]
        return self._of_entries(np.stack(entries))

    def __call__(
        self, weights: Tree, state: Codebooks, hidden: Hidden, prior: BoundPrior | None, *, mask: Mask, progress: Any, key: Key
    ) -> tuple[Latent, Tree]:
        vectors = self._vectors(hidden)
        stages = self._stages(weights, state, vectors)
        code = jnp.zeros_like(vectors)
        terms = {name: jnp.zeros(mask.shape) for name in self.term_weights(progress)}
        for stage in stages:
            code = code + jax.lax.stop_gradient(stage.chosen)
            terms["commitment"] += self._row_squares(vectors - code, mask)
            if "codebook" in terms:
                terms["codebook"] += self._row_squares(jax.lax.stop_gradient(stage.residual) - stage.chosen, mask)
        # The difference is zero, and the code the entries to the last bit; its gradient is the encoder's.
        code = (code + (vectors - jax.lax.stop_gradient(vectors))).reshape(hidden.shape)
        weight = jnp.repeat(mask, self.n_groups)
        state, reports = jax.lax.stop_gradient(self._next(weights, state, stages, weight, key))
        return Latent(code, terms, reports=reports), state

    def encode(self, weights: Tree, state: Codebooks, hidden: Hidden) -> Code:
        return self.nearest(weights, state, hidden)

    def indices(self, weights: Tree, state: Codebooks, hidden: Hidden) -> Any:
        by_stage = jnp.stack([stage.indices for stage in self._stages(weights, state, self._vectors(hidden))])
        return by_stage.T.reshape(hidden.shape[0], self.n_groups * self.depth)

    def nearest(self, weights: Tree, state: Codebooks, code: Code) -> Code:
        stages = self._stages(weights, state, self._vectors(code))
        return sum((stage.chosen for stage in stages), start=jnp.zeros(())).reshape(code.shape)

    def term_weights(self, progress: Scalar | float) -> Mapping[str, Any]:
        return {"commitment": self.commitment} | ({"codebook": 1.0} if self.update == "gradient" else {})

    def _vectors(self, hidden: Any) -> Any:
        return hidden.reshape(-1, hidden.shape[-1] // self.n_groups)

    def _row_squares(self, difference: Any, mask: Mask) -> Any:
        return sum_features(jnp.square(difference).reshape(*mask.shape, -1))

    def _of_entries(self, entries: np.ndarray) -> tuple[Tree, Tree]:
        """Weights and state with these entries, each as good as seen once."""
        entries = entries.astype(np.float32)
        sizes, none = np.ones(entries.shape[:2], np.float32), np.zeros((), np.float32)
        if self.update == "gradient":
            return entries, Codebooks(sizes, np.zeros_like(entries), none)
        return (), Codebooks(sizes, entries, none)

    def _entries(self, weights: Tree, state: Codebooks) -> Any:
        return jnp.asarray(weights + state.entries if self.update == "gradient" else state.entries)

    def _stages(self, weights: Tree, state: Codebooks, vectors: Any) -> list[Stage]:
        stages = []
        for entries in self._entries(weights, state):
            squares = jnp.sum(jnp.square(entries), axis=1)
            products = jnp.matmul(vectors, entries.T, precision="highest")
            indices = jax.lax.stop_gradient(jnp.argmin(squares - 2.0 * products, axis=1)).astype(jnp.int32)
            stages.append(Stage(vectors, indices, self._chosen(entries, indices)))
            vectors = vectors - stages[-1].chosen
        return stages

    def _chosen(self, entries: Any, indices: Any) -> Any:
        if self.update == "moving_average":
            return entries[indices]
        # The gradient of this product is a product too, and not a scattered sum, whose order is not fixed on every device.
        return jnp.matmul(jax.nn.one_hot(indices, self.n_codes), entries, precision="highest")

    def _next(self, weights: Tree, state: Codebooks, stages: list[Stage], weight: Any, key: Key) -> tuple[Codebooks, dict[str, Any]]:
        """The next state, and how much of the codebooks is in use; `weight` is 0 for vectors of padding."""
        entries, keys = self._entries(weights, state), jax.random.split(key, self.depth)
        results = [self._next_codebook(*each, weight) for each in zip(state.sizes, entries, stages, keys, strict=True)]
        sizes, moved, dead, perplexities = (jnp.stack(each) for each in zip(*results, strict=True))
        if self.update == "gradient":
            moved = state.entries + jnp.where(dead[..., None], moved - entries, 0.0) if self.revival else state.entries
        n_revived = state.n_revived + (jnp.sum(dead) if self.revival else 0.0)
        reports = {"perplexity": jnp.mean(perplexities), "dead_codes": jnp.mean(dead), "revived_codes": n_revived}
        return Codebooks(sizes, moved, n_revived), reports

    def _next_codebook(self, sizes: Any, entries: Any, stage: Stage, key: Key, weight: Any) -> tuple[Any, Any, Any, Any]:
        """Sizes and entries of one codebook after a batch, which entries had been dead, and the batch's perplexity."""
        members = jax.nn.one_hot(stage.indices, self.n_codes) * weight[:, None]
        counts = jnp.sum(members, axis=0)
        sums = jnp.matmul(members.T, stage.residual, precision="highest")
        sizes = self.decay * sizes + (1.0 - self.decay) * counts
        share = (1.0 - self.decay) / jnp.maximum(sizes, _NEVER_ZERO)
        entries = entries + share[:, None] * (sums - counts[:, None] * entries)
        used = counts / jnp.maximum(jnp.sum(counts), 1.0)
        perplexity = jnp.exp(-jnp.sum(used * jnp.log(jnp.where(used > 0.0, used, 1.0))))
        usual = jnp.mean(sizes)
        dead = sizes < self.dead_below * usual
        if self.revival:
            sizes = jnp.where(dead, usual, sizes)
            entries = jnp.where(dead[:, None], _random_rows(stage.residual, weight, self.n_codes, key=key), entries)
        return sizes, entries, dead, perplexity


def _random_rows(rows: Any, weight: Any, n: int, *, key: Key) -> Any:
    """`n` of the rows that count, each drawn from all of them."""
    n_rows = jnp.sum(weight)
    number = jnp.minimum(jnp.floor(jax.random.uniform(key, (n,)) * n_rows) + 1.0, n_rows)
    return rows[jnp.searchsorted(jnp.cumsum(weight), number)]
