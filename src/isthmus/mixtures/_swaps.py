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
        component: (mixtures, tries).
        row: (mixtures, tries), of the mixture's own rows.
    """

    component: Any
    row: Any


@jax.jit
def run_swaps(covariance: AbstractCovariance, mixtures: Mixture, filled: Chunks, rows: Chunks, settings: Any, moves: Moves) -> Run:
    """Each of several mixtures after tries to move a component, each on rows of its own, one after the other in one program.

    A try takes a component away, puts it at a random row, with the spread and half the weight of the component that this row is likeliest
    of, runs some iterations, and is kept if the value is higher than before (Zhao, Hautamäki, Kärkkäinen & Fränti, Random swap EM
    algorithm for Gaussian mixture models, Pattern Recognition Letters 33, 2012). The first try moves nothing.

    Args:
        covariance: the structure.
        mixtures: with a first axis of mixtures.
        filled: `rows` in their order, without missing values.
        rows: that decide, with a first axis of mixtures. A few thousand rows may prefer an optimum that all of them do not; others prefer
            another.
        settings: `Limits` of the runs after each try, and the `Prior`.
        moves: what is tried.
    """
    limits, prior = settings

    def moved(mixture: Mixture, filled: Chunks, move: Moves) -> Mixture:
        n_chunk = filled.x.shape[2]
        index, row = move.component, filled.x[move.row // n_chunk, :, move.row % n_chunk]
        joint, _ = covariance.log_joint(covariance.prepared(mixture), row[:, None])
        owner = jnp.argmax(joint[:, 0].at[index].set(-jnp.inf))
        half = mixture.log_weight[owner] - jnp.log(2.0).astype(row.dtype)
        spread = mixture.spread
        if not covariance.is_shared:
            spread = jax.tree.map(lambda leaf: leaf.at[index].set(leaf[owner]), spread)
        log_weight = jax.nn.log_softmax(mixture.log_weight.at[owner].set(half).at[index].set(half))
        return Mixture(log_weight, mixture.mean.at[index].set(row), spread)

    def of_one(given: tuple[Mixture, Chunks, Chunks, Moves]) -> Run:
        mixture, filled, rows, moves = given

        def attempt(run: Run, step: tuple[Any, Moves]) -> tuple[Run, None]:
            number, move = step
            begin = jax.tree.map(functools.partial(jnp.where, number > 0), moved(run.mixture, filled, move), run.mixture)
            new = run_em(covariance, begin, rows, limits, prior)
            return jax.tree.map(functools.partial(jnp.where, new.value > run.value), new, run), None

        unknown = Run(mixture, jnp.full((), -jnp.inf, filled.x.dtype), jnp.int32(0), jnp.bool_(False))
        return jax.lax.scan(attempt, unknown, (jnp.arange(moves.row.shape[0]), moves))[0]

    return jax.lax.map(of_one, (mixtures, filled, rows, moves))
