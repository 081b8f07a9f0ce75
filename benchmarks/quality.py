"""Quality of the defaults: held-out error of `Autoencoder(latent_dim)` against PCA of the same width, nothing else given.

python benchmarks/quality.py [--data DIR] [--only NAME ...] [--seeds 5] [--output quality.json]
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_linnerud, load_sample_images, load_wine
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from _harness import Document, console, table
from _networks import mnist
from isthmus import Autoencoder

HEADS = ("", "rows", "columns", "latent", "PCA", "Isthmus", "ratio", "spread", "below PCA", "s a fit", "epochs")


@dataclass(frozen=True)
class Case:
    """One table to encode: what it is called, its rows, and whether the columns are standardized for both beforehand."""

    name: str
    x: Any
    standardized: bool


def main() -> int:
    """Run the data sets asked for."""
    loaders: dict[str, Callable[[], Any]] = {
        "iris": lambda: load_iris(return_X_y=True)[0],
        "linnerud": lambda: load_linnerud(return_X_y=True)[0],
        "diabetes": lambda: load_diabetes(return_X_y=True)[0],
        "wine": lambda: load_wine(return_X_y=True)[0],
        "breast_cancer": lambda: load_breast_cancer(return_X_y=True)[0],
        "digits": lambda: load_digits(return_X_y=True)[0],
        "patches": patches,
    }
    options = parsed((*loaders, "mnist"))
    document = Document(options.output, protocol(options))
    missed = []
    for name in options.only:
        if name == "mnist":
            results = [compare_mnist(options.data, dtype, options.mnist_seeds) for dtype in ("uint8", "float32")]
        else:
            x = loaders[name]()
            cases = [Case(name, x, False), Case(f"{name}, standardized", x, True)]
            results = [compare(case, latent_dim, options.seeds) for case in cases for latent_dim in widths(x.shape[1])]
        table(name, HEADS, [row(result) for result in results])
        missed += [f"{result['name']}, latent {result['latent_dim']}" for result in results if not reached(result)]
        document.add(name, results)
    document.content["missed"] = missed
    document.write()
    console.print("\n".join(["Not reached:", *missed]) if missed else "Every data set reaches its goal.")
    return 0


def parsed(names: tuple[str, ...]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with mnist.npz; without it mnist is left out")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--seeds", type=int, default=5, help="splits of each small data set (default 5)")
    parser.add_argument("--mnist-seeds", type=int, default=1, help="fits on MNIST for each data type (default 1)")
    parser.add_argument("--output", type=Path, help="JSON file of everything measured")
    options = parser.parse_args()
    options.only = options.only or [name for name in names if name != "mnist" or options.data]
    return options


def protocol(options: argparse.Namespace) -> dict[str, Any]:
    """How it is measured, for the document."""
    return {
        "small": "a quarter of the rows held out, one split and one random_state a seed; mean squared error of the held-out rows in the "
        "units given to both; ratio = Isthmus / PCA, mean and standard deviation over the seeds; PCA sees all training rows",
        "standardized": "both are given columns with mean 0 and deviation 1 on the training rows",
        "mnist": "first 20000 training images, 16 dimensions, error on the 10000 test images with pixels in [0, 1]",
        "seeds": options.seeds,
        "mnist_seeds": options.mnist_seeds,
        "seconds": "wall time of the fit, compilation in",
    }


def widths(columns: int) -> list[int]:
    """Two, and a quarter of the columns."""
    return sorted({2, max(1, math.ceil(columns / 4))})


def patches() -> Any:
    """Gray 8x8 patches of the two photographs that ship with scikit-learn, 1000 of each."""
    grays = [image.mean(axis=2) for image in load_sample_images().images]
    return np.concatenate([extract_patches_2d(gray, (8, 8), max_patches=1000, random_state=0) for gray in grays]).reshape(2000, 64)


def compare(case: Case, latent_dim: int, seeds: int) -> dict[str, Any]:
    """One data set at one width, over several splits."""
    runs = []
    for seed in range(seeds):
        train, test = train_test_split(case.x, test_size=0.25, random_state=seed)
        if case.standardized:
            scaler = StandardScaler().fit(train)
            train, test = scaler.transform(train), scaler.transform(test)
        runs.append(errors(train, test, latent_dim, seed))
    return summarized(case.name, case.x.shape, latent_dim, runs, wanted=1.0)


def compare_mnist(folder: Path | None, dtype: str, seeds: int) -> dict[str, Any]:
    """28x28 images at 16 dimensions with 20 000 rows, as bytes or as numbers in [0, 1]."""
    train, test = mnist(folder)[:20_000], mnist(folder, "x_test")
    unit = 255.0 if dtype == "uint8" else 1.0
    if dtype == "float32":
        train, test = (images.astype(np.float32) / np.float32(255.0) for images in (train, test))
    runs = [errors(train, test, 16, seed, unit) for seed in range(seeds)]
    return summarized(f"mnist, {dtype}", train.shape, 16, runs, wanted=0.7)


def errors(train: Any, test: Any, latent_dim: int, seed: int, unit: float = 1.0) -> dict[str, float]:
    """Held-out mean squared error of both, in units of `unit` squared."""
    pca = PCA(latent_dim, random_state=seed).fit(train)
    start = time.perf_counter()
    autoencoder = Autoencoder(latent_dim, random_state=seed).fit(train)
    seconds = time.perf_counter() - start
    rebuilt = {"pca": pca.inverse_transform(pca.transform(test)), "isthmus": autoencoder.reconstruct(test)}
    truth = np.asarray(test, np.float64)
    found = {name: float(np.mean(np.square((np.asarray(x, np.float64) - truth) / unit))) for name, x in rebuilt.items()}
    return {**found, "ratio": found["isthmus"] / found["pca"], "seconds": seconds, "epochs": float(autoencoder.n_epochs_)}


def summarized(name: str, shape: tuple[int, ...], latent_dim: int, runs: list[dict[str, float]], *, wanted: float) -> dict[str, Any]:
    """Means over the seeds, and the spread of the ratio."""
    ratios = [run["ratio"] for run in runs]
    means = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
    spread = float(np.std(ratios, ddof=1)) if len(ratios) > 1 else 0.0
    below = sum(ratio < 1 for ratio in ratios)
    head = {"name": name, "rows": shape[0], "columns": shape[1], "latent_dim": latent_dim, "wanted": wanted}
    return {**head, **means, "spread": spread, "below": below, "runs": runs}


def reached(result: dict[str, Any]) -> bool:
    """Whether the error is as far below PCA's as wanted, and no fit took more than two minutes."""
    return result["ratio"] < result["wanted"] and max(run["seconds"] for run in result["runs"]) < 120


def row(result: dict[str, Any]) -> tuple[Any, ...]:
    """A line of the table."""
    below = f"{result['below']} of {len(result['runs'])}"
    head = (result["name"], result["rows"], result["columns"], result["latent_dim"], result["pca"], result["isthmus"])
    return (*head, result["ratio"], result["spread"], below, result["seconds"], result["epochs"])


if __name__ == "__main__":
    sys.exit(main())
