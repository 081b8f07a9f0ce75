import dataclasses
from typing import Any

import jax
import numpy as np

from isthmus._component import part_name
from isthmus.model import Model, forward_flops

__all__ = ["Summary", "summarize"]


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a model is made of and what it costs.

    Attributes:
        arrays: name, shape and number of values of each learned array.
        data_shape: of one row.
        latent_shape: of one code.
        n_parameters: learned numbers in all.
        n_bytes: of them in memory.
        n_flops: floating-point operations to reconstruct one row.
        parts: the name of each part.

    Example:
        >>> import numpy as np
        >>> from isthmus import Autoencoder
        >>> X = np.random.default_rng(0).normal(size=(40, 6))
        >>> Autoencoder(2, architecture="linear", max_epochs=1, random_state=0).fit(X).summary().n_parameters
        32
    """

    arrays: tuple[tuple[str, tuple[int, ...], int], ...]
    data_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]
    n_parameters: int
    n_bytes: int
    n_flops: int
    parts: dict[str, str]

    def __str__(self) -> str:
        rows = [(name, "x".join(map(str, shape)) or "scalar", f"{size:,}") for name, shape, size in self.arrays]
        rows = [("array", "shape", "values"), *rows]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {size:>{widths[2]}}" for name, shape, size in rows]
        parts = ", ".join(f"{role} {name}" for role, name in self.parts.items())
        compression = int(np.prod(self.data_shape)) / int(np.prod(self.latent_shape))
        return "\n".join(
            [
                f"{parts}",
                f"{'x'.join(map(str, self.data_shape))} -> {'x'.join(map(str, self.latent_shape))} ({compression:.3g} values to one)",
                "",
                *lines,
                "",
                f"{self.n_parameters:,} parameters, {self.n_bytes:,} bytes, {self.n_flops:,} floating-point operations a row",
            ]
        )


def summarize(model: Model) -> Summary:
    """The summary of a model."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(model.weights)
    arrays = tuple((_readable(path), tuple(np.shape(leaf)), int(np.size(leaf))) for path, leaf in leaves)
    roles: dict[str, Any] = {"architecture": model.parts.architecture, "bottleneck": model.parts.bottleneck, "loss": model.parts.loss}
    return Summary(
        arrays=arrays,
        data_shape=model.parts.data_shape,
        latent_shape=model.parts.latent_shape,
        n_parameters=sum(size for _, _, size in arrays),
        n_bytes=sum(int(np.asarray(leaf).nbytes) for _, leaf in leaves),
        n_flops=forward_flops(model.parts),
        parts={role: part_name(type(part)) for role, part in roles.items()},
    )


def _readable(path: Any) -> str:
    return ".".join(str(getattr(step, "name", getattr(step, "idx", getattr(step, "key", step)))) for step in path)
