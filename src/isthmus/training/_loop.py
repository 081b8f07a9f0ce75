import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from isthmus._types import Tree
from isthmus.optimizers import AbstractOptimizer

from ._data import Rows, random_orders
from ._interrupt import Interrupt
from ._plan import STATUSES, Limits, Plan, Progress, Status
from ._program import FAILED, Arguments, Carry, Programs, Settings, Verdict, program, term_names, trace_count
from ._refusals import check_penalties

__all__ = ["Result", "train"]

# The host is asked this often: it keeps Ctrl-C, a time limit and a progress bar prompt, and costs about a millisecond.
_CHUNK_SECONDS = 0.5
_FIRST_CHUNK_STEPS = 16
_FOREVER = 2**31 - 1
_CHUNK_EPOCHS = 128
_CHUNK_ORDERS = 2**21  # row numbers, 8 MB


class Result(NamedTuple):
    """What a run leaves. In a population each array has a leading axis of members, and the rest, clocks apart, are lists.

    Attributes:
        weights: the best, by the monitored value.
        state: that belongs to them.
        optimizer_state: after the last step.
        history: by name, one number an epoch.
        initial: the validation terms before the first step, by name.
        status: why the run ended.
        n_epochs: how many epochs were finished.
        best_epoch: after which of them the weights were taken; 0 for the initial ones.
        n_steps: optimizer steps taken.
        n_rollbacks: how often a loss was not finite.
        seconds: of the whole run.
        compile_seconds: of these, spent compiling.
    """

    weights: Tree
    state: Tree
    optimizer_state: Tree
    history: Any
    initial: Any
    status: Any
    n_epochs: Any
    best_epoch: Any
    n_steps: int
    n_rollbacks: Any
    seconds: float
    compile_seconds: float


def train(
    objective: Any,
    weights: Tree,
    state: Tree,
    rows: Rows,
    *,
    optimizer: AbstractOptimizer,
    plan: Plan,
    seed: Any,
    validation: Rows | None = None,
    shared: Tree = (),
    callbacks: Sequence[Callable[[Progress], object]] = (),
    members: int | None = None,
    optimizer_state: Tree | None = None,
) -> Result:
    """Minimize `objective` over `weights`; the one loop through which everything is trained.

    It knows nothing of autoencoders. `objective(weights, state, rows, shared, mask, *, key, progress, training)` returns an object
    with `loss` (minimized), `terms` (a dict of scalars, for the history) and `state`; it is a PyTree whose leaves are its floats,
    such as a `Component`, or a plain function. One with `is_proximal` true offers `shrink(weights, step_sizes)`, called after each step.

    Args:
        objective: what to minimize.
        weights: where to start; a PyTree of arrays.
        state: arrays that the objective updates itself.
        rows: the data.
        optimizer: how to move.
        plan: how long.
        seed: two uint32 words, from which shuffles and random draws follow; (members, 2) in a population.
        validation: rows that decide when to stop and which weights to keep; else the training loss does.
        shared: arrays that every batch sees whole.
        callbacks: called after each epoch, not in a population; one that raises ends the run with its error.
        members: how many members a population has: then the floats of objective and optimizer, weights, state and seed have a
            leading axis of that length, and all are trained as one program. None for a single run.
        optimizer_state: an earlier run's, to go on with; None for a fresh one.

    Returns:
        The best weights and how they were found. A loss that never became finite is a status, "diverged", not an error.

    Raises:
        PartError: the objective is proximal, and the optimizer has no step sizes.

    Example:
        >>> import jax.numpy as jnp, numpy as np
        >>> from isthmus.model import Evaluation
        >>> from isthmus.optimizers import GradientDescent
        >>> def squared(weights, state, rows, shared, mask, **options):
        ...     return Evaluation(jnp.sum(mask * (weights - rows) ** 2) / jnp.sum(mask), {}, state)
        >>> plan = Plan(max_epochs=50, batch_size=4)
        >>> seed = np.zeros(2, np.uint32)
        >>> start = np.float32(0)
        >>> data = Rows(np.array([1, 2, 3, 0], np.float32), 3)
        >>> round(float(train(squared, start, (), data, optimizer=GradientDescent(0.1), plan=plan, seed=seed).weights), 3)
        2.0
    """
    started = time.perf_counter()
    check_penalties(objective, optimizer)
    if callable(objective) and len(jax.tree.leaves(objective)) == 1 and jax.tree.leaves(objective)[0] is objective:
        objective = jax.tree_util.Partial(objective)
    batch_size = rows.capacity if optimizer.full_batch else min(plan.batch_size, rows.capacity)
    n_batches = 1 if batch_size >= rows.capacity else -(-int(rows.count) // batch_size)
    limits = Limits(
        max_epochs=np.int32(min(plan.max_epochs, _FOREVER)),
        n_batches=np.int32(n_batches),
        patience=np.int32(min(plan.patience or _FOREVER, _FOREVER)),
        tol=np.float32(plan.tol),
        target_loss=np.float32(-np.inf if plan.target_loss is None else plan.target_loss),
        rollbacks=np.int32(plan.rollbacks),
    )
    on_device = jax.device_put((_counted(rows), _counted(validation)))
    arguments = Arguments(objective, optimizer, seed, limits, training=on_device[0], validation=on_device[1], shared=shared)
    first = _member(arguments, weights, state, 0) if members else (arguments, weights, state)
    names = term_names(*first)
    order_length = 0 if batch_size >= rows.capacity else -(-rows.capacity // batch_size) * batch_size
    n_epochs = max(1, min(_CHUNK_EPOCHS, _CHUNK_ORDERS // max(1, order_length * (members or 1))))
    settings = Settings(batch_size, n_epochs, members is not None)
    programs = program(settings, jax.tree.structure((objective, optimizer)))
    run = _Run(programs, settings, arguments, plan, names, callbacks if members is None else (), started, members, order_length, [])
    n_traces = trace_count()
    carry = jax.block_until_ready(run.chunk(programs.start(arguments, weights, state, optimizer_state), stop=0))
    compile_seconds = time.perf_counter() - started if trace_count() > n_traces else 0.0
    carry, stopped = run.finish(carry)
    return _result(run, carry, stopped, time.perf_counter() - started, compile_seconds)


class _Run(NamedTuple):
    """The host's side of one run: chunks of a suitable length, the history, callbacks, and the two reasons to stop early."""

    programs: Programs
    settings: Settings
    arguments: Arguments
    plan: Plan
    names: tuple[list[str], list[str]]
    callbacks: Sequence[Callable[[Progress], object]]
    started: float
    members: int | None
    order_length: int
    rows: list[np.ndarray]

    @property
    def columns(self) -> list[str]:
        return [*self.names[0], *(f"val_{name}" for name in self.names[1])]

    def chunk(self, carry: Carry, *, stop: int) -> Carry:
        """The run until step `stop`, with the orders of the epochs that it may reach."""
        seeds, count = np.asarray(self.arguments.seed), int(self.arguments.training.count)
        shape = (self.settings.n_epochs + 1, self.order_length)
        epoch, n_epochs = int(carry.epoch), 0
        if self.order_length:
            n_epochs = min(shape[0], 2 + (stop - int(carry.step)) // int(self.arguments.limits.n_batches)) if stop else 0
        epochs = range(epoch, epoch + n_epochs)
        orders = [random_orders(seed, epochs, count, shape) for seed in seeds.reshape(-1, 2)]
        return self.programs.chunk(self.arguments, orders[0] if self.members is None else np.stack(orders), stop, carry)

    def finish(self, carry: Carry) -> tuple[Carry, Status | None]:
        """Chunk after chunk until the run is over; the second value says so when the host ended it."""
        n_steps, training_started = _FIRST_CHUNK_STEPS, time.perf_counter()
        with Interrupt() as interrupt:
            while True:
                epoch, step, chunk_started = int(carry.epoch), int(carry.step), time.perf_counter()
                carry = jax.block_until_ready(self.chunk(carry, stop=min(step + n_steps, _FOREVER)))
                now = time.perf_counter()
                self._record(carry, epoch, now, training_started)
                if np.any(Verdict(*np.moveaxis(np.asarray(carry.own.verdict), -1, 0)).status == FAILED):
                    carry = self.programs.recover(self.arguments, carry)
                if int(carry.n_running) == 0:
                    return carry, None
                if interrupt.requested:
                    return carry, "interrupted"
                left = math.inf if self.plan.max_seconds is None else self.plan.max_seconds - (now - self.started)
                if left <= 0:
                    return carry, "max_seconds"
                pace = (now - chunk_started) / max(1, int(carry.step) - step)
                n_steps = max(1, min(int(min(_CHUNK_SECONDS, left) / pace), 32 * n_steps, _FOREVER // 2))

    def _record(self, carry: Carry, epoch: int, now: float, training_started: float) -> None:
        history = np.asarray(carry.own.history)
        for finished in range(epoch + 1, int(carry.epoch) + 1):
            values = history[..., finished - epoch - 1, :]
            self.rows.append(values)
            if finished == 0 or not self.callbacks:
                continue
            pace = (now - training_started) / max(1.0, int(carry.step) / int(self.arguments.limits.n_batches))
            terms = dict(zip(self.columns, values.tolist(), strict=True))
            n_epochs = max(finished, self.plan.max_epochs)  # a failed last epoch is run again
            n_rollbacks = int(Verdict(*np.asarray(carry.own.verdict)).n_rollbacks)
            for callback in self.callbacks:
                callback(Progress(finished, n_epochs, terms, now - self.started, pace * (n_epochs - finished), n_rollbacks))


def _counted(rows: Rows | None) -> Rows | None:
    return None if rows is None else Rows(rows.arrays, np.int32(rows.count))


def _member(arguments: Arguments, weights: Tree, state: Tree, index: int) -> tuple[Arguments, Tree, Tree]:
    """One member's arguments, for looking at shapes."""
    floats, weights, state = jax.tree.map(lambda array: array[index], ((arguments[:3]), weights, state))
    return arguments._replace(objective=floats[0], optimizer=floats[1], seed=floats[2]), weights, state


def _result(run: _Run, carry: Carry, stopped: Status | None, seconds: float, compile_seconds: float) -> Result:
    verdicts = [Verdict(*verdict) for verdict in np.asarray(carry.own.verdict).reshape(-1, len(Verdict._fields)).tolist()]
    best_weights, best_state = jax.tree.map(np.asarray, (carry.own.best_weights, carry.own.best_state))
    if stopped is not None and not all(np.isfinite(verdict.best_value) for verdict in verdicts):
        # Ended before the first epoch did: nothing has been compared yet, so the latest weights are the best known.
        never = np.array([not np.isfinite(verdict.best_value) for verdict in verdicts])
        latest = jax.tree.map(np.asarray, (carry.own.weights, carry.own.state))
        best_weights, best_state = jax.tree.map(
            lambda new, old: np.where(never.reshape(-1, *[1] * (new.ndim - 1)), new, old) if run.members else new,
            latest,
            (best_weights, best_state),
        )
    table = np.array(run.rows).reshape(len(run.rows), len(verdicts), len(run.columns))
    histories = [_history(run.columns, table[:, index], int(verdict.n_epochs)) for index, verdict in enumerate(verdicts)]
    each = {
        "history": [history for history, _ in histories],
        "initial": [initial for _, initial in histories],
        "status": [stopped or "running" if int(verdict.status) == 0 else STATUSES[int(verdict.status)] for verdict in verdicts],
        "n_epochs": [int(verdict.n_epochs) for verdict in verdicts],
        "best_epoch": [int(verdict.best_epoch) for verdict in verdicts],
        "n_rollbacks": [int(verdict.n_rollbacks) for verdict in verdicts],
    }
    if run.members is None:
        each = {name: values[0] for name, values in each.items()}
    times = {"n_steps": int(carry.step), "seconds": seconds, "compile_seconds": compile_seconds}
    return Result(best_weights, best_state, jax.tree.map(np.asarray, carry.own.optimizer_state), **each, **times)


def _history(columns: list[str], table: np.ndarray, n_epochs: int) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    history = {name: table[1 : n_epochs + 1, index] for index, name in enumerate(columns)}
    initial = {name: float(table[0, index]) for index, name in enumerate(columns) if name.startswith("val_") and len(table)}
    return history, initial
