"""Measure every preset on handwritten digits and write the table of docs/models.md.

python docs/make_models.py [PRESET ...] [--seeds 3]
"""

import argparse
import json
import re
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from isthmus import Autoencoder, presets
from isthmus.losses import AbstractLikelihood

PAGE = Path(__file__).parent / "models.md"
BEGIN, END = "<!-- measured by docs/make_models.py: begin -->", "<!-- end -->"
WIDTH, COMPONENTS = 8, 10
# Formula, paper, what it is for: what the docstrings say, short enough for a table.
ROWS: dict[str, tuple[str, str, str]] = {
    "autoencoder": ("`|x - g(f(x))|²`", "Hinton & Salakhutdinov 2006", "features, compression; the measure of the others"),
    "denoising": ("`|x - g(f(x + noise))|²`", "Vincent et al. 2010", "taking noise off; its code is wide"),
    "contractive": ("`+ w |df/dx|²`", "Rifai et al. 2011", "codes that do not follow noise"),
    "sparse": (
        "`z = the k largest of f(x)`",
        "[1312.5663](https://arxiv.org/abs/1312.5663), [2406.04093](https://arxiv.org/abs/2406.04093)",
        "entries that can be named",
    ),
    "vae": (
        "`-E_q log p(x|z) + KL(q(z|x) ‖ p)`",
        "[1312.6114](https://arxiv.org/abs/1312.6114)",
        "drawing rows, likelihoods, dimensions that are needed",
    ),
    "beta_vae": ("`... + β KL`", "Higgins et al. 2017", "fewer dimensions, each nearer to a factor"),
    "beta_tc_vae": (
        "`... + (β - 1) KL(q(z) ‖ Π q(z_j))`",
        "[1802.04942](https://arxiv.org/abs/1802.04942)",
        "independent dimensions at less cost in error",
    ),
    "factor_vae": ("the same, by a discriminator", "[1802.05983](https://arxiv.org/abs/1802.05983)", "the same in small batches"),
    "info_vae": (
        "`... + (1 - a) KL + w MMD²(q(z), p)`",
        "[1706.02262](https://arxiv.org/abs/1706.02262)",
        "codes that hold more of each row",
    ),
    "iwae": ("`-E log mean_k p(x, z_k) / q(z_k|x)`", "[1509.00519](https://arxiv.org/abs/1509.00519)", "a better likelihood"),
    "vamp_vae": ("`p(z) = mean_k q(z|u_k)`", "[1705.07120](https://arxiv.org/abs/1705.07120)", "a better likelihood, codes in groups"),
    "sphere_vae": ("`q = vMF on the sphere`", "[1804.00891](https://arxiv.org/abs/1804.00891)", "directions, groups that lie apart"),
    "wae": ("`|x - g(f(x))|² + w MMD²(z, p)`", "[1711.01558](https://arxiv.org/abs/1711.01558)", "drawing rows that are not blurred"),
    "aae": ("`... + w (log 1/2 - log D(z))`", "[1511.05644](https://arxiv.org/abs/1511.05644)", "the same, by a discriminator"),
    "rae": ("`... + w |z|²/2 + d |W_g|²`", "[1903.12436](https://arxiv.org/abs/1903.12436)", "drawing rows from a plain autoencoder"),
    "vqvae": ("`z = nearest of a codebook`", "[1711.00937](https://arxiv.org/abs/1711.00937)", "codes that are whole numbers"),
    "fsq": ("`z_j = rounded`", "[2309.15505](https://arxiv.org/abs/2309.15505)", "the same without a codebook"),
}
OWN_WIDTH = {"denoising": 64, "sparse": 128, "vqvae": 16}


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="only these, and write nothing")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--parameters", type=json.loads, default={}, help="of the presets, as JSON, to try others; nothing is written")
    options = parser.parse_args()
    missing = set(presets.__all__) ^ (set(ROWS) - {"autoencoder"})
    assert not missing, f"presets and rows differ: {missing}"
    digits, labels = load_digits(return_X_y=True)
    data = train_test_split(digits, labels, test_size=500, random_state=0)
    measured = {}
    for name in options.presets or ROWS:
        runs = [measure(name, seed, data, options.parameters) for seed in range(options.seeds)]
        measured[name] = {key: [run[key] for run in runs] for key in runs[0]}
        print(name, {key: round(statistics.mean(values), 3) for key, values in measured[name].items() if values[0] is not None}, flush=True)
    if not options.presets and not options.parameters:
        write(measured)
    return 0


def measure(name: str, seed: int, data: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """One fit."""
    train, test, train_labels, test_labels = data
    width = OWN_WIDTH.get(name, WIDTH)
    make = Autoencoder if name == "autoencoder" else getattr(presets, name)
    model = make(width, random_state=seed, **parameters)
    begin = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(train)
    seconds = time.perf_counter() - begin
    pca = PCA(min(width, 64), random_state=0).fit(train)
    of_pca = np.mean((test - pca.inverse_transform(pca.transform(test))) ** 2)
    neighbors = KNeighborsClassifier(5).fit(model.transform(train), train_labels)
    probabilistic = model.model_.parts.bottleneck.is_probabilistic and isinstance(model.model_.parts.loss, AbstractLikelihood)
    try:
        own = frechet(model.sample(2000, random_state=0), test)
    except ValueError:
        own = None
    mixed = frechet(model.fit_density(train, n_components=COMPONENTS, random_state=0).sample(2000, random_state=0), test)
    return {
        "error": float(np.mean((test - model.reconstruct(test)) ** 2)),
        "of_pca": float(of_pca) if width < 64 else None,
        "neighbors": float(neighbors.score(model.transform(test), test_labels)),
        "nats": -float(model.log_likelihood(test, 500, random_state=0).value.mean()) if probabilistic else None,
        "sampled": own,
        "mixed": mixed,
        "active": getattr(model, "active_units_", None),
        "milliseconds": 1e3 * (seconds - model.compile_seconds_) / model.n_epochs_,
        "epochs": model.n_epochs_,
        "warnings": len(caught),
    }


def frechet(rows: np.ndarray, others: np.ndarray) -> float:
    """The Fréchet distance between normal distributions with the moments of both tables: in pixels, no network between."""
    covariances = np.cov(np.float64(rows).T), np.cov(np.float64(others).T)
    values, vectors = np.linalg.eigh(covariances[0])
    half = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    root = np.sqrt(np.maximum(np.linalg.eigvalsh(half @ covariances[1] @ half), 0.0))  # eigenvalues of (C_a C_b)^(1/2)
    return float(np.sum((rows.mean(axis=0) - others.mean(axis=0)) ** 2) + np.trace(covariances[0] + covariances[1]) - 2.0 * np.sum(root))


def write(measured: dict[str, dict[str, list[Any]]]) -> None:
    """Put the table between the marks of the page."""
    heads = ["preset", "minimizes", "paper", "for", "error", "5-NN", "nats", "Fréchet: prior", "mixture", "ms an epoch"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * 4 + "---:|" * 6]
    for name, (formula, paper, use) in ROWS.items():
        found = measured[name]
        of_pca = found["of_pca"][0]
        error = _mean(found["error"], 2) + ("" if of_pca is None else f" ({statistics.mean(found['error']) / of_pca:.2f})")
        shown = formula.replace("|", "\\|")  # a bar ends a cell, within code too
        cells = [f"`{name}`" if name != "autoencoder" else "`Autoencoder`", shown, paper, use, error]
        cells += [_mean(found["neighbors"], 3), _mean(found["nats"], 1), _mean(found["sampled"], 0), _mean(found["mixed"], 0)]
        cells.append(f"{statistics.mean(found['milliseconds']):.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    text = PAGE.read_text()
    table = "\n".join([BEGIN, "", *lines, "", END])
    PAGE.write_text(re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: table, text, flags=re.DOTALL))


def _mean(values: list[Any], digits: int) -> str:
    if values[0] is None:
        return ""
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


if __name__ == "__main__":
    sys.exit(main())
