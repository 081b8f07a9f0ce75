"""From rows and parameters to a trained model; the estimator is not touched before it is there."""

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight

from isthmus._types import Tree
from isthmus.corruptions import AbstractCorruption
from isthmus.data import Affine, Moments, bucket, moments, padded_rows, row_blocks
from isthmus.errors import DataError, DivergedError, PartError
from isthmus.losses import AbstractLoss, in_user_unit
from isthmus.model import Model, Objective, Parts
from isthmus.optimizers import AbstractOptimizer
from isthmus.training import Plan, Progress, Result, Rows, train

from ._inference import on_device
from ._source import Source

__all__ = [
    "Problem",
    "Training",
    "blocks_of_the_loss",
    "checked_weights",
    "continued",
    "form",
    "run",
    "scaled_blocks",
    "scaled_by",
    "split_rows",
    "start_model",
    "started",
    "warn_about",
    "warn_about_columns",
]

_DOMINANT_SHARE, _FEW_COLUMNS = 0.95, 2
_SAMPLE_VALUES = 2**22  # 32 MB of float64: enough for the architecture to start from


class Problem(NamedTuple):
    """What is to be learned from.

    Attributes:
        source: the rows.
        target: what they are to become, or None for themselves.
        weight: of each row, positive; or None.
        training: numbers of the rows to train on.
        validation: numbers of the rows to watch.
        held_out: rows to watch, and their targets, given apart from the others; or None.
    """

    source: Source
    target: Source | None
    weight: np.ndarray | None
    training: np.ndarray
    validation: np.ndarray
    held_out: tuple[Source, Source | None] | None


class Training(NamedTuple):
    """How it is to be learned."""

    optimizer: AbstractOptimizer
    plan: Plan
    seed: np.ndarray
    callbacks: Sequence[Callable[[Progress], object]]
    optimizer_state: Tree | None = None


def checked_weights(sample_weight: Any, rows: Any) -> np.ndarray | None:
    """The weights of `rows`, none negative and not all zero; None where all are to count the same."""
    if sample_weight is None:
        return None
    given = np.asarray(sample_weight)
    if given.size and not np.any(given):
        raise DataError("`sample_weight` is zero for every row. At least one row must count; drop the argument to count all the same.")
    return _check_sample_weight(given, rows, dtype=np.float64, ensure_non_negative=True)


def split_rows(n_rows: int, weight: np.ndarray | None, fraction: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the rows to train on and to watch; rows of weight zero are in neither.

    Args:
        n_rows: how many there are.
        weight: of each.
        fraction: of them to watch, or "auto"; None for none.
        rng: decides which.
    """
    rows = np.arange(n_rows) if weight is None else np.flatnonzero(weight > 0)
    if fraction is None:
        return rows, rows[:0]
    if isinstance(fraction, str) and fraction == "auto":
        fraction = max(min(0.2, 100 / len(rows)), 0.1)
    if isinstance(fraction, bool | str) or not 0.0 < fraction < 1.0:
        raise DataError(f"`validation_fraction` must lie between 0 and 1, both left out; got {fraction!r}. None is for no such rows.")
    n_validation = min(round(fraction * len(rows)), len(rows) - 1)
    chosen = rng.permutation(len(rows))
    return np.sort(rows[chosen[n_validation:]]), np.sort(rows[chosen[:n_validation]])


def scaled_by(parts: Parts, scaling: Any, problem: Problem) -> tuple[Affine | None, Moments]:
    """The scaling that the rows call for, and the moments of what the model is to give back, in the user's unit."""
    rows = np.concatenate([problem.training, problem.validation])
    found = moments(row_blocks(problem.source.values, _all_or(rows, problem.source), shape=problem.source.shape))
    affine = None if scaling is None else scaling.affine(found, dtype=problem.source.values.dtype)
    goal = found
    if problem.target is not None:
        goal = moments(row_blocks(problem.target.values, _all_or(rows, problem.target), shape=problem.target.shape))
    return affine, goal


def check_support(parts: Parts, source: Source, target: Source | None, affine: Affine | None) -> None:
    """Refuse rows that a part is not defined for: outside [0, 1] a cross-entropy has no lower bound, photons are not negative."""
    if parts.loss.domain != "real" or type(parts.loss).check_rows is not AbstractLoss.check_rows:
        for block in blocks_of_the_loss(parts, target or source, affine):
            parts.loss.check_rows(block)
    if parts.corruption is not None and type(parts.corruption).check_rows is not AbstractCorruption.check_rows:
        for block in scaled_blocks(source, affine):
            parts.corruption.check_rows(block)


def scaled_blocks(source: Source, affine: Affine | None) -> Iterator[np.ndarray]:
    """The rows, some at a time, as float64 and scaled."""
    for block in row_blocks(source.values, shape=source.shape):
        yield block if affine is None else (block - affine.offset) / affine.scale


def blocks_of_the_loss(parts: Parts, source: Source, affine: Affine | None) -> Iterator[np.ndarray]:
    """The rows as the loss sees them, some at a time, as float64."""
    return scaled_blocks(source, _of_the_loss(parts, affine))


def continued(model: Model, parts: Parts, pretrained: Any) -> Model:
    """The model with other parts and the weights that it has, if those are of the form that the parts call for.

    Args:
        model: whose weights go on.
        parts: its new ones.
        pretrained: must be None: only one model's weights can go on.
    """
    if pretrained is not None:
        raise PartError("`warm_start` goes on with this estimator's own weights, `pretrained` brings others. Turn one of them off.")
    earlier = model.parts
    same = earlier.architecture == parts.architecture and earlier.latent_shape == parts.latent_shape
    if not same or form(Model.init(parts, rng=np.random.default_rng(0))[1:]) != form(model[1:]):
        raise PartError(
            f"`warm_start` goes on with the weights and the state that are there, of {earlier.architecture!r} with codes of "
            f"{earlier.latent_shape}; now they are {parts.architecture!r} and {parts.latent_shape}, or another part with weights "
            "of its own has come or gone. Make a new one."
        )
    return model._replace(parts=parts)


def form(tree: Tree) -> Any:
    """What two trees of arrays have in common when one can stand in the other's place."""
    arrays, structure = jax.tree.flatten(tree)
    return structure, [np.shape(array) for array in arrays]


def start_model(parts: Parts, problem: Problem, affine: Affine | None, goal: Moments, rng: np.random.Generator) -> Model:
    """A model before its first step: random weights, and those that start from the data."""
    return started(Model.init(parts, rng=rng), problem, affine, goal, rng)


def started(model: Model, problem: Problem, affine: Affine | None, goal: Moments, rng: np.random.Generator) -> Model:
    """The model with those weights that start from the data.

    Args:
        model: with random weights.
        problem: what it is going to learn from.
        affine: how its rows are scaled.
        goal: the moments of what it is to give back, in the user's unit.
        rng: chooses a sample of rows, where one is asked for.
    """
    parts = model.parts
    seen = _of_the_loss(parts, affine)
    mean = goal.mean if seen is None else (goal.mean - seen.offset) / seen.scale

    def sample() -> tuple[np.ndarray, ...]:
        rows = np.concatenate([problem.training, problem.validation])
        n_rows = max(1, min(len(rows), _SAMPLE_VALUES // parts.n_features))
        chosen = np.sort(rows if n_rows == len(rows) else rng.choice(rows, n_rows, replace=False))
        x = _dense(problem.source, chosen, affine)
        goal = x if problem.target is None else _dense(problem.target, chosen, affine)
        if parts.loss.link != "identity" and parts.output_activation is None:
            # Raw outputs are no data: a linear start wants those of each row, drawn halfway to the mean so that they are finite and near.
            goal = parts.loss.start(0.5 * (_dense(problem.target or problem.source, chosen, seen) + mean))
        if parts.corruption is not None:
            key = jax.random.key(rng.integers(2**31))
            x = np.asarray(parts.corruption(jnp.asarray(x, jnp.float32), key=key), np.float64)
        labels = problem.source.labels
        return (x, goal) if labels is None else (x, goal, np.eye(parts.n_given)[labels[chosen]])

    return model.started(sample, mean, rng=rng)


def run(model: Model, problem: Problem, affine: Affine | None, training: Training) -> Result:
    """The model's weights, trained."""
    check_support(model.parts, problem.source, problem.target, affine)
    if problem.held_out is not None:
        check_support(model.parts, *problem.held_out, affine)
    host_affine, shared = on_device(problem.source, affine)
    if problem.target is not None and on_device(problem.target, affine)[1].keys() != shared.keys():
        # One program scales both or neither; where their types disagree, both are scaled here.
        host_affine, shared = affine, {}
        problem = problem._replace(source=_widened(problem.source), target=_widened(problem.target))
    rows = _rows(problem.source, problem.target, problem.training, problem.weight, host_affine)
    validation = None
    if problem.held_out is not None:
        source, target = problem.held_out
        if host_affine is not None:
            source, target = _widened(source), None if target is None else _widened(target)
        validation = _rows(source, target, np.arange(source.n_rows), None, host_affine)
    elif len(problem.validation):
        validation = _rows(problem.source, problem.target, problem.validation, problem.weight, host_affine)
    result = train(
        Objective(_in_scaled_unit(model.parts, affine)),
        model.weights,
        model.state,
        rows,
        optimizer=training.optimizer,
        plan=training.plan,
        seed=training.seed,
        validation=validation,
        shared=shared | {"n_rows": np.float32(rows.count)},
        callbacks=training.callbacks,
        optimizer_state=training.optimizer_state,
    )
    if result.status == "diverged" or not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.weights)):
        raise DivergedError(
            f"The loss was not finite, {result.n_rollbacks} times in {result.n_epochs} epochs, at learning rates from "
            f"{training.optimizer.learning_rate:g} down to a thousandth of it. Lower `learning_rate`, set the optimizer's `clip_norm`, "
            "or look for values of extreme size (scaling='standard' helps)."
        )
    return result


def warn_about(result: Result, learning_rate: float) -> None:
    """Tell the user what went otherwise than asked for."""
    if result.n_rollbacks:
        warnings.warn(
            f"The loss was not finite {result.n_rollbacks} time(s). Training went back to its best weights and on with a learning rate of "
            f"{learning_rate * 0.1**result.n_rollbacks:g}; start with a lower one than {learning_rate:g}.",
            ConvergenceWarning,
            stacklevel=3,
        )
    if result.status == "interrupted":
        warnings.warn(f"Interrupted: the best weights of {result.n_epochs} epochs are kept.", ConvergenceWarning, stacklevel=3)


def warn_about_columns(goal: Moments, names: Any) -> None:
    """Tell the user when nearly all of the squared error is one column's, because it is measured in a smaller unit than the others.

    Args:
        goal: moments of the rows, in the user's unit.
        names: of the columns; None for their numbers.
    """
    variance = goal.variance.reshape(-1)
    share = variance.max() / max(variance.sum(), np.finfo(float).tiny)
    if np.count_nonzero(~goal.constant) > _FEW_COLUMNS and share > _DOMINANT_SHARE:
        largest = int(np.argmax(variance))
        name = largest if names is None else str(names[largest])
        warnings.warn(
            f"Column {name!r} carries {share:.1%} of the variance of all columns, so that little else can be learned from the error. "
            "If the columns have units of their own, pass scaling='standard'; if not, scaling='common' says that this is meant.",
            UserWarning,
            stacklevel=3,
        )


def random_source(random_state: Any) -> np.random.Generator:
    """One generator for a fit, from whatever scikit-learn takes as `random_state`."""
    return np.random.default_rng(check_random_state(random_state).randint(2**32, size=4, dtype=np.uint64).tolist())


def _rows(source: Source, target: Source | None, rows: np.ndarray, weight: np.ndarray | None, affine: Affine | None) -> Rows:
    capacity = bucket(len(rows))
    arrays = {"x": padded_rows(source.values, _all_or(rows, source), affine, capacity, shape=source.shape)}
    if target is not None:
        arrays["target"] = padded_rows(target.values, _all_or(rows, target), affine, capacity, shape=target.shape)
    if source.labels is not None:
        arrays["label"] = padded_rows(source.labels, rows, None, capacity)
    if weight is not None:
        arrays["weight"] = padded_rows(weight / weight[rows].mean(), rows, None, capacity)
    return Rows(arrays, len(rows))


def _all_or(rows: np.ndarray, source: Source) -> Any:
    return slice(None) if len(rows) == source.n_rows else rows


def _dense(source: Source, rows: np.ndarray, affine: Affine | None) -> np.ndarray:
    x = np.concatenate(list(row_blocks(source.values, rows, shape=source.shape)))
    return x if affine is None else (x - affine.offset) / affine.scale


def _of_the_loss(parts: Parts, affine: Affine | None) -> Affine | None:
    """How rows are scaled before the loss sees them; None for as they came."""
    return None if parts.loss.domain == "nonnegative" else affine


def _in_scaled_unit(parts: Parts, affine: Affine | None) -> Parts:
    """The parts with the loss, which is stated in the data's unit, for scaled rows."""
    if affine is None:
        return parts
    if parts.loss.domain == "nonnegative":
        return dataclasses.replace(parts, loss=in_user_unit(parts.loss, affine.offset, affine.scale))
    return dataclasses.replace(parts, loss=parts.loss.rescaled(1.0 / affine.scale))


def _widened(source: Source) -> Source:
    return source._replace(values=source.values.astype(np.float64))
