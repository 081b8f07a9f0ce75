"""Out of local optima: one component moved to where some row is, and kept there if that is better (random swaps).

A component too many in one place and one too few in another is what expectation-maximization cannot mend by itself.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ._base import AbstractCovariance, Mixture
from ._em import Chunks, Run, run_em

__all__ = ["Moves", "run_swaps"]


class Moves(NamedTuple):
    """Which component is moved where, at each try of each mixture.

    Attributes:
        component: (tries, mixtures).
        row: (tries, mixtures), of the table.
    """

    component: Any
    row: Any


@jax.jit
def run_swaps(covariance: AbstractCovariance, mixtures: Mixture, filled: Chunks, rows: Chunks, settings: Any, moves: Moves) -> Run:
    """Each of several mixtures after tries to move a component, all as one program.

    A try takes a component away, puts it at a random row, with the spread and half the weight of the component that this row is likeliest
    of, runs some iterations, and is kept if the value is higher than before (Zhao, Hautamäki, Kärkkäinen & Fränti, Random swap EM
    algorithm for Gaussian mixture models, Pattern Recognition Letters 33, 2012). The first try moves nothing.

    Args:
        covariance: the structure.
        mixtures: with a first axis of mixtures.
        filled: `rows` in their order, without missing values.
        rows: that decide.
        settings: `Limits` of the runs after each try, and the `Prior`.
        moves: what is tried.
    """
    limits, prior = settings
    flat = jnp.swapaxes(filled.x, 1, 2).reshape(-1, filled.x.shape[1])

    def moved(mixture: Mixture, move: Moves) -> Mixture:
        index, row = move.component, flat[move.row]
        joint, _ = covariance.log_joint(covariance.prepared(mixture), row[:, None])
        owner = jnp.argmax(joint[:, 0].at[index].set(-jnp.inf))
        half = mixture.log_weight[owner] - jnp.log(2.0).astype(row.dtype)
        spread = mixture.spread
        if not covariance.is_shared:
            spread = jax.tree.map(lambda leaf: leaf.at[index].set(leaf[owner]), spread)
        log_weight = jax.nn.log_softmax(mixture.log_weight.at[owner].set(half).at[index].set(half))
        return Mixture(log_weight, mixture.mean.at[index].set(row), spread)

    def attempt(run: Run, step: tuple[Any, Moves]) -> tuple[Run, None]:
        number, move = step
        begin = jax.tree.map(functools.partial(jnp.where, number > 0), jax.vmap(moved)(run.mixture, move), run.mixture)
        new = jax.vmap(lambda mixture: run_em(covariance, mixture, rows, limits, prior))(begin)
        return jax.tree.map(functools.partial(_where, new.value > run.value), new, run), None

    n_tries, n = moves.row.shape
    unknown = Run(mixtures, jnp.full(n, -jnp.inf, flat.dtype), jnp.zeros(n, jnp.int32), jnp.zeros(n, bool))
    best, _ = jax.lax.scan(attempt, unknown, (jnp.arange(n_tries), moves))
    return best


def _where(chosen: Any, a: Any, b: Any) -> Any:
    return jnp.where(chosen.reshape(-1, *(1 for _ in range(a.ndim - 1))), a, b)
