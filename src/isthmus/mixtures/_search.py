"""From a table to the best mixture that many starts lead to.

```
all starts            short runs on a few thousand rows, as one program, judged by rows held out     ── the best of them
a few                 longer runs, each on rows of its own, a component moved at random now and then
the same              runs on all rows until they gain too little; the one of the highest value is kept
```
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._base import AbstractCovariance, Mixture, Prior, common_factor
from ._em import NOTHING_FIXED, Chunks, Fixed, Limits, Run
from ._passes import added, compiled_run, labeled_moments, run_blocks, updated
from ._rows import Table, Whitening
from ._starts import Starts, neutral_mixture, run_starts, seeded_labels
from ._swaps import Moves, run_swaps

__all__ = ["Search", "Setting", "best_mixture", "finished", "labeled_mixture", "nearest_labels"]

_FEW_ROWS, _MORE_ROWS = 5000, 5000
_SHORT, _LONGER = Limits(1e-4, 50), Limits(1e-4, 20)
_PER_PROGRAM = 2**25  # numbers that starts may need together


class Search(NamedTuple):
    """How thorough a search is.

    Attributes:
        kinds: of starts, taken in turn: whether any row may be a center, steps of k-means, whether distances are those of whitened rows.
        n_starts: short runs.
        n_kept: of them that go on.
        n_swaps: how often each of these tries to move a component.
        n_refined: of them that are run on all rows.
        limits: of the runs on all rows.
        prior: what is believed of the covariances.
        accelerated: whether runs on all rows extrapolate.
    """

    kinds: Sequence[tuple[bool, int, bool]]
    n_starts: int
    n_kept: int
    n_swaps: int
    n_refined: int
    limits: Limits
    prior: Prior
    accelerated: bool


class Setting(NamedTuple):
    """What stays the same in all runs of a search.

    Attributes:
        covariance: the structure.
        n_components: how many components.
        whitening: how rows are scaled.
        dtype: of the computation.
    """

    covariance: AbstractCovariance
    n_components: int
    whitening: Whitening
    dtype: Any


def best_mixture(setting: Setting, table: Table, search: Search, rng: np.random.Generator) -> Run:
    """The run of the highest value, in the unit of whitened rows.

    Args:
        setting: the structure and how rows are scaled.
        table: the rows.
        search: how thorough.
        rng: decides which rows are looked at first, and all starts.
    """
    counted = np.flatnonzero(table.weight > 0)
    order = counted[rng.permutation(len(counted))]
    few, more = table.taken(order[:_FEW_ROWS]), table.taken(order[:_MORE_ROWS])
    held = table.taken(order[_FEW_ROWS : 2 * _FEW_ROWS]) if len(order) >= 2 * _FEW_ROWS else more
    kept = _short_runs(setting, few, held, search, rng)
    if search.n_swaps:
        parts = [more] * len(kept.value)
        if len(order) > len(more.x):
            parts = [table.taken(rng.permutation(order)[: len(more.x)]) for _ in parts]
        filled, rows = (_stacked([view(setting, part) for part in parts]) for view in (_filled, _whole))
        shape = len(parts), search.n_swaps + 1
        moves = Moves(rng.integers(setting.n_components, size=shape), rng.integers(len(more.x), size=shape))
        swapped = run_swaps(setting.covariance, kept.mixture, filled, rows, (_LONGER, search.prior), moves)
        kept = jax.device_get(swapped)  # in their order: values on other rows do not compare
    candidates = [jax.tree.map(lambda leaf, index=index: leaf[index], kept.mixture) for index in range(len(kept.value))]
    runs = [finished(setting, each, table, search) for each in candidates[: search.n_refined]]
    return runs[int(_order([float(run.value) for run in runs])[0])]


def finished(setting: Setting, mixture: Mixture, table: Table, search: Search, fixed: Fixed = NOTHING_FIXED) -> Run:
    """A run on all rows from one mixture of whitened rows.

    Args:
        setting: the structure and how rows are scaled.
        mixture: where to start.
        table: the rows.
        search: its limits, its prior, and whether it is accelerated.
        fixed: what is not to move.
    """
    blocks = functools.partial(table.blocks, setting.whitening, setting.n_components, setting.dtype)
    mixture = jax.tree.map(functools.partial(jnp.asarray, dtype=setting.dtype), mixture)
    if table.n_blocks(setting.n_components, setting.dtype) > 1:
        return run_blocks(setting.covariance, mixture, blocks, search.limits, search.prior, fixed, accelerated=search.accelerated)
    rows = next(blocks())
    return compiled_run(setting.covariance, mixture, rows, search.limits, search.prior, fixed, accelerated=search.accelerated)


def nearest_labels(setting: Setting, table: Table, search: Search, means: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """The number of the nearest mean of each row, (rows,), in whitened distances; without means, of the nearest center of k-means.

    Args:
        setting: the structure and how rows are scaled.
        table: the rows.
        search: the first of its kinds of starts is taken.
        means: (components, dims), in the rows' unit.
        rng: decides where k-means starts.
    """
    if means is not None:
        centers = setting.whitening(means)
    else:
        few = table.taken(rng.permutation(np.flatnonzero(table.weight > 0))[:_FEW_ROWS])
        filled = _filled(setting, few)
        view = _view(setting, few, filled, whitened=True)
        uniform, n_steps, _ = search.kinds[0]
        start = Starts(rng.uniform(size=setting.n_components).astype(setting.dtype), jnp.asarray(uniform), jnp.asarray(n_steps))
        weight = filled.weight.reshape(-1)
        found = np.asarray(seeded_labels(view, weight, setting.n_components, start))
        shares = np.asarray(weight) * (np.arange(setting.n_components)[:, None] == found)
        centers = shares @ np.asarray(view) / np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    labels = np.empty(len(table.x), np.int32)
    for start_row in range(0, len(table.x), _MORE_ROWS):
        part = np.nan_to_num(setting.whitening(table.x[start_row : start_row + _MORE_ROWS]))
        labels[start_row : start_row + len(part)] = np.argmin(np.sum(centers**2, axis=1) - 2.0 * part @ centers.T, axis=1)
    return labels


def labeled_mixture(setting: Setting, table: Table, labels: np.ndarray, prior: Prior) -> Mixture:
    """The mixture of whitened rows that are told apart already, in NumPy arrays.

    Args:
        setting: the structure and how rows are scaled.
        table: the rows; where values are missing they count as means.
        labels: (rows,), the number of each row's component.
        prior: what is believed of the covariances.
    """
    before = neutral_mixture(setting.covariance, setting.n_components, table.x.shape[1], setting.dtype)
    moments: Any = None
    for numbers, rows in table.numbered_blocks(setting.whitening, setting.n_components, setting.dtype):
        # Zero, which stands where a value is missing, is the mean of whitened rows.
        own = labeled_moments(setting.covariance, jnp.asarray(labels[numbers], jnp.int32), rows._replace(observed=None), before)
        moments = added(moments, own)
    moments = jax.tree.map(functools.partial(jnp.asarray, dtype=setting.dtype), moments)
    return jax.tree.map(functools.partial(np.asarray, dtype=np.float64), updated(setting.covariance, moments, before, prior))


def _short_runs(setting: Setting, few: Table, held: Table, search: Search, rng: np.random.Generator) -> Run:
    """The best of all starts, in NumPy arrays."""
    filled, rows, judges = _filled(setting, few), _whole(setting, few), _whole(setting, held)
    settings = (_SHORT, Prior(float(few.x.shape[1]), 0.0), search.prior)
    found = []
    for kinds in _programs(search, setting.n_components * (few.x.shape[1] ** 2 + 2 * rows.x.shape[2])):
        view = _view(setting, few, filled, whitened=kinds[0][2])
        chance = rng.uniform(size=(len(kinds), setting.n_components)).astype(setting.dtype)
        starts = Starts(chance, *(np.array([kind[field] for kind in kinds]) for field in (0, 1)))
        runs = run_starts(setting.covariance, setting.n_components, view, filled, rows, judges, starts, settings)
        found.append(jax.device_get(runs))
    runs, scores = jax.tree.map(lambda *leaves: np.concatenate(leaves), *found)
    return _best(runs, scores, max(search.n_kept, search.n_refined))


def _programs(search: Search, numbers_each: int) -> list[list[tuple[bool, int, bool]]]:
    """The kinds of starts that are run together: all of one metric, as many in each program, and no more than memory holds."""
    kinds = [search.kinds[index % len(search.kinds)] for index in range(search.n_starts)]
    groups = [own for whitened in (True, False) if (own := [kind for kind in kinds if kind[2] == whitened])]
    size = min(max(_PER_PROGRAM // numbers_each, 1), max(map(len, groups)))
    # One size, so that one program is compiled; what is missing in the last of a group is made up by more starts of its kinds.
    return [[own[(first + index) % len(own)] for index in range(size)] for own in groups for first in range(0, len(own), size)]


def _stacked(chunks: list[Chunks]) -> Chunks:
    """Chunks of as many rows each, with a first axis of tables."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *chunks)


def _best(runs: Run, scores: Any, n: int) -> Run:
    """The `n` runs of the highest scores, the best first."""
    order = _order(scores)[:n]
    return jax.tree.map(lambda leaf: leaf[order], runs)


def _order(scores: Any) -> np.ndarray:
    """Which score is the highest, which comes next and so on; what is no number comes last.

    Scores that differ by rounding are equal, and the first comes first: starts that lead to one mixture would else change places in
    another unit of the rows, and with them the components' numbers.
    """
    return np.argsort(-np.round(np.nan_to_num(np.asarray(scores, np.float64), nan=-np.inf), 8), kind="stable")


def _view(setting: Setting, table: Table, filled: Chunks, *, whitened: bool) -> Any:
    """The rows of `filled`, (rows, dims), whitened, or in the proportions that their columns have."""
    if whitened:
        return jnp.swapaxes(filled.x, 1, 2).reshape(-1, filled.x.shape[1])
    center, covariance = table.moments()
    x = np.nan_to_num((table.x - center) * common_factor(covariance)).astype(setting.dtype)
    return jnp.asarray(np.pad(x, ((0, filled.weight.size - len(x)), (0, 0))))


def _whole(setting: Setting, table: Table) -> Chunks:
    """All rows of a small table."""
    return table.whole(setting.whitening, setting.n_components, setting.dtype)


def _filled(setting: Setting, table: Table) -> Chunks:
    """All rows of a small table, with means where values are missing."""
    if not table.has_missing:
        return _whole(setting, table)
    return _whole(setting, Table(np.where(np.isnan(table.x), setting.whitening.center, table.x), table.weight))
