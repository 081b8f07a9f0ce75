"""Compiled functions of a fitted model, applied to any number of rows in blocks of one shape.

XLA rounds the last bits of a row differently in batches of different sizes. In blocks of one shape a row's result never depends
on the rows beside it, and no new program is compiled for another number of rows.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Tree
from isthmus.data import Affine, padded_rows
from isthmus.losses import AbstractLikelihood
from isthmus.model import Model, Parts, scaled

from ._source import Source

__all__ = [
    "block_rows",
    "decode",
    "encode",
    "indices",
    "likelihood",
    "log_likelihoods",
    "map_rows",
    "on_device",
    "reconstruct",
    "row_losses",
    "shape_of_one",
]

# Beyond these sizes more rows at once bring no more speed (measured: docs/benchmarks.md), while one row costs a whole block.
_BLOCK_ROWS = {"cpu": 256}
_BLOCK_ROWS_ELSEWHERE = 4096


@jax.jit
def encode(model: Model, shared: Mapping[str, Any], x: Any) -> Any:
    """Codes of rows that are scaled here when `shared` says how."""
    return model.encode(scaled(x, shared))


@jax.jit
def indices(model: Model, shared: Mapping[str, Any], x: Any) -> Any:
    """The whole numbers that the codes of rows consist of."""
    hidden = model.hidden(scaled(x, shared), key=None)
    return model.parts.bottleneck.indices(model.weights.bottleneck, model.state.bottleneck, hidden)


@jax.jit
def decode(model: Model, shared: Mapping[str, Any], code: Any) -> Any:
    """Reconstructions, in the scaled unit, of codes."""
    return model.decode(code)


@jax.jit
def reconstruct(model: Model, shared: Mapping[str, Any], x: Any) -> Any:
    """Reconstructions, in the scaled unit, of rows."""
    return model.reconstruct(scaled(x, shared))


@jax.jit
def row_losses(model: Model, shared: Mapping[str, Any], x: Any, unit: Any, offset: Any) -> Any:
    """The loss of each row in the user's unit.

    A likelihood costs minus the log-density or log-probability of the row. Another loss of differences is taken between values
    multiplied by the scale; the offset, which cancels in them, would only cost digits. A loss of values in [0, 1] is defined on
    those values, and taken there; one of counts is taken on the counts.
    """
    parts, x = model.parts, scaled(x, shared)
    code = model.encode(x)
    if isinstance(parts.loss, AbstractLikelihood):
        return -log_likelihoods(model, x, code[None], unit, offset)[0]
    outputs = model.outputs(code, key=None)
    if parts.loss.domain == "unit_interval":
        return parts.loss(model.loss_weights, outputs, x)
    if parts.loss.domain == "nonnegative":
        return parts.loss(model.loss_weights, outputs, x * unit + offset)
    return parts.loss(model.loss_weights, outputs * unit, x * unit)


def log_likelihoods(model: Model, x: Any, codes: Any, unit: Any, offset: Any) -> Any:
    """log p(x | z) in nats, in the user's unit, for codes (n, rows, latent): (n, rows)."""
    loss = likelihood(model.parts, unit)
    in_user_unit = loss.domain == "nonnegative"
    target = x * unit + offset if in_user_unit else x
    change_of_unit = jnp.sum(jnp.log(unit)) if loss.is_density and not in_user_unit else 0.0

    def one(code: Any) -> Any:
        return loss.log_prob(model.loss_weights, model.outputs(code, key=None), target)

    return jax.vmap(one)(codes) - change_of_unit


def likelihood(parts: Parts, unit: Any) -> AbstractLikelihood:
    """The model's likelihood for rows that were divided by `unit`."""
    loss = parts.loss if parts.loss.domain == "nonnegative" else parts.loss.rescaled(1.0 / unit)
    assert isinstance(loss, AbstractLikelihood)
    return loss


def block_rows() -> int:
    """How many rows a compiled function takes at once on the default device."""
    return _BLOCK_ROWS.get(jax.default_backend(), _BLOCK_ROWS_ELSEWHERE)


def shape_of_one(function: Callable[..., Any], model: Model) -> tuple[int, ...] | None:
    """The shape of what a compiled function of a model and its rows gives for each row; None where it gives nothing."""
    row = jax.ShapeDtypeStruct((1, *model.parts.data_shape), np.float32)
    found = jax.eval_shape(function, model.of_classes(np.zeros(1, int)), {}, row)
    return None if found is None else found.shape[1:]


def on_device(source: Source, affine: Affine | None) -> tuple[Affine | None, dict[str, np.ndarray]]:
    """Where rows are scaled: on the host by the first value, or in the compiled program by the second.

    Values of at most 24 bits lose nothing more when float32 arithmetic scales them; wider ones are scaled in float64 first.
    """
    if affine is None or source.values.dtype not in (np.float32, np.float16, np.uint8, np.int8, np.uint16, np.int16, np.bool_):
        return affine, {}
    return None, {"offset": affine.offset.astype(np.float32), "scale": affine.scale.astype(np.float32)}


def map_rows(
    function: Callable[..., Any], model: Model, source: Source, affine: Affine | None, out: np.ndarray, *extra: Tree, key: Any = None
) -> np.ndarray:
    """`out` filled with what `function` gives for the rows of `source`, block by block.

    Args:
        function: one of the compiled functions above.
        model: its first argument.
        source: the rows.
        affine: how they are scaled.
        out: of shape (n_rows, ...), written to.
        extra: further arguments of `function`.
        key: for random draws; `function` gets one made from it for each block, as its last argument. None for none.
    """
    host_affine, shared = on_device(source, affine)
    model, shared, extra = jax.device_put((model, shared, extra))
    size = block_rows()
    pending: tuple[slice, Any] | None = None
    for start in range(0, source.n_rows, size):
        rows = slice(start, min(start + size, source.n_rows))
        block = padded_rows(source.values, rows, host_affine, size, shape=source.shape)
        own = () if key is None else (jax.random.fold_in(key, start),)
        of_block = model if source.labels is None else model.of_classes(_padded(source.labels[rows], size))
        computing = (rows, function(of_block, shared, block, *extra, *own))  # runs while the block before it is copied out
        if pending is not None:
            _copy_out(out, *pending)
        pending = computing
    if pending is not None:
        _copy_out(out, *pending)
    return out


def _padded(labels: np.ndarray, size: int) -> np.ndarray:
    return np.pad(labels, (0, size - len(labels)))


def _copy_out(out: np.ndarray, rows: slice, values: Any) -> None:
    out[rows] = np.asarray(values)[: rows.stop - rows.start].reshape(rows.stop - rows.start, *out.shape[1:])
