"""The compiled run: any number of steps, epochs included, without the host.

```
chunk: while steps are left and somebody is running
    epoch's end?  evaluate ── keep the best ── stop? failed? ── write history       (once an epoch)
    until the epoch's end or the chunk's: gather rows ── one step ── add up its terms
```

Floats of objective and optimizer, counts, seeds and limits are arguments. The program is compiled once for each structure.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ._data import Rows
from ._plan import STATUSES, Limits
from ._update import evaluated, initial_optimizer_state, moved, resumed

__all__ = ["Arguments", "Carry", "Programs", "Settings", "Verdict", "initial_carry", "program", "term_names", "trace_count"]

RUNNING, MAX_EPOCHS, PATIENCE, TARGET_LOSS, DIVERGED = (float(code) for code in range(5))
FAILED = -1.0  # not finite just now: the host decides between another try and DIVERGED
assert STATUSES[int(DIVERGED)] == "diverged"

_MEMBERS = "members"
_traces: list[Any] = []


def trace_count() -> int:
    """How many training programs have been compiled in this process.

    Example:
        >>> trace_count() >= 0
        True
    """
    return len(_traces)


class Settings(NamedTuple):
    """What is compiled in beside the structure of the arguments.

    Attributes:
        batch_size: rows a step.
        n_epochs: the most epochs of one chunk: so many orders and rows of history it holds.
        members: whether the leading axis of weights, floats and seeds counts members.
    """

    batch_size: int
    n_epochs: int
    members: bool


class Carry(NamedTuple):
    """Everything that changes in a run. Members share the three clocks; the rest is each member's own."""

    step: Any
    epoch: Any
    batch: Any
    n_running: Any
    own: "Own"


class Own(NamedTuple):
    """What each member of a population has for itself; `verdict` is a `Verdict` as one array, which compiles faster."""

    weights: Any
    optimizer_state: Any
    state: Any
    sums: Any
    best_weights: Any
    best_state: Any
    verdict: Any
    history: Any


class Verdict(NamedTuple):
    """What the epochs' ends have decided so far; all of the default precision, in which whole numbers are exact.

    Attributes:
        status: an index of `STATUSES`.
        n_epochs: finished while running.
        best_value: of the monitored values.
        best_epoch: where it was seen.
        reference: the last value that counted as an improvement.
        waited: epochs since.
        rate_scale: the factor that failures, and the schedule at plateaus, have left of the rate.
        n_rollbacks: how many failures there were.
    """

    status: Any
    n_epochs: Any
    best_value: Any
    best_epoch: Any
    reference: Any
    waited: Any
    rate_scale: Any
    n_rollbacks: Any


class Arguments(NamedTuple):
    """What a chunk is given and does not change."""

    objective: Any
    optimizer: Any
    seed: Any
    limits: Limits
    training: Rows
    validation: Rows | None
    shared: Any


def term_names(arguments: Arguments, weights: Any, state: Any) -> tuple[list[str], list[str]]:
    """The names of the history's columns: of training, `loss` first, and of validation, none where there are no such rows."""

    def names(is_training: bool) -> list[str]:
        def terms(arguments: Arguments, weights: Any, state: Any) -> Any:
            rows = jax.tree.map(lambda array: array[:1], arguments.training.arrays)
            key = jax.random.wrap_key_data(arguments.seed, impl="threefry2x32")
            options = {"key": key, "progress": 0.0, "training": is_training}
            return arguments.objective(weights, state, rows, arguments.shared, jnp.ones(1), **options).terms

        return ["loss", *sorted(jax.eval_shape(terms, arguments, weights, state))]

    return names(True), [] if arguments.validation is None else names(False)


def initial_carry(settings: Settings, arguments: Arguments, weights: Any, state: Any, optimizer_state: Any) -> Carry:
    """The carry before the first step of one member; `optimizer_state` is that of an earlier run to go on with, or None."""
    start = weights
    if optimizer_state is None:
        optimizer_state = initial_optimizer_state(arguments.optimizer, weights)
    else:
        start = resumed(arguments.optimizer, optimizer_state, weights)
    training_terms, validation_terms = term_names(arguments, weights, state)
    verdict = Verdict(RUNNING, 0.0, jnp.inf, 0.0, jnp.inf, 0.0, 1.0, 0.0)
    own = Own(
        weights=jax.tree.map(jnp.copy, start),
        # An optimizer may start from numbers without a precision of their own, and after a step they have one: that compiles twice.
        optimizer_state=jax.tree.map(lambda leaf: jnp.array(leaf, jnp.result_type(leaf)), optimizer_state),
        state=jax.tree.map(jnp.copy, state),
        sums=jnp.zeros(len(training_terms) + 1),
        best_weights=jax.tree.map(jnp.copy, weights),
        best_state=jax.tree.map(jnp.copy, state),
        verdict=jnp.array(verdict),
        history=jnp.zeros((settings.n_epochs, len(training_terms) + len(validation_terms))),
    )
    # The run begins at the end of "epoch -1": the initial weights are evaluated first, and may turn out to be the best.
    return Carry(step=jnp.int32(0), epoch=jnp.int32(-1), batch=jnp.int32(arguments.limits.n_batches), n_running=jnp.int32(1), own=own)


class Programs(NamedTuple):
    """The compiled functions of one structure."""

    start: Callable[..., Carry]
    chunk: Callable[..., Carry]
    recover: Callable[..., Carry]


@functools.lru_cache(maxsize=32)
def program(settings: Settings, structure: Any) -> Programs:
    """The compiled functions for one structure.

    Args:
        settings: shapes that are no argument's.
        structure: the treedef of objective and optimizer; it is here so that the cache is bounded by structures, and programs
            that fell out of it are freed.
    """
    arguments: Any = Arguments(0, 0, 0, None, None, None, None)  # pyright: ignore[reportArgumentType]  # axes in the place of arrays
    carry: Any = Carry(None, None, None, None, 0)  # pyright: ignore[reportArgumentType]  # likewise

    def compiled(function: Callable[..., Carry], in_axes: tuple[Any, ...], **options: Any) -> Callable[..., Carry]:
        function = functools.partial(function, settings)
        if settings.members:
            function = jax.vmap(function, in_axes=in_axes, out_axes=carry, axis_name=_MEMBERS)
        return jax.jit(function, **options)

    return Programs(
        start=compiled(initial_carry, (arguments, 0, 0, 0)),
        chunk=compiled(_chunk, (arguments, 0, None, carry), donate_argnums=3),
        recover=compiled(_recovered, (arguments, carry)),
    )


def _recovered(settings: Settings, arguments: Arguments, carry: Carry) -> Carry:
    """Failed members go back to their best weights, at a tenth of the rate, until they have done so too often."""
    own, verdict = carry.own, Verdict(*carry.own.verdict)
    failed = verdict.status == FAILED
    final = verdict.n_rollbacks >= arguments.limits.rollbacks
    status = jnp.where(failed, jnp.where(final, DIVERGED, RUNNING), verdict.status)
    verdict = verdict._replace(
        status=status,
        rate_scale=jnp.where(failed, 0.1 * verdict.rate_scale, verdict.rate_scale),
        n_rollbacks=verdict.n_rollbacks + failed,
    )
    own = own._replace(
        weights=_choose(failed, own.best_weights, own.weights),
        optimizer_state=_choose(failed, initial_optimizer_state(arguments.optimizer, own.best_weights), own.optimizer_state),
        state=_choose(failed, own.best_state, own.state),
        verdict=jnp.stack(verdict),
    )
    n_running = (status == RUNNING).astype(jnp.int32)
    return carry._replace(n_running=jax.lax.psum(n_running, _MEMBERS) if settings.members else n_running, own=own)


def _chunk(settings: Settings, arguments: Arguments, orders: Any, stop: Any, carry: Carry) -> Carry:
    """The run until step `stop`, or until everybody has stopped or one has failed, or until the chunk's epochs are used up."""
    _traces.append(settings)
    first_epoch, n_batches = carry.epoch, arguments.limits.n_batches

    def unfinished(carry: Carry) -> Any:
        return (carry.step < stop) & (carry.n_running > 0) & (carry.epoch - first_epoch < settings.n_epochs)

    def body(carry: Carry) -> Carry:
        at_end = functools.partial(_epoch_end, settings, arguments, first_epoch)
        carry = jax.lax.cond(carry.batch >= n_batches, at_end, lambda carry: carry, carry)
        return jax.lax.while_loop(
            lambda carry: (carry.step < stop) & (carry.n_running > 0) & (carry.batch < n_batches),
            functools.partial(_step, settings, arguments, orders, first_epoch),
            carry,
        )

    return jax.lax.while_loop(unfinished, body, carry)


def _step(settings: Settings, arguments: Arguments, orders: Any, first_epoch: Any, carry: Carry) -> Carry:
    objective, optimizer, _, limits, training, _, shared = arguments
    own = carry.own
    rows, mask = _batch(settings, training, orders, carry.epoch - first_epoch, carry.batch)
    n_steps = limits.max_epochs.astype(jnp.float32) * limits.n_batches  # as int32 it would overflow
    progress = jnp.minimum(carry.step / n_steps, 1.0)  # a failed last epoch is run again
    rate = optimizer.learning_rate * optimizer.schedule.factor(progress) * Verdict(*own.verdict).rate_scale
    key = jax.random.fold_in(jax.random.wrap_key_data(arguments.seed, impl="threefry2x32"), carry.step)

    def value(weights: Any) -> Any:
        return objective(weights, own.state, rows, shared, mask, key=key, progress=progress, training=True)

    result = moved(optimizer, objective, value, own.weights, own.optimizer_state, rate)
    own = own._replace(
        weights=result.weights,
        optimizer_state=result.optimizer_state,
        state=result.evaluation.state,
        sums=own.sums + _summed(result.evaluation, mask),
    )
    return carry._replace(step=carry.step + 1, batch=carry.batch + 1, own=own)


def _batch(settings: Settings, training: Rows, orders: Any, epoch: Any, batch: Any) -> tuple[Any, Any]:
    size = settings.batch_size
    if size >= training.capacity:
        return training.arrays, (jnp.arange(training.capacity) < training.count).astype(jnp.float32)
    chosen = jax.lax.dynamic_slice(orders, (epoch, batch * size), (1, size))[0]
    rows = jax.tree.map(lambda array: array.at[chosen].get(mode="promise_in_bounds"), training.arrays)
    return rows, (batch * size + jnp.arange(size) < training.count).astype(jnp.float32)


def _epoch_end(settings: Settings, arguments: Arguments, first_epoch: Any, carry: Carry) -> Carry:
    """Evaluate, keep the best, decide, write down."""
    own, epoch = carry.own, carry.epoch + 1
    weights = evaluated(arguments.optimizer, own.optimizer_state, own.weights)
    averages = own.sums[:-1] / own.sums[-1]  # 0 / 0 before the first step: nan, not shown
    values, monitored, finite = averages, averages[0], jnp.isfinite(averages[0]) | (epoch == 0)
    if arguments.validation is not None:
        validated = _validated(settings, arguments, weights, own.state)
        values, monitored = jnp.concatenate([averages, validated]), validated[0]
        finite = finite & jnp.isfinite(monitored)
    better, verdict = _decided(arguments, Verdict(*own.verdict), epoch, monitored, finite)
    own = own._replace(
        sums=jnp.zeros_like(own.sums),
        best_weights=_choose(better, weights, own.best_weights),
        best_state=_choose(better, own.state, own.best_state),
        verdict=jnp.stack(verdict),
        history=own.history.at[epoch - first_epoch - 1].set(values),
    )
    # A failure needs the host, which alone can send a member back; so everybody stops for it.
    n_running = (verdict.status == RUNNING).astype(jnp.int32)
    if settings.members:
        n_running = jax.lax.psum(n_running, _MEMBERS) * (jax.lax.psum(verdict.status == FAILED, _MEMBERS) == 0)
    return carry._replace(epoch=epoch, batch=jnp.int32(0), n_running=n_running, own=own)


def _decided(arguments: Arguments, verdict: Verdict, epoch: Any, monitored: Any, finite: Any) -> tuple[Any, Verdict]:
    """Whether these weights are the best so far, and the verdict after this epoch."""
    limits, schedule = arguments.limits, arguments.optimizer.schedule
    running = verdict.status == RUNNING
    counts = running & finite
    better = counts & (monitored < verdict.best_value)
    margin = jnp.where(jnp.isfinite(verdict.reference), limits.tol * jnp.abs(verdict.reference), 0.0)
    enough = counts & (monitored < verdict.reference - margin)
    waited = jnp.where(enough | (epoch == 0), 0.0, verdict.waited + 1.0)
    status = jnp.where(epoch >= limits.max_epochs, MAX_EPOCHS, RUNNING)
    status = jnp.where(waited >= limits.patience, PATIENCE, status)
    status = jnp.where(monitored <= limits.target_loss, TARGET_LOSS, status)
    status = jnp.where(finite, status, FAILED)
    return better, Verdict(
        status=jnp.where(running, status, verdict.status),
        n_epochs=jnp.where(running, epoch, verdict.n_epochs).astype(jnp.float32),
        best_value=jnp.where(better, monitored, verdict.best_value),
        best_epoch=jnp.where(better, epoch, verdict.best_epoch).astype(jnp.float32),
        reference=jnp.where(enough, monitored, verdict.reference),
        waited=waited,
        rate_scale=jnp.where(counts, schedule.plateau(verdict.rate_scale, waited), verdict.rate_scale),
        n_rollbacks=verdict.n_rollbacks,
    )


def _validated(settings: Settings, arguments: Arguments, weights: Any, state: Any) -> Any:
    """The objective and its terms on the validation rows, with the same random draws every time."""
    objective, validation = arguments.objective, arguments.validation
    assert validation is not None
    size = min(settings.batch_size, validation.capacity)
    seed_key = jax.random.wrap_key_data(arguments.seed, impl="threefry2x32")

    def block(index: Any, sums: Any) -> Any:
        start = jnp.minimum(index * size, validation.capacity - size)
        rows = jax.tree.map(lambda array: jax.lax.dynamic_slice_in_dim(array, start, size), validation.arrays)
        number = start + jnp.arange(size)
        mask = ((number >= index * size) & (number < validation.count)).astype(jnp.float32)
        key = jax.random.fold_in(seed_key, -1 - index)
        evaluation = objective(weights, state, rows, arguments.shared, mask, key=key, progress=1.0, training=False)
        return sums + _summed(evaluation, mask)

    n_blocks = (validation.count + size - 1) // size
    n_terms = jax.eval_shape(block, jnp.int32(0), jnp.float32(0.0)).shape
    sums = jax.lax.fori_loop(0, n_blocks, block, jnp.zeros(n_terms))
    return sums[:-1] / sums[-1]


def _summed(evaluation: Any, mask: Any) -> Any:
    """A batch's share of the sums whose quotients by the last one are the means over rows."""
    # In units of whole batches: counts of rows would stop at 2^24, where float32 has no next integer.
    terms = (evaluation.terms[name] for name in sorted(evaluation.terms))
    return jnp.mean(mask) * jnp.stack([evaluation.loss, *terms, jnp.float32(1.0)])


def _choose(condition: Any, yes: Any, no: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
