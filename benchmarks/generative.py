"""Generative models of MNIST: likelihoods and speed beside pythae, published marks, and what is drawn from plain codes.

python benchmarks/generative.py --data DIR [--only SECTION ...] [--images 10000] [--importance 5000] [--output generative.json]

Sections: `speed`, seconds an epoch; `beside`, the same binarization, network, batches, rate and epochs for both; `published`, ours alone,
for as many epochs as an hour of two cores allows; `frechet`, RAE-L2 and a plain autoencoder with mixtures on their codes.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from _frechet import frechet_rows
from _harness import Document, RunError, call, console, failed, table

_PLAIN: dict[str, Any] = {
    "gated": False,
    "activation": "relu",
    "n_samples": 1,
    "pseudo_rows": 0,
    "draws": 1,
    "rows": 60_000,
    "rate": 1e-3,
    "cosine": True,
}
# The networks of the papers, as pythae's scripts that reproduce them have them.
NETWORKS: dict[str, dict[str, Any]] = {
    "vae": {**_PLAIN, "widths": (400,), "latent_dim": 40, "batch_size": 100},
    "vamp": {**_PLAIN, "widths": (300, 300), "gated": True, "latent_dim": 40, "batch_size": 100, "pseudo_rows": 500, "rate": 5e-4},
    "iwae": {**_PLAIN, "widths": (200, 200), "activation": "tanh", "latent_dim": 50, "batch_size": 100, "n_samples": 50},
    "sphere": {**_PLAIN, "widths": (256, 128), "latent_dim": 11, "batch_size": 64},
}
SPEED: dict[str, Any] = {**_PLAIN, "model": "vae", "widths": (512,), "latent_dim": 40, "batch_size": 100, "epochs": 4, "images": 0}
# A rate that falls gains where epochs are many; where they are few it only makes them fewer.
BESIDE: dict[str, dict[str, Any]] = {
    "vae": {"epochs": 50},
    "vamp": {"epochs": 20, "cosine": False},
    "iwae": {"epochs": 8, "cosine": False},
    "sphere": {"epochs": 30},
}
# The papers' protocols, but for the VampPrior's batch size, the rate of IWAE, and epochs, of which there are as many as time allows.
PUBLISHED: dict[str, dict[str, Any]] = {
    "vae": {"epochs": 500},
    "vamp": {"epochs": 350, "batch_size": 250},
    "vamp_drawn": {"model": "vamp", "epochs": 300, "batch_size": 250, "draws": 10},
    "iwae": {"epochs": 70, "rate": 4e-3},
    "sphere": {"epochs": 500, "draws": 10},
}
GOALS = {"vae": 89.9, "vamp": 85.8, "vamp_drawn": 84.5, "iwae": 87.1, "sphere": 93.2}
MARGIN, SPEEDUP = 0.2, 3.5


def main() -> int:
    """Run the sections asked for."""
    options = parsed()
    protocol = {
        "data": "MNIST, each pixel a one with the probability of its gray value, drawn once with a fixed seed, not Larochelle's draw; "
        "10 draws of each training image where `draws` says so",
        "nll": f"minus log p(x) in nats, {options.importance} importance samples, mean over the first {options.images} test images",
        "beside": "the same data, network, batch size, rate and number of epochs; ours with a cosine schedule where `cosine` says so, "
        "pythae at a constant rate; weights drawn as PyTorch draws them",
        "seconds": "of wall time on the cores at hand, compilation included in `fit_seconds`, not in `epoch_seconds`",
        "networks": NETWORKS,
        "threads": os.cpu_count(),
        "platform": options.platform,
    }
    document = Document(options.output, protocol)
    sections = {"speed": speed, "beside": beside, "published": published, "frechet": frechet}
    for name in options.only:
        document.add(name, sections[name](options))
    return 0


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sections = ["speed", "beside", "published", "frechet"]
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist.npz")
    parser.add_argument("--only", nargs="+", choices=sections, default=sections, metavar="SECTION", help=", ".join(sections))
    models = f"{', '.join(PUBLISHED)}; vamp_drawn in `published` alone"
    parser.add_argument("--models", nargs="+", choices=list(PUBLISHED), default=list(PUBLISHED), metavar="MODEL", help=models)
    parser.add_argument("--images", type=int, default=10_000, help="test images that likelihoods are estimated on (default 10000)")
    parser.add_argument("--importance", type=int, default=5000, help="importance samples for each (default 5000)")
    parser.add_argument("--epochs", type=int, help="in the place of each row's own")
    parser.add_argument("--seeds", type=int, default=1, help="of each row of `beside` (default 1)")
    parser.add_argument("--rounds", type=int, default=3, help="of `speed` (default 3)")
    parser.add_argument("--platform", choices=("cpu", "cuda"), default="cpu", help="where ours runs (default cpu; pythae always there)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of our products in `published`")
    parser.add_argument("--ours", action="store_true", help="leave pythae out")
    parser.add_argument("--output", type=Path, help="JSON file of everything measured")
    parser.add_argument("--quick", action="store_true", help="few images: shows that it runs, its figures mean nothing")
    return parser.parse_args()


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds an epoch of both, alternating."""
    job = {**SPEED, "data": str(options.data), "importance": 1, "seed": 0} | ({"rows": 2000} if options.quick else {})
    found: dict[str, list[float]] = {"isthmus": [], "isthmus, bfloat16": [], "pythae": []}
    for _ in range(options.rounds):
        for name, seconds in found.items():
            if not (options.ours and name == "pythae"):
                library, _, precision = name.partition(", ")
                seconds.append(call(f"_generative_{library}.py", job | {"precision": precision or "float32"})["epoch_seconds"])
    medians = {name: statistics.median(seconds) for name, seconds in found.items() if seconds}
    ratio = medians.get("pythae", float("nan")) / medians["isthmus"]
    rows = list(medians.items())
    table(f"784-512-40, batch 100: {ratio:.2f} times as fast (goal {SPEEDUP})", ("library", "seconds an epoch"), rows)
    return {"medians": medians, "runs": found, "ratio": ratio}


def beside(options: argparse.Namespace) -> dict[str, Any]:
    """Both libraries, one table a model and seed, and the mean difference over seeds."""
    measured: dict[str, Any] = {}
    for name in (name for name in options.models if name in BESIDE):
        runs, differences = [], []
        for seed in range(options.seeds):
            job = _job(name, options, {**BESIDE[name], "seed": seed})
            found = {library: _run(library, job, options) for library in ("isthmus", *(() if options.ours else ("pythae",)))}
            runs.append({"job": job, **found})
            _show(f"{name}, {job['epochs']} epochs, seed {seed}", found)
            if {"isthmus", "pythae"} <= {library for library, run in found.items() if "nll" in run}:
                differences.append(found["isthmus"]["nll"] - found["pythae"]["nll"])
        measured[name] = {"runs": runs, "differences": differences}
        if differences:
            console.print(
                f"  {name}: {statistics.mean(differences):+.2f} nats, standard deviation {statistics.pstdev(differences):.2f}, "
                f"{len(differences)} seeds (goal: no more than {MARGIN:+.1f})"
            )
    return measured


def published(options: argparse.Namespace) -> dict[str, Any]:
    """Ours alone, for long."""
    measured: dict[str, Any] = {}
    for name in options.models:
        job = _job(name, options, PUBLISHED[name]) | {"precision": options.precision}
        measured[name] = {"job": job, "goal": GOALS[name], "isthmus": _run("isthmus", job, options)}
        _show(f"{name}, {job['epochs']} epochs, goal {GOALS[name]}", {"isthmus": measured[name]["isthmus"]})
    return measured


def frechet(options: argparse.Namespace) -> dict[str, Any]:
    """What is drawn from codes without a prior, by the distance of features from those of test images."""
    found = frechet_rows(options.data, quick=options.quick, beside=not options.ours)
    columns = ("model", "Fréchet distance", "of reconstructions", "fit seconds", "epochs")
    rows = [(name, *(row.get(key) for key in ("samples", "reconstructions", "fit_seconds", "epochs"))) for name, row in found.items()]
    table("Fréchet distance from test images, features of the classifier trained here", columns, rows)
    return found


def _job(name: str, options: argparse.Namespace, own: Mapping[str, Any]) -> dict[str, Any]:
    job = {**NETWORKS[own.get("model", name)], "seed": 0, "model": name, **own, "data": str(options.data)}
    job |= {"images": options.images, "importance": options.importance}
    if options.epochs:
        job["epochs"] = options.epochs
    return job | ({"rows": 2000, "epochs": 2, "draws": 1, "images": 20, "importance": 100} if options.quick else {})


def _run(library: str, job: Mapping[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    begin = time.perf_counter()
    on_gpu = {"JAX_PLATFORMS": "cuda", "CUDA_VISIBLE_DEVICES": "0"} if options.platform == "cuda" and library == "isthmus" else {}
    try:
        found = call(f"_generative_{library}.py", job, on_gpu)
    except RunError as error:
        failed(library, error)
        return {"error": str(error)}
    console.log(f"{job['model']}: {library} {found['nll']:.2f} nats, {time.perf_counter() - begin:.0f} s")
    return found


def _show(title: str, found: Mapping[str, Mapping[str, Any]]) -> None:
    keys = ("nll", "negative_elbo", "active_units", "epochs", "epoch_seconds", "fit_seconds", "estimate_seconds")
    table(title, ("library", *keys), [(library, *(run.get(key) for key in keys)) for library, run in found.items()])


if __name__ == "__main__":
    sys.exit(main())
