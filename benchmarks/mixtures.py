"""Gaussian mixtures beside scikit-learn's: seconds an iteration, many starts, how often the best optimum is found, accuracy in float32.

python benchmarks/mixtures.py [--data DIR] [--only SECTION ...] [--seeds 20] [--output mixtures.json]

Sections: `iterations`, EM at a fixed number of iterations; `starts`, 64 starts on 70 000 rows; `optima`, fits of the code of an
autoencoder of MNIST (needs --data; the code is kept in --code); `precision`, float32 rows with large means; `memory`, ten million rows.
"""

import argparse
import functools
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Theirs

from _codes import mnist_codes
from _harness import Document, console, table
from isthmus import GaussianMixture as Ours

Rows = NDArray[Any]

# rows, columns, components, covariance type, goals beside their float32 and float64
ITERATIONS = {
    "full 100k x 16, k=16": (100_000, 16, 16, "full", 2.2, 4.0),
    "full 200k x 32, k=32": (200_000, 32, 32, "full", 3.0, 8.0),
    "diag 100k x 16, k=16": (100_000, 16, 16, "diag", 1.5, None),
    "diag 200k x 32, k=32": (200_000, 32, 32, "diag", 1.5, None),
}
FEW, MANY = 2, 12
WITHIN = 1e-3


def main() -> int:
    """Run the sections asked for."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    options = parsed()
    protocol = {
        "iterations": f"from the same means, weights and precisions; (seconds of {MANY} iterations - seconds of {FEW}) / {MANY - FEW}, "
        "median of rounds, alternating",
        "starts": "the same rows for both; ours includes compilation in the first fit and not in the second",
        "optima": f"a fit is a hit when its mean log-likelihood is within {WITHIN} nats a row of the best of all fits here",
    }
    document = Document(options.output, protocol)
    sections = {"iterations": iterations, "starts": starts, "optima": optima, "precision": precision, "memory": memory}
    for name in options.only:
        document.add(name, sections[name](options))
    return 0


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sections = ["iterations", "starts", "optima", "precision", "memory"]
    parser.add_argument("--data", type=Path, help="folder with mnist.npz, for `optima`")
    parser.add_argument("--code", type=Path, default=Path("codes"), help="folder where codes are kept between runs (default codes)")
    parser.add_argument("--only", nargs="+", choices=sections, default=sections, metavar="SECTION", help=", ".join(sections))
    parser.add_argument("--rounds", type=int, default=3, help="of `iterations` (default 3)")
    parser.add_argument("--seeds", type=int, default=20, help="fits of each kind in `optima` (default 20)")
    parser.add_argument("--theirs", type=int, default=8, help="starts of theirs in `starts`; 64 takes minutes (default 8)")
    parser.add_argument("--output", type=Path, help="JSON file of everything measured")
    parser.add_argument("--quick", action="store_true", help="few rows: shows that it runs, its figures mean nothing")
    options = parser.parse_args()
    if "optima" in options.only and options.data is None:
        parser.error("`optima` needs --data")
    return options


def iterations(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds an iteration of ours and theirs, in float32 and float64."""
    found: dict[str, Any] = {}
    rows = []
    for title, (n, n_dims, k, kind, *goals) in ITERATIONS.items():
        x = blobs(20_000 if options.quick else n, n_dims, k)
        start = {"weights_init": np.full(k, 1 / k), "means_init": centers(n_dims, k), "precisions_init": precisions(kind, k, n_dims)}
        settings = {"n_components": k, "covariance_type": kind, "tol": 0.0, "random_state": 0}
        runs: dict[str, Callable[[int], Any]] = {}
        for name in ("float32", "float64"):
            cast = functools.partial(np.asarray, dtype=name)
            own = settings | {key: cast(value) for key, value in start.items()}
            runs[f"ours {name}"] = functools.partial(run_for, Ours, own, cast(x))
            runs[f"theirs {name}"] = functools.partial(run_for, Theirs, own, cast(x))
        seconds = alternated(runs, options.rounds)
        ratios = {name: seconds[f"theirs {name}"] / seconds["ours float32"] for name in ("float32", "float64")}
        ratios["both float64"] = seconds["theirs float64"] / seconds["ours float64"]
        found[title] = {"seconds": seconds, "ratios": ratios, "goals": goals}
        rows.append((title, *seconds.values(), *ratios.values()))
    heads = ("", "ours f32", "theirs f32", "ours f64", "theirs f64", "f32/f32", "f64/f32", "f64/f64")
    table("seconds an iteration, and how many times theirs takes", heads, rows)
    return found


def run_for(kind: Any, settings: Mapping[str, Any], x: Rows, n_iterations: int) -> None:
    """A fit of so many iterations."""
    kind(max_iter=n_iterations, **settings).fit(x)


def alternated(runs: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, float]:
    """Median seconds an iteration of each."""
    measured: dict[str, list[float]] = {name: [] for name in runs}
    for name, run in runs.items():
        if name.startswith("ours"):
            run(FEW)  # compiled
    for _ in range(rounds):
        for name, run in runs.items():
            few, many = timed(lambda run=run: run(FEW))[0], timed(lambda run=run: run(MANY))[0]
            measured[name].append((many - few) / (MANY - FEW))
    return {name: statistics.median(values) for name, values in measured.items()}


def starts(options: argparse.Namespace) -> dict[str, Any]:
    """64 starts on 70 000 x 10 rows, k = 10."""
    x = blobs(3000 if options.quick else 70_000, 10, 10, overlap=3.0).astype(np.float32)
    found: dict[str, Any] = {}
    rows = []
    for name, make in {
        "64 starts": lambda: Ours(10, n_init=64, n_swaps=0, random_state=0),
        "64 starts and swaps (default)": lambda: Ours(10, random_state=0),
    }.items():
        first, _ = timed(lambda make=make: make().fit(x))
        again, model = timed(lambda make=make: make().fit(x))
        found[name] = {"first": first, "again": again, "log_likelihood": model.score(x)}
        rows.append((name, first, again, found[name]["log_likelihood"]))
    n = options.theirs
    seconds, model = timed(lambda: Theirs(10, n_init=n, random_state=0).fit(x))
    found["theirs"] = {"n_init": n, "seconds": seconds, "log_likelihood": model.score(x)}
    rows.append((f"scikit-learn, n_init={n}", seconds, seconds, model.score(x)))
    table("70 000 x 10, k = 10, float32", ("", "first fit, s", "another fit, s", "nats a row"), rows)
    return found


def optima(options: argparse.Namespace) -> dict[str, Any]:
    """How often fits of an autoencoder's code find the best optimum."""
    z, _ = mnist_codes(options.data, options.code, seed=0, quick=options.quick)
    makers = {
        "ours, default": lambda seed: Ours(10, random_state=seed),
        "ours, 64 starts, no swaps": lambda seed: Ours(10, n_swaps=0, random_state=seed),
        "scikit-learn, default": lambda seed: Theirs(10, random_state=seed),
        "scikit-learn, tol=1e-5, 500 iterations": lambda seed: Theirs(10, tol=1e-5, max_iter=500, random_state=seed),
    }
    values: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    for name, make in makers.items():
        for seed in range(3 if options.quick else options.seeds):
            spent, model = timed(lambda make=make, seed=seed: make(seed).fit(z))
            values.setdefault(name, []).append(float(model.score(z)))
            seconds.setdefault(name, []).append(spent)
        console.log(f"{name}: best {max(values[name]):.4f}")
    best = max(max(own) for own in values.values())
    hits = {name: float(np.mean(np.array(own) > best - WITHIN)) for name, own in values.items()}
    rows = []
    for name, own in values.items():
        rows.append((name, hits[name], max(own), statistics.median(own), min(own), statistics.median(seconds[name])))
    table("code of MNIST, 70 000 x 10, k = 10", ("", "hits", "best", "median", "worst", "median s"), rows)
    return {"values": values, "seconds": seconds, "best": best, "hits": hits}


def precision(options: argparse.Namespace) -> dict[str, Any]:
    """The mean log-likelihood in float32 and float64 where means are far from zero."""
    n = 2000 if options.quick else 20_000
    found: dict[str, Any] = {}
    for kind in ("full", "tied", "diag", "spherical", "low_rank"):
        for shift in (0.0, 1e4):
            x = (blobs(n, 5, 4) + shift).astype(np.float32)
            single, double = (Ours(4, covariance_type=kind, n_init=8, n_swaps=0, random_state=0).fit(x.astype(t)) for t in ("f4", "f8"))
            found[f"{kind}, mean {shift:g}"] = abs(single.score(x) - double.score(x.astype(np.float64)))
    table("float32 against float64, nats a row", ("", "difference"), list(found.items()))
    return found


def memory(options: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of a fit of ten million rows, beyond the rows themselves."""
    n = 100_000 if options.quick else 10_000_000
    x = np.empty((n, 8), np.float32)
    for start in range(0, n, 1_000_000):
        x[start : start + 1_000_000] = blobs(min(1_000_000, n - start), 8, 8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, model = timed(lambda: Ours(8, n_init=8, n_swaps=0, max_iter=10, random_state=0).fit(x))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"rows_mebibytes": x.nbytes / 2**20, "beyond_mebibytes": peak - before, "seconds": seconds, "iterations": model.n_iter_}
    table(f"{n} x 8 rows", tuple(found), [tuple(found.values())])
    return found


def centers(n_dims: int, k: int, *, overlap: float = 1.0) -> Rows:
    """The means of the groups of `blobs`."""
    return np.random.default_rng(0).normal(size=(k, n_dims)) * 3.0 / overlap


def blobs(n: int, n_dims: int, k: int, *, overlap: float = 1.0) -> Rows:
    """Groups of random shape, the same for the same numbers."""
    rng = np.random.default_rng(1)
    means = centers(n_dims, k, overlap=overlap)
    factors = rng.normal(size=(k, n_dims, n_dims)) / np.sqrt(n_dims)
    which = rng.integers(k, size=n)
    x = np.empty((n, n_dims))
    for index in range(k):
        own = which == index
        x[own] = means[index] + rng.normal(size=(int(own.sum()), n_dims)) @ factors[index]
    return x


def precisions(kind: str, k: int, n_dims: int) -> Rows:
    """Identities in the shape of a covariance type."""
    return np.broadcast_to(np.eye(n_dims), (k, n_dims, n_dims)).copy() if kind == "full" else np.ones((k, n_dims))


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came out."""
    begin = time.perf_counter()
    found = run()
    return time.perf_counter() - begin, found


if __name__ == "__main__":
    sys.exit(main())
