"""What each loss does for reconstruction, for rows not seen, and against damaged data: handwritten digits, means over seeds.

python benchmarks/losses.py [--seeds 3] [--output losses.json]
"""

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from _harness import Document, table
from isthmus import Autoencoder

LATENT_DIM = 8
DAMAGED_SHARE = 0.05
NOISE = 0.2
LOSSES = {
    "squared_error": {},
    "absolute_error": {},
    "huber, delta 0.1": {"loss": "huber", "loss__delta": 0.1},
    "log_cosh, width 0.1": {"loss": "log_cosh", "loss__width": 0.1},
    "charbonnier, width 0.1": {"loss": "charbonnier", "loss__width": 0.1},
    "student_t, scale 0.1": {"loss": "student_t", "loss__scale": 0.1},
    "correntropy, width 0.3": {"loss": "correntropy", "loss__width": 0.3},
    "bernoulli": {},
    "ssim": {"loss": "ssim", "loss__window": 5, "loss__sigma": 1.0, "output_activation": "sigmoid"},
}
FIGURES = ("test_squared", "test_absolute", "train_squared", "damaged_squared", "noisy_squared")
HEADS = ("loss", "MSE x 1000", "MAE x 1000", "test / train MSE", "MSE x 1000, trained on damaged rows", "MSE x 1000, encoding noisy rows")


def main() -> int:
    """Fit every loss once on clean and once on damaged rows, for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="splits and random weights (default 3)")
    parser.add_argument("--output", type=Path, help="JSON file of everything measured")
    options = parser.parse_args()
    document = Document(options.output, protocol(options))
    found = {}
    for name, parameters in LOSSES.items():
        runs = [measure({"loss": name, **parameters}, seed) for seed in range(options.seeds)]
        found[name] = {figure: [run[figure] for run in runs] for figure in FIGURES}
        document.add(name, found[name])
    table(
        f"Handwritten digits in [0, 1], {LATENT_DIM} numbers a code, mean (standard deviation)",
        HEADS,
        [line(*item) for item in found.items()],
    )
    return 0


def protocol(options: argparse.Namespace) -> dict[str, Any]:
    """How it is measured, for the document."""
    return {
        "data": "scikit-learn's digits as images of 8 x 8 in [0, 1]; a quarter is held out; both errors are on clean rows held out",
        "damaged": f"{DAMAGED_SHARE:.0%} of the training values replaced by 0 or 1, either as likely; errors against clean rows",
        "noisy": f"a model of clean rows is given held-out rows with Gaussian noise of {NOISE}; errors against the clean rows",
        "model": f"Autoencoder({LATENT_DIM}), scaling off, everything else as by default",
        "seeds": options.seeds,
    }


def measure(parameters: dict[str, Any], seed: int) -> dict[str, float]:
    """One split, one clean and one damaged fit."""
    X = load_digits().images / 16.0
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(X))
    test, train = X[order[: len(X) // 4]], X[order[len(X) // 4 :]]
    hit = rng.uniform(size=train.shape) < DAMAGED_SHARE
    damaged = np.where(hit, rng.integers(0, 2, train.shape), train)
    noisy = test + rng.normal(scale=NOISE, size=test.shape)
    clean, worse = (fitted(parameters, rows, seed) for rows in (train, damaged))
    restored = clean.reconstruct(test)
    return {
        "test_squared": squared(restored, test),
        "test_absolute": float(np.mean(np.abs(restored - test))),
        "train_squared": squared(clean.reconstruct(train), train),
        "damaged_squared": squared(worse.reconstruct(test), test),
        "noisy_squared": squared(clean.reconstruct(clipped(noisy, parameters)), test),
    }


def fitted(parameters: dict[str, Any], rows: np.ndarray, seed: int) -> Autoencoder:
    """A model of rows that are already in [0, 1]."""
    return Autoencoder(LATENT_DIM, scaling=None, random_state=seed).set_params(**parameters).fit(rows)


def clipped(rows: np.ndarray, parameters: dict[str, Any]) -> np.ndarray:
    """Rows that the loss is defined for."""
    return np.clip(rows, 0.0, 1.0) if parameters["loss"] == "bernoulli" else rows


def squared(found: np.ndarray, wanted: np.ndarray) -> float:
    """The mean squared error."""
    return float(np.mean(np.square(found - wanted)))


def line(name: str, figures: dict[str, list[float]]) -> tuple[str, ...]:
    """One row of the table."""
    gaps = [test / train for test, train in zip(figures["test_squared"], figures["train_squared"], strict=True)]
    thousandths = [
        [1e3 * value for value in figures[figure]] for figure in ("test_squared", "test_absolute", "damaged_squared", "noisy_squared")
    ]
    return name, shown(thousandths[0]), shown(thousandths[1]), shown(gaps), shown(thousandths[2]), shown(thousandths[3])


def shown(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{statistics.mean(values):.2f} ({statistics.stdev(values) if len(values) > 1 else 0.0:.2f})"


if __name__ == "__main__":
    sys.exit(main())
