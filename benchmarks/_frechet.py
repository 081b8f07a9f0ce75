"""The Fréchet distance between drawn digits and test images, by the features of a classifier that is trained here."""

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from _harness import RunError, call, console, failed
from _networks import mnist
from isthmus import Autoencoder, presets
from isthmus.architectures import Dense
from isthmus.metrics import frechet_distance
from isthmus.optimizers import Adam, Cosine

__all__ = ["digits_and_features", "distance_of_draws", "frechet_rows"]

Rows = NDArray[np.float32]

WIDTHS, LATENT, EPOCHS, BATCH, COMPONENTS, SEEDS = (512, 256), 16, 40, 100, 10, 3


class Features:
    """The last hidden layer, 64 rectified units, of a classifier of digits: 784-256-64-10, Adam, 12 epochs, seed 0.

    Args:
        x: training images (n, 784) in [0, 1].
        y: their digits.
        x_test: other images.
        y_test: their digits, for the accuracy that is reported.
    """

    def __init__(self, x: Rows, y: NDArray[Any], x_test: Rows, y_test: NDArray[Any]) -> None:
        self.network = MLPClassifier((256, 64), batch_size=128, max_iter=12, random_state=0)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # twelve epochs are meant
            self.network.fit(x, y)
        self.accuracy = float(self.network.score(x_test, y_test))

    def __call__(self, x: Rows) -> NDArray[np.float64]:
        for weight, bias in zip(self.network.coefs_[:-1], self.network.intercepts_[:-1], strict=True):
            x = np.maximum(x @ weight + bias, 0.0)
        return np.asarray(x, np.float64)


def digits_and_features(data: Path, *, quick: bool) -> tuple[Rows, Rows, Features]:
    """Training and test images (n, 784) in [0, 1], and the features of a classifier of them.

    Args:
        data: folder of mnist.npz.
        quick: the first 2000 of each.
    """
    limit = 2000 if quick else None
    x, x_test = (mnist(data, name)[:limit].astype(np.float32) / 255 for name in ("x_train", "x_test"))
    with np.load(data / "mnist.npz") as stored:
        y, y_test = stored["y_train"][:limit], stored["y_test"][:limit]
    return x, x_test, Features(x, y, x_test, y_test)


def distance_of_draws(
    model: Autoencoder, x: Rows, n_components: int, n_draws: int, features: Features, real: NDArray[np.float64], *, seed: int
) -> float:
    """The Fréchet distance from features of test images of rows drawn from a mixture on the codes of `x`."""
    drawn = model.fit_density(x, n_components=n_components, random_state=seed).sample(n_draws, random_state=seed)
    return frechet_distance(features(drawn), real)


def frechet_rows(data: Path, *, quick: bool, beside: bool) -> dict[str, dict[str, Any]]:
    """Means over seeds for RAE-L2, a plain autoencoder, and pythae's RAE-L2, all of one network.

    Args:
        data: folder of mnist.npz.
        quick: few images and epochs.
        beside: whether pythae runs too.
    """
    x, x_test, features = digits_and_features(data, quick=quick)
    console.log(f"classifier: accuracy {features.accuracy:.4f} on test images")
    real, epochs = features(x_test), 2 if quick else EPOCHS
    found: dict[str, dict[str, Any]] = {"classifier": {"accuracy": features.accuracy}}
    found["training images"] = {"samples": frechet_distance(features(x[: len(x_test)]), real)}
    common: dict[str, Any] = {
        "architecture": Dense(WIDTHS, activation="relu"),
        "output_activation": "sigmoid",
        "optimizer": Adam(1e-3, schedule=Cosine()),
        "batch_size": BATCH,
        "max_epochs": epochs,
        "validation_fraction": None,
        "patience": None,
        "scaling": None,
    }
    models: dict[str, Callable[[int], Autoencoder]] = {
        "plain": lambda seed: Autoencoder(LATENT, random_state=seed, **common),
        "rae": lambda seed: presets.rae(LATENT, random_state=seed, **common),
    }
    for name, make in models.items():
        runs = [_ours(make(seed), x, x_test, features, real) for seed in range(1 if quick else SEEDS)]
        for part in ("one normal", "mixture"):
            found[f"{name}, {part}"] = _summary([run[part] for run in runs])
    if beside:
        try:
            runs = [_pythae(data, epochs, len(x), seed, features, real) for seed in range(1 if quick else SEEDS)]
            found["pythae RAE-L2, mixture"] = _summary(runs)
        except RunError as error:
            failed("pythae", error)
    return found


def _ours(model: Autoencoder, x: Rows, x_test: Rows, features: Features, real: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    begin = time.perf_counter()
    model.fit(x)
    seconds = time.perf_counter() - begin
    again = frechet_distance(features(model.reconstruct(x_test)), real)
    runs = {}
    for part, n_components in (("one normal", 1), ("mixture", COMPONENTS)):
        distance = distance_of_draws(model, x, n_components, len(x_test), features, real, seed=0)
        runs[part] = {"samples": distance, "reconstructions": again, "fit_seconds": seconds, "epochs": model.n_epochs_}
    return runs


def _pythae(data: Path, epochs: int, rows: int, seed: int, features: Features, real: NDArray[np.float64]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        job = {"data": str(data), "folder": folder, "widths": WIDTHS, "latent_dim": LATENT, "epochs": epochs, "batch_size": BATCH}
        run = call("_frechet_pythae.py", {**job, "rows": rows, "components": COMPONENTS, "seed": seed, "samples": len(real)})
        with np.load(Path(folder) / "drawn.npz") as stored:
            samples, again = (frechet_distance(features(stored[name]), real) for name in ("samples", "reconstructions"))
    return {"samples": samples, "reconstructions": again, **run}


def _summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    means: dict[str, Any] = {name: float(np.mean([run[name] for run in runs])) for name in runs[0]}
    return {**means, "spread": float(np.std([run["samples"] for run in runs])), "runs": runs}
