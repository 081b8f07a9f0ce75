"""Clusters on the code of an autoencoder: k-means, scikit-learn's mixture, ours, ours on a manifold, and ours learned jointly.

python benchmarks/clustering.py --data DIR [--only SECTION ...] [--seeds 10] [--output clustering.json]

Sections: `mnist`, codes of all 70 000 images; `manifold`, a manifold of such codes and what is learned jointly from there; `digits`, the
1797 of scikit-learn; `samples`, rows drawn from a mixture on the code of a plain autoencoder and from a single normal distribution there,
by the distance of features from those of test images.
"""

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import GaussianMixture as Theirs
from sklearn.preprocessing import FunctionTransformer

from _codes import EPOCHS, WIDTHS, autoencoder, mnist_rows
from _frechet import digits_and_features, distance_of_draws
from _harness import Document, console, table
from isthmus import Autoencoder, GaussianMixture, LatentMixture
from isthmus.architectures import Dense
from isthmus.initializers import FanScaled
from isthmus.metrics import matched_accuracy

ROUNDS = 4  # of what is learned jointly; the first does most
# Longer training sharpens the neighborhoods that a manifold is made of, and bends the groups that a mixture on the code takes for normal.
MANIFOLD_EPOCHS = 50


def main() -> int:
    """Run the sections asked for."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    options = parsed()
    protocol = {
        "accuracy": "share of rows in the cluster that the best one-to-one matching gives their digit, all rows of the fit",
        "seeds": f"{options.seeds}, of networks and mixtures alike; none is left out",
    }
    document = Document(options.output, protocol)
    sections = {"mnist": mnist, "manifold": manifold, "digits": digits, "samples": samples}
    for name in options.only:
        document.add(name, sections[name](options))
    return 0


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sections = ["mnist", "manifold", "digits", "samples"]
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist.npz")
    parser.add_argument("--code", type=Path, default=Path("codes"), help="folder where codes are kept between runs (default codes)")
    parser.add_argument("--only", nargs="+", choices=sections, default=sections, metavar="SECTION", help=", ".join(sections))
    parser.add_argument("--seeds", type=int, default=10, help="(default 10)")
    parser.add_argument("--first-seed", type=int, default=0, help="of MNIST, so that two processes can share the seeds (default 0)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of the products of networks")
    parser.add_argument("--output", type=Path, help="JSON file of everything measured")
    parser.add_argument("--quick", action="store_true", help="few rows: shows that it runs, its figures mean nothing")
    return parser.parse_args()


def mnist(options: argparse.Namespace) -> dict[str, Any]:
    """Accuracy and mutual information of mixtures on the code, for each way and seed."""
    return shown("the code of MNIST, 70 000 images", by_seed(options, "mnist", mnist_seed))


def mnist_seed(options: argparse.Namespace, seed: int) -> dict[str, dict[str, float]]:
    """Every way on the code of one autoencoder."""
    x, y = mnist_rows(options.data, quick=options.quick)
    z = narrow_start(seed, EPOCHS, options).fit_transform(x)
    return {
        "k-means": judged(lambda: KMeans(10, n_init=10, random_state=seed).fit_predict(z), y),
        "scikit-learn's mixture": judged(lambda: Theirs(10, random_state=seed).fit_predict(z), y),
        "GaussianMixture(10)": judged(lambda: GaussianMixture(10, random_state=seed).fit_predict(z), y),
        "LatentMixture(10)'s own mixture": judged(lambda: last_stage(z, seed), y),
    }


def manifold(options: argparse.Namespace) -> dict[str, Any]:
    """The same on the manifold of a code of longer training, and of what is learned jointly from there."""
    return shown("the manifold of a code of MNIST, 70 000 images", by_seed(options, "manifold", manifold_seed))


def manifold_seed(options: argparse.Namespace, seed: int) -> dict[str, dict[str, float]]:
    """Stages and joint learning on one autoencoder: its codes and the manifold are recorded on the way."""
    x, y = mnist_rows(options.data, quick=options.quick)
    with tempfile.TemporaryDirectory() as folder:
        model = LatentMixture(
            10,
            autoencoder=narrow_start(seed, MANIFOLD_EPOCHS, options),
            manifold=Recorded(folder, seed),
            joint="variational",
            n_rounds=ROUNDS,
            random_state=seed,
        )
        jointly = judged(lambda: model.fit(x).labels_, y)
        with np.load(Path(folder) / "places.npz") as stored:
            z, places = stored["codes"], stored["places"]
    return {
        "LatentMixture(10)'s own mixture, on the code": judged(lambda: last_stage(z, seed), y),
        "GaussianMixture(10), on the manifold": judged(lambda: GaussianMixture(10, random_state=seed).fit_predict(places), y),
        "joint='variational', begun on the manifold": jointly,
    }


def by_seed(options: argparse.Namespace, section: str, measured: Callable[[argparse.Namespace, int], Any]) -> dict[str, list[Any]]:
    """What each seed gave; seeds that are done already are read from the folder of codes."""
    found: dict[str, list[Any]] = {}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        path = options.code / f"clusters_{section}{'_quick' if options.quick else ''}_{options.precision}_{seed}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(measured(options, seed)))
        found_now = json.loads(path.read_text())
        for name, run in found_now.items():
            found.setdefault(name, []).append(run)
        console.log(f"seed {seed}: " + ", ".join(f"{name} {run['accuracy']:.3f}" for name, run in found_now.items()))
    return found


def narrow_start(seed: int, epochs: int, options: argparse.Namespace) -> Autoencoder:
    """The network of DEC with a likelihood for its loss, and first weights that are narrow, as DEC's are."""
    architecture = Dense(WIDTHS, activation="relu", initializer=FanScaled(0.3))
    model = autoencoder(seed, quick=options.quick, epochs=epochs)
    return model.set_params(architecture=architecture, loss="bernoulli", precision=options.precision)


def last_stage(places: NDArray[Any], seed: int) -> NDArray[Any]:
    """The clusters of codes by the last stage of `LatentMixture`, with its own mixture."""
    return LatentMixture(10, autoencoder=FunctionTransformer(validate=True), random_state=seed).fit(places).labels_


class Recorded(TransformerMixin, BaseEstimator):
    """UMAP that leaves what it was given and what it made in a file."""

    def __init__(self, folder: str = ".", seed: int = 0) -> None:
        self.folder = folder
        self.seed = seed

    def fit_transform(self, z: NDArray[Any], y: Any = None) -> NDArray[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of packages that UMAP can do without
            from umap import UMAP
        places = UMAP(n_components=10, n_neighbors=20, min_dist=0.0, n_jobs=1, random_state=self.seed).fit_transform(z)
        np.savez(Path(self.folder) / "places.npz", codes=z, places=places)
        return places

    def transform(self, z: NDArray[Any]) -> NDArray[Any]:
        raise TypeError("only rows of the fit are placed")


def digits(options: argparse.Namespace) -> dict[str, Any]:
    """The defaults of `LatentMixture` on 1797 digits of 8 x 8."""
    x, y = load_digits(return_X_y=True)

    def runs(**parameters: Any) -> list[dict[str, float]]:
        return [judged(lambda s=s: LatentMixture(10, random_state=s, **parameters).fit(x).labels_, y) for s in range(options.seeds)]

    found = {
        "k-means on pixels": [judged(lambda s=s: KMeans(10, n_init=10, random_state=s).fit_predict(x), y) for s in range(options.seeds)],
        "LatentMixture(10)": runs(),
        "joint='soft_assignment'": runs(joint="soft_assignment"),
        "joint='variational'": runs(joint="variational"),
        "manifold='umap'": runs(manifold="umap"),
        "both": runs(manifold="umap", joint="variational"),
    }
    return shown("digits", found)


def samples(options: argparse.Namespace) -> dict[str, Any]:
    """The Fréchet distance of drawn digits from test images, of one decoder and two densities of codes."""
    x, x_test, features = digits_and_features(options.data, quick=options.quick)
    real = features(x_test)
    found: dict[str, list[float]] = {"a single normal distribution": [], "a mixture of 10": [], "a mixture of 50": []}
    for seed in range(min(options.seeds, 3)):
        model = Autoencoder(
            16,
            architecture=Dense((512, 256)),
            output_activation="sigmoid",
            max_epochs=2 if options.quick else 20,
            scaling=None,
            random_state=seed,
        ).fit(x)
        for (name, values), k in zip(found.items(), (1, 10, 50), strict=True):
            values.append(distance_of_draws(model, x, k, len(x_test), features, real, seed=seed))
            console.log(f"seed {seed}, {name}: {values[-1]:.2f}")
    rows = [(name, float(np.mean(values)), float(np.std(values))) for name, values in found.items()]
    table("Fréchet distance of drawn digits", ("codes from", "mean", "spread"), rows)
    return {**found, "classifier_accuracy": features.accuracy}


def judged(run: Any, y: NDArray[Any]) -> dict[str, float]:
    """Accuracy, normalized mutual information and seconds."""
    begin = time.perf_counter()
    labels = run()
    seconds = time.perf_counter() - begin
    matched = matched_accuracy(y, labels)
    return {"accuracy": matched, "nmi": float(normalized_mutual_info_score(y, labels)), "seconds": seconds}


def shown(title: str, found: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """The table, and all runs."""
    rows, summary = [], {}
    for name, runs in found.items():
        accuracy, nmi, seconds = (np.array([run[key] for run in runs]) for key in ("accuracy", "nmi", "seconds"))
        rows.append((name, accuracy.mean(), accuracy.std(), accuracy.min(), accuracy.max(), nmi.mean(), np.median(seconds)))
        summary[name] = {"accuracy": float(accuracy.mean()), "spread": float(accuracy.std()), "nmi": float(nmi.mean()), "runs": runs}
    cells = [tuple(float(cell) if not isinstance(cell, str) else cell for cell in row) for row in rows]
    table(title, ("", "accuracy", "spread", "lowest", "highest", "NMI", "median s"), cells)
    return summary


if __name__ == "__main__":
    sys.exit(main())
