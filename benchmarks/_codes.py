"""Codes of MNIST by the autoencoder that deep clustering is measured with, kept in files between runs."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from _harness import console
from isthmus import Autoencoder
from isthmus.architectures import Dense

__all__ = ["EPOCHS", "WIDTHS", "autoencoder", "mnist_codes", "mnist_rows"]

WIDTHS, LATENT, EPOCHS, BATCH = (500, 500, 2000), 10, 17, 256


def mnist_rows(data: Path, *, quick: bool) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """All 70 000 images as rows (n, 784) in [0, 1], and their digits."""
    with np.load(data / "mnist.npz") as stored:
        x = np.concatenate([stored["x_train"], stored["x_test"]]).reshape(-1, 784).astype(np.float32) / 255
        y = np.concatenate([stored["y_train"], stored["y_test"]])
    return (x[:3000], y[:3000]) if quick else (x, y)


def autoencoder(seed: int, *, quick: bool, epochs: int = EPOCHS) -> Autoencoder:
    """784-500-500-2000-10 and back, rectified, squared error, as in DEC, without its pretraining layer by layer."""
    return Autoencoder(
        LATENT,
        architecture=Dense(WIDTHS, activation="relu"),
        batch_size=BATCH,
        max_epochs=1 if quick else epochs,
        validation_fraction=None,
        patience=None,
        scaling=None,
        random_state=seed,
    )


def mnist_codes(data: Path, folder: Path, seed: int, *, quick: bool) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """The codes (n, 10) of all images, and their digits; computed once for each seed."""
    path = folder / f"mnist{'_quick' if quick else ''}_{seed}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        x, y = mnist_rows(data, quick=quick)
        begin = time.perf_counter()
        model = autoencoder(seed, quick=quick).fit(x)
        np.savez(path, z=model.transform(x), y=y, seconds=time.perf_counter() - begin)
        console.log(f"codes of seed {seed}: {time.perf_counter() - begin:.0f} s")
    with np.load(path) as stored:
        return stored["z"], stored["y"]
