"""Handwritten digits as ones and zeros, and what a worker of `generative.py` is told."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from _networks import mnist

__all__ = ["Work", "binarized", "read_work"]

_BINARIZATION = 20  # the seed of the one draw that every row and every competitor sees


@dataclass(frozen=True)
class Work:
    """What one process has to do; travels as JSON on its command line.

    Attributes:
        model: "vae", "vamp", "iwae" or "sphere".
        data: folder of mnist.npz.
        widths: hidden widths of the encoder, mirrored in the decoder.
        gated: whether hidden layers are gated, as those of Tomczak & Welling.
        activation: of hidden layers that are not.
        latent_dim: numbers in a code.
        epochs: passes over the training rows.
        batch_size: rows a step.
        rate: of Adam.
        cosine: whether ours lowers it along a cosine; pythae's stays.
        n_samples: codes a row in the importance-weighted bound.
        pseudo_rows: of a VampPrior.
        draws: binarizations of each training image; one for a static one.
        rows: training images.
        images: test images that the likelihood is estimated on; none for a run that is only timed.
        importance: samples of each estimate.
        seed: of weights and orders.
        precision: of the products in our training; likelihoods are estimated in float32.
        launched: when the process was started.
    """

    model: str
    data: str
    widths: tuple[int, ...]
    gated: bool
    activation: str
    latent_dim: int
    epochs: int
    batch_size: int
    rate: float
    cosine: bool
    n_samples: int
    pseudo_rows: int
    draws: int
    rows: int
    images: int
    importance: int
    seed: int
    precision: str = "float32"
    launched: float = 0.0


def read_work() -> Work:
    """The job on this process's command line."""
    fields = json.loads(sys.argv[1])
    return Work(**{**fields, "widths": tuple(fields["widths"])})


def binarized(data: str | Path, name: str, n_rows: int, draws: int = 1) -> NDArray[np.uint8]:
    """Images (draws * n_rows, 784) whose pixels are ones with the probability that their gray values are.

    Args:
        data: folder of mnist.npz.
        name: "x_train" or "x_test".
        n_rows: the first images so many.
        draws: how often each is drawn; the first draw is the same whatever the number.
    """
    gray = mnist(Path(data), name)[:n_rows].reshape(-1, 784).astype(np.float32) / 255
    drawn = []
    for draw in range(draws):
        rng = np.random.default_rng([_BINARIZATION, draw, int(name == "x_test")])
        drawn.append((rng.random(gray.shape, np.float32) < gray).astype(np.uint8))
    return np.concatenate(drawn)
