"""The networks that every competitor trains, and the data they are trained on."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["NETWORKS", "Network", "Schedule", "mnist"]


@dataclass(frozen=True)
class Schedule:
    """How long a competitor trains.

    Attributes:
        epochs: length of the whole fit, the first one of the process: compilation counts, imports do not.
        short: length of a second fit in the same process.
        long: length of a third; its time less that of the second, over the difference in steps, is the time of a steady step.
        rows: only so many rows; all of them when `None`.
    """

    epochs: int
    short: int
    long: int
    rows: int | None = None


@dataclass(frozen=True)
class Network:
    """One autoencoder, mirrored: rectified hidden layers, logistic outputs, mean squared error, Adam with its usual 0.001.

    Attributes:
        title: what to call it in a table.
        widths: from the data to the code; the decoder is the mirror image.
        code_activation: `"relu"` as in most tutorials, or `"identity"`.
        batch_size: rows in a step; the last, smaller batch of an epoch is kept.
        full: the schedule of the benchmark proper.
        quick: a schedule that only shows that everything runs.
    """

    title: str
    widths: tuple[int, ...]
    code_activation: str
    batch_size: int
    full: Schedule
    quick: Schedule

    @property
    def layers(self) -> tuple[tuple[int, int, str], ...]:
        """`(inputs, outputs, activation)` of every layer, encoder and decoder."""
        sizes = (*self.widths, *self.widths[-2::-1])
        middle = len(self.widths) - 2
        activations = [self.code_activation if i == middle else "relu" for i in range(len(sizes) - 2)]
        return tuple(zip(sizes[:-1], sizes[1:], [*activations, "sigmoid"], strict=True))

    def initial(self, x: np.ndarray[Any, Any], seed: int) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """Random weights (inputs, outputs) and biases of every layer, drawn as Isthmus draws them, for the others to start from.

        He-uniform before rectified hidden layers, Glorot-uniform before the code and the outputs, the output bias at the data's mean.
        """
        rng, middle = np.random.default_rng(seed), len(self.widths) - 2
        drawn = []
        for i, (inputs, outputs, _) in enumerate(self.layers):
            bare = i in (middle, len(self.layers) - 1)
            half_width = math.sqrt(6.0 / (inputs + outputs if bare else inputs))
            weight = rng.uniform(-half_width, half_width, (inputs, outputs)).astype(np.float32)
            drawn.append((weight, np.zeros(outputs, np.float32)))
        mean = np.clip(2.0 * x.mean(axis=0, dtype=np.float64) - 1.0, -0.9999, 0.9999)
        drawn[-1] = (drawn[-1][0], (2.0 * np.arctanh(mean)).astype(np.float32))
        return drawn

    def steps(self, rows: int, epochs: int) -> int:
        """Updates of the weights in `epochs` passes over `rows` rows."""
        return epochs * math.ceil(rows / self.batch_size)

    def load(self, folder: str | Path | None, rows: int | None = None) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The rows it is trained on, float32 in [0, 1]: MNIST from `folder`, or uniform noise where the data have other widths."""
        if self.widths[0] != 784:
            return np.random.default_rng(0).random((1000, self.widths[0])).astype(np.float32)
        x = mnist(folder)[:rows].astype(np.float32)
        x /= 255.0
        return x


NETWORKS = {
    "small": Network("100-20-100, batch 32, 1000 rows", (100, 20), "relu", 32, Schedule(100, 50, 250), Schedule(10, 5, 25)),
    "mnist": Network(
        "784-128-64-32 and back, batch 256, MNIST", (784, 128, 64, 32), "relu", 256, Schedule(5, 2, 7), Schedule(1, 1, 2, 5000)
    ),
    "deep": Network(
        "784-1000-500-250-30 and back, batch 500, MNIST",
        (784, 1000, 500, 250, 30),
        "identity",
        500,
        Schedule(3, 1, 2),
        Schedule(1, 1, 2, 2000),
    ),
}


def mnist(folder: str | Path | None, part: str = "x_train") -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The images of `mnist.npz` in `folder`, one row of 784 bytes each."""
    if folder is None:
        raise SystemExit("MNIST is needed: pass --data with the folder that holds mnist.npz.")
    with np.load(Path(folder) / "mnist.npz") as file:
        images = file[part]
    return images.reshape(len(images), -1)
