import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import clone

from isthmus.errors import DataError, PartError
from isthmus.losses import in_user_unit
from isthmus.model import Objective

from ._scores import shown
from ._subject import as_rows, table

__all__ = ["OptimizationTrace", "trace_optimization"]

_TINY = 1e-30


@dataclasses.dataclass(frozen=True)
class OptimizationTrace:
    """What went on in the weights, epoch by epoch. Print it, or show it in a notebook, for a table of some epochs.

    Attributes:
        names: of the learned arrays, as in `summary()`.
        loss: the objective on the probe rows before each epoch, (epochs,).
        gradient_norms: the norm of each array's gradient there, (epochs, arrays).
        update_norms: how far each array moved in the epoch, (epochs, arrays).
        weight_norms: the norm of each array before the epoch, (epochs, arrays).
        effective_step: the length of an epoch's way over that of the gradient at its beginning: what plain gradient descent would have had
            as its rate, in one step, to go as far, (epochs,).
        alignment: the cosine between the way and minus that gradient: 1 for straight down, 0 for sideways, (epochs,).
        curvature: the second derivative of the loss along the way, `v' H v / v' v` at its beginning, (epochs,). Where rate times
            curvature is above 2, plain gradient descent would climb.
        dead_units: the share of the encoder's units that no probe row moves, as all incoming weights have a gradient of exactly zero,
            (epochs,). Of networks that start as a linear map it is large before the first epoch.
        training_seconds: that the epochs took.
        tracing_seconds: that looking took beside them.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from isthmus import Autoencoder
        >>> model = Autoencoder(2, hidden_dims=(8,), random_state=0)
        >>> trace = trace_optimization(model, load_iris().data, n_epochs=5)
        >>> trace.gradient_norms.shape == (5, len(trace.names))
        True
    """

    names: tuple[str, ...]
    loss: np.ndarray
    gradient_norms: np.ndarray
    update_norms: np.ndarray
    weight_norms: np.ndarray
    effective_step: np.ndarray
    alignment: np.ndarray
    curvature: np.ndarray
    dead_units: np.ndarray
    training_seconds: float
    tracing_seconds: float

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
        lines = ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*lines, self._times])

    def _repr_html_(self) -> str:
        head, *rows = self._rows()
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
        heads = "".join(f"<th>{name}</th>" for name in head)
        return f"<table><caption>{self._times}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"

    @property
    def _times(self) -> str:
        return f"{self.training_seconds:.2f} s of training, {self.tracing_seconds:.2f} s of looking at it"

    def _rows(self) -> list[tuple[str, ...]]:
        """The heading, and the rows of some epochs."""
        heads = ("epoch", "loss", "gradient", "way", "effective step", "alignment", "curvature", "dead units")
        norms = (np.linalg.norm(own, axis=1) for own in (self.gradient_norms, self.update_norms))
        columns = [self.loss, *norms, self.effective_step, self.alignment, self.curvature, self.dead_units]
        epochs = np.unique(np.linspace(0, len(self.loss) - 1, 10).astype(int))
        return [heads, *((str(epoch), *(shown(float(column[epoch])) for column in columns)) for epoch in epochs)]


def trace_optimization(model: Any, X: Any, *, n_epochs: int = 20, n_rows: int = 256, random_state: int = 0) -> OptimizationTrace:
    """Train a clone of an autoencoder and look at its weights, gradients and steps before and after each epoch.

    The model given is left alone. Training is by `partial_fit`: the rate is constant and no rows are held out, so its losses are not
    those of `fit`. Looking costs about three gradients of `n_rows` rows an epoch, and copies the weights twice; both times are reported.

    Args:
        model: an `Autoencoder`, fitted or not; of one that is conditional there is no trace.
        X: rows, (rows, columns) or (rows, ...).
        n_epochs: how long.
        n_rows: of `X`, chosen once at random, on which gradients and curvature are measured, without dropout or corruption.
        random_state: decides those rows.

    Raises:
        PartError: the model is no autoencoder, or conditional.
        DataError: no epoch, or no row.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from isthmus import Autoencoder
        >>> model = Autoencoder(2, hidden_dims=(8,), random_state=0)
        >>> trace = trace_optimization(model, load_iris().data, n_epochs=5)
        >>> bool(trace.loss[-1] < trace.loss[0])
        True
    """
    if not hasattr(model, "partial_fit") or getattr(model, "conditional", True):
        raise PartError(f"{type(model).__name__} has no trace. Pass an Autoencoder that is not conditional.")
    if n_epochs < 1 or n_rows < 1:
        raise DataError(f"`n_epochs`={n_epochs} and `n_rows`={n_rows} must be 1 or more. Give 20 and 256, say.")
    x = as_rows(X)
    probe = table(x[np.sort(np.random.default_rng(random_state).permutation(x.shape[0])[:n_rows])])
    fitted = clone(model).set_params(callbacks=(), verbose=0)
    if fitted.random_state is None:
        fitted.set_params(random_state=random_state)
    # The weights before the first epoch are had by one at next to no rate.
    before = clone(fitted).set_params(learning_rate=_TINY).partial_fit(x).model_
    found: list[tuple[Any, ...]] = []
    seconds = np.zeros(2)
    for _ in range(n_epochs):
        begin = time.perf_counter()
        after = fitted.partial_fit(x).model_
        middle = time.perf_counter()
        found.append(_looked_at(fitted, before, after, probe, random_state))
        seconds += middle - begin, time.perf_counter() - middle
        before = after
    loss, gradients, updates, weights, steps, alignments, curvatures, dead = (np.array(own) for own in zip(*found, strict=True))
    names = tuple(name for name, _, _ in fitted.summary().arrays)
    return OptimizationTrace(names, loss, gradients, updates, weights, steps, alignments, curvatures, dead, *seconds.tolist())


def _looked_at(fitted: Any, before: Any, after: Any, probe: np.ndarray, seed: int) -> tuple[Any, ...]:
    """What one epoch's row of the trace holds."""
    affine = fitted.scaling_
    parts = before.parts
    scaled = np.asarray(probe, np.float32).reshape(-1, *parts.data_shape)
    if affine is not None:
        in_unit = in_user_unit(parts.loss, affine.offset, affine.scale) if parts.loss.domain == "nonnegative" else None
        scaled = scaled if in_unit is not None else affine.scaled(probe.reshape(-1, *parts.data_shape))
        parts = dataclasses.replace(parts, loss=in_unit if in_unit is not None else parts.loss.rescaled(1.0 / affine.scale))
    way = jax.tree.map(lambda new, old: np.asarray(new) - np.asarray(old), after.weights, before.weights)
    objective = Objective(parts)
    loss, gradient, bent = _measured(objective, before.weights, before.state, jnp.asarray(scaled), jax.random.key(seed), way)
    gradients, ways, bends, weights = (jax.tree.leaves(jax.device_get(tree)) for tree in (gradient, way, bent, before.weights))
    norms = [np.array([np.linalg.norm(leaf) for leaf in leaves]) for leaves in (gradients, ways, weights)]
    length, slope = np.linalg.norm(norms[1]), np.linalg.norm(norms[0])
    down = -sum(float(np.vdot(a, b)) for a, b in zip(gradients, ways, strict=True))
    curvature = sum(float(np.vdot(a, b)) for a, b in zip(ways, bends, strict=True)) / max(length**2, _TINY)
    matrices = [leaf for leaf in jax.tree.leaves(jax.device_get(gradient.encoder)) if np.ndim(leaf) == 2]
    still = [np.all(leaf == 0.0, axis=0) for leaf in matrices]
    dead = float(np.mean(np.concatenate(still))) if still else 0.0
    return float(loss), norms[0], norms[1], norms[2], length / max(slope, _TINY), down / max(length * slope, _TINY), curvature, dead


@jax.jit
def _measured(objective: Objective, weights: Any, state: Any, x: Any, key: Any, way: Any) -> tuple[Any, Any, Any]:
    """The loss, its gradient, and the second derivative along a way, as it changes the gradient."""

    def loss(weights: Any) -> Any:
        shared = {"n_rows": jnp.float32(x.shape[0])}
        mask = jnp.ones(x.shape[0], jnp.float32)
        return objective(weights, state, {"x": x}, shared, mask, key=key, progress=jnp.float32(1.0), training=False).loss

    gradient, bent = jax.jvp(jax.grad(loss), (weights,), (way,))
    return loss(weights), gradient, bent
