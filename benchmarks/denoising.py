"""Denoising handwritten digits: `presets.denoising` beside classical filters, at several strengths of noise.

python benchmarks/denoising.py --data DIR [--only SECTION ...] [--images 1000] [--seeds 1] [--output denoising.json]
"""

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from _harness import Document, console, machine, table
from _networks import mnist
from isthmus import presets
from isthmus.corruptions import BlindSpot
from isthmus.optimizers import Adam, Adamw, Cosine, Warmup

Images = NDArray[np.float32]

SIDE = 28
LEVELS = {"0.1": (0.1, False), "0.25": (0.25, False), "0.5": (0.5, False), "0.5 clipped": (0.5, True)}
GOALS = {"0.1": 29.0, "0.25": 24.0, "0.5": 19.0, "0.5 clipped": 19.5, "noise2noise": -0.3, "blind spot": 20.5}
CPU_SECONDS = 90.0
# Settings of the filters are chosen on so many training images, never on those that are reported.
TUNING_IMAGES = 60
# Noise in a target can be learned by heart, which weight decay makes dear; and there are twice as many rows.
PAIRED: dict[str, Any] = {"optimizer": Adamw(1e-3, weight_decay=2.0, schedule=Warmup(0.05, then=Cosine())), "max_epochs": 4}
OURS: dict[str, Any] = {
    "optimizer": Adam(1.5e-3, schedule=Warmup(0.05, then=Cosine())),
    "output_activation": "clip",
    "batch_size": 256,
    "max_epochs": 6,
    "validation_fraction": None,
    "patience": None,
}


def main() -> int:
    """Run the sections asked for."""
    options = parsed()
    protocol = {
        "data": "MNIST in [0, 1], training images to learn from, the first test images to report on",
        "psnr": "mean over images of 10 log10(1 / mean squared error), in dB; every method's result is cut to [0, 1]",
        "cpu": "seconds of processor time of all threads: fit with compilation, or the filter on all reported images",
        "tuning": f"settings of non-local means and total variation: the best of a grid on {TUNING_IMAGES} training images",
        "ours": {name: repr(value) for name, value in OURS.items()},
        "precision": options.precision,
        "images": options.images,
        "seeds": options.seeds,
    }
    document = Document(options.output, protocol)
    clean = mnist(options.data)[: 2000 if options.quick else None].astype(np.float32) / 255
    test = mnist(options.data, "x_test")[: options.images].astype(np.float32) / 255
    for name in options.only:
        section = pairs if name == "pairs" else lambda *arguments, name=name: level(name, *arguments)
        document.add(name, section(clean, test, options))
    return 0


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sections = [*LEVELS, "pairs"]
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist.npz")
    parser.add_argument("--only", nargs="+", choices=sections, default=sections, metavar="SECTION", help=", ".join(sections))
    parser.add_argument("--images", type=int, default=1000, help="test images to report on (default 1000)")
    parser.add_argument("--seeds", type=int, default=1, help="fits of ours, each with another seed (default 1)")
    fast = "bfloat16" if {"avx512_bf16", "amx_bf16", "bf16"} & set(machine()["instructions"]) else "float32"
    helps = f"of our products (default bfloat16 where the processor has instructions for it; here {fast})"
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default=fast, help=helps)
    parser.add_argument("--ours", action="store_true", help="leave the filters out")
    parser.add_argument("--output", type=Path, help="JSON file of everything measured")
    parser.add_argument("--quick", action="store_true", help="few images: shows that it runs, its figures mean nothing")
    return parser.parse_args()


def level(name: str, clean: Images, test: Images, options: argparse.Namespace) -> dict[str, Any]:
    """All methods at one strength of noise."""
    sigma, clipped = LEVELS[name]
    noisy = damaged(test, sigma, clipped, seed=1)
    example, example_noisy = clean[:TUNING_IMAGES], damaged(clean[:TUNING_IMAGES], sigma, clipped, seed=2)
    measured = {"noisy": {"psnr": [psnr(noisy, test)], "cpu_seconds": [0.0]}}
    filters = {} if options.ours else {**images_filters(sigma), **learned_filters(sigma, clipped, clean)}
    for method, build in filters.items():
        start = time.process_time()
        candidates = build()
        best = max(candidates, key=lambda one: psnr(one(example_noisy), example)) if len(candidates) > 1 else candidates[0]
        result = best(noisy)
        measured[method] = {"psnr": [psnr(result, test)], "cpu_seconds": [time.process_time() - start]}
        console.log(f"sigma {name}: {method} {measured[method]['psnr'][0]:.2f} dB")
    ours: dict[str, list[float]] = {"psnr": [], "cpu_seconds": []}
    for seed in range(options.seeds):
        start = time.process_time()
        model = presets.denoising(sigma=sigma, precision=options.precision, random_state=seed, **OURS)
        if clipped:
            model.set_params(corruption=None).fit(damaged(clean, sigma, clipped, seed=3), target=clean)
        else:
            model.fit(clean)
        ours["cpu_seconds"].append(time.process_time() - start)
        ours["psnr"].append(psnr(model.reconstruct(noisy), test))
    measured["Isthmus"] = ours
    show(f"sigma {name}", measured)
    goal(f"sigma {name}: PSNR", statistics.mean(ours["psnr"]), GOALS[name])
    goal(f"sigma {name}: CPU seconds, at most", -max(ours["cpu_seconds"]), -CPU_SECONDS)
    return measured


def pairs(clean: Images, test: Images, options: argparse.Namespace) -> dict[str, Any]:
    """What can be learned at sigma 0.25 from one noisy and one clean copy, from two noisy copies, and from a single noisy one."""
    sigma = 0.25
    noisy, first, second = damaged(test, sigma, False, 1), damaged(clean, sigma, False, 3), damaged(clean, sigma, False, 4)
    both, twice = np.concatenate([first, second]), np.concatenate([clean, clean])
    ways: dict[str, Callable[[Any], Any]] = {
        "noisy and clean": lambda model: model.fit(both, target=twice),
        # Each copy is once the input and once the target.
        "noisy and noisy (noise2noise)": lambda model: model.fit(both, target=np.concatenate([second, first])),
        "one noisy copy (blind spot)": lambda model: model.set_params(corruption=BlindSpot(0.1), max_epochs=8).fit(first),
    }
    measured: dict[str, Any] = {name: {"psnr": [], "cpu_seconds": []} for name in ways}
    for seed in range(options.seeds):
        for name, fit in ways.items():
            start = time.process_time()
            model = fit(presets.denoising(corruption=None, precision=options.precision, random_state=seed, **(OURS | PAIRED)))
            measured[name]["cpu_seconds"].append(time.process_time() - start)
            measured[name]["psnr"].append(psnr(model.reconstruct(noisy), test))
            console.log(f"{name}: {measured[name]['psnr'][-1]:.2f} dB")
    show("sigma 0.25, from pairs", measured)
    supervised, other, alone = (statistics.mean(values["psnr"]) for values in measured.values())
    goal("noise2noise less supervised, dB", other - supervised, GOALS["noise2noise"])
    goal("blind spot: PSNR", alone, GOALS["blind spot"])
    return measured


def damaged(images: Images, sigma: float, clipped: bool, seed: int) -> Images:
    """A noisy copy."""
    noise = np.random.default_rng(seed).standard_normal(images.shape, dtype=np.float32)
    noisy = images + np.float32(sigma) * noise
    return np.clip(noisy, 0, 1) if clipped else noisy


def psnr(images: Images, clean: Images) -> float:
    """The mean over images, in dB, of results cut to [0, 1]."""
    errors = np.mean(np.square(np.clip(images, 0, 1) - clean), axis=1, dtype=np.float64)
    return float(np.mean(-10 * np.log10(np.maximum(errors, 1e-12))))


def images_filters(sigma: float) -> dict[str, Callable[[], list[Callable[[Images], Images]]]]:
    """Filters that know the noise and no training images, each in several settings, where their packages are installed."""
    filters: dict[str, Callable[[], list[Callable[[Images], Images]]]] = {}
    if importlib.util.find_spec("skimage"):
        from skimage import restoration

        def means(share: float) -> Callable[[Images], Images]:
            options = {"patch_size": 5, "patch_distance": 6, "sigma": sigma, "fast_mode": False, "h": share * sigma}
            return one_by_one(lambda image: restoration.denoise_nl_means(image, **options))

        def variation(weight: float) -> Callable[[Images], Images]:
            return one_by_one(lambda image: restoration.denoise_tv_chambolle(image, weight=weight * sigma))

        filters["non-local means"] = lambda: [means(share) for share in (0.4, 0.6, 0.8, 1.0)]
        filters["total variation"] = lambda: [variation(weight) for weight in (0.3, 0.5, 0.7, 1.0, 1.4)]
        if importlib.util.find_spec("pywt"):
            filters["wavelets"] = lambda: [one_by_one(lambda image: restoration.denoise_wavelet(image, sigma=sigma, rescale_sigma=True))]
    if importlib.util.find_spec("bm3d"):
        import bm3d

        filters["BM3D"] = lambda: [one_by_one(lambda image: bm3d.bm3d(image, sigma_psd=sigma))]
    return filters


def learned_filters(sigma: float, clipped: bool, clean: Images) -> dict[str, Callable[[], list[Callable[[Images], Images]]]]:
    """Linear filters that learn from the training images."""

    def wiener() -> list[Callable[[Images], Images]]:
        mean = clean.mean(axis=0, dtype=np.float64)
        values, vectors = np.linalg.eigh(np.cov(clean.T))
        matrix = vectors * (values / (values + sigma**2)) @ vectors.T
        return [lambda noisy: ((noisy - mean) @ matrix + mean).astype(np.float32)]

    def least_squares() -> list[Callable[[Images], Images]]:
        noisy = damaged(clean, sigma, clipped, seed=5).astype(np.float64)
        center, mean = noisy.mean(axis=0), clean.mean(axis=0, dtype=np.float64)
        moments = (noisy - center).T @ (clean - mean)
        matrix = np.linalg.solve((noisy - center).T @ (noisy - center), moments)
        return [lambda rows: ((rows - center) @ matrix + mean).astype(np.float32)]

    return {"PCA-Wiener": wiener, "linear least squares": least_squares}


def one_by_one(function: Callable[[Any], Any]) -> Callable[[Images], Images]:
    """A filter of one image, for many."""
    return lambda images: np.stack([function(image.reshape(SIDE, SIDE)).reshape(-1) for image in images]).astype(np.float32)


def show(title: str, measured: dict[str, Any]) -> None:
    """One row a method: means over the seeds, and their standard deviation."""
    rows = []
    for method, values in measured.items():
        spread = statistics.stdev(values["psnr"]) if len(values["psnr"]) > 1 else None
        rows.append((method, statistics.mean(values["psnr"]), spread, statistics.mean(values["cpu_seconds"])))
    table(title, ("", "PSNR, dB", "spread", "CPU s"), rows)


def goal(name: str, value: float, wanted: float) -> None:
    """Say whether a figure is as high as wanted."""
    console.print(
        f"{name}: {abs(value) if wanted < -1 else value:.2f}, wanted {abs(wanted) if wanted < -1 else wanted:g}, "
        f"{'met' if value >= wanted else 'MISSED'}"
    )


if __name__ == "__main__":
    sys.exit(main())
