"""What is measured of Isthmus alone: memory, the cost of `transform`, compilations, and the loss that each precision reaches."""

import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from _isthmus import estimator
from _networks import NETWORKS, Network, mnist
from _worker import pin, report, resident_megabytes, seconds
from isthmus import Autoencoder
from isthmus.regularizers import L2
from isthmus.training import trace_count


def measure_memory(job: dict[str, Any]) -> dict[str, float]:
    """Peak memory of a process that loads MNIST as bytes, fits and encodes it."""
    measured = {"imports_megabytes": resident_megabytes(peak=True)}
    x = mnist(job["data"])[: job["rows"]]
    measured["data_megabytes"] = resident_megabytes(peak=True)
    if job["network"] == "defaults":
        fitted = Autoencoder(32, max_epochs=job["epochs"], random_state=0)
    else:
        # The scaling of bytes, and the output activation that suits it, are left to the estimator here.
        fitted = estimator(NETWORKS[job["network"]], job["epochs"], scaling="auto", output_activation=None, random_state=0)
    fitted.fit(x)
    measured["fit_megabytes"] = resident_megabytes(peak=True)
    fitted.transform(x)
    measured["transform_megabytes"] = resident_megabytes(peak=True)
    return measured


def measure_transform(job: dict[str, Any]) -> dict[str, float]:
    """Seconds of `transform` and of one call of a jitted encoder written by hand, taking turns."""
    network = NETWORKS[job["network"]]
    x = network.load(job["data"], job["rows"])
    fitted = estimator(network, 1, random_state=0).fit(x)
    weights, encode = bare_encoder(network)

    def bare() -> Any:
        return np.asarray(encode(weights, x))

    transform: Callable[[], Any] = lambda: fitted.transform(x)  # noqa: E731
    if transform().shape != bare().shape:
        raise AssertionError(f"the codes have shape {transform().shape}, those of the bare encoder {bare().shape}")
    times = [(seconds(transform), seconds(bare)) for _ in range(job["turns"])]
    ours, plain = (statistics.median(column) for column in zip(*times, strict=True))
    return {"transform_seconds": ours, "bare_seconds": plain, "ratio": ours / plain}


def bare_encoder(network: Network) -> tuple[Any, Callable[[Any, Any], Any]]:
    """Random weights and a jitted encoder of `network`: the time does not depend on the weights."""
    encoder = network.layers[: len(network.widths) - 1]
    rng = np.random.default_rng(0)
    weights = [
        (jnp.asarray(rng.normal(0, inputs**-0.5, (inputs, outputs)), jnp.float32), jnp.zeros(outputs)) for inputs, outputs, _ in encoder
    ]

    @jax.jit
    def encode(weights: Any, x: Any) -> Any:
        for (matrix, bias), (_, _, activation) in zip(weights, encoder, strict=True):
            x = x @ matrix + bias
            x = jax.nn.relu(x) if activation == "relu" else x
        return x

    return weights, encode


def measure_grid(job: dict[str, Any]) -> dict[str, float]:
    """Training programs compiled by a grid search over floats (24 fits), and by fits of other lengths and seeds after it."""
    x = load_digits(return_X_y=True)[0].astype(np.float32)
    candidate = Autoencoder(8, hidden_dims=(32,), max_epochs=job["epochs"], random_state=0)
    grid = {"learning_rate": [3e-4, 1e-3, 3e-3], "regularizers": [(L2(1e-5),), (L2(1e-3),)]}
    # A quarter of 1797 rows is no whole number: the folds differ by a row, and must still share their program.
    search = GridSearchCV(candidate, grid, cv=4, refit=False)
    before = trace_count()
    search_seconds = seconds(lambda: search.fit(x))
    in_grid = trace_count() - before
    chosen = candidate.set_params(regularizers=(L2(1e-4),)).fit(x)
    before = trace_count()
    chosen.set_params(max_epochs=job["epochs"] + 3, random_state=1).fit(x)
    return {"programs": in_grid, "programs_refit": trace_count() - before, "fits": 24, "seconds": search_seconds}


def measure_precision(job: dict[str, Any]) -> dict[str, float]:
    """The mean squared error of all training rows after a fit in one precision."""
    network = NETWORKS[job["network"]]
    x = network.load(job["data"], job["rows"])
    fitted = estimator(network, job["epochs"], precision=job["precision"], random_state=job["seed"]).fit(x)
    return {"loss": float(np.mean(np.square(fitted.reconstruct(x) - x), dtype=np.float64))}


if __name__ == "__main__":
    measures = {"memory": measure_memory, "transform": measure_transform, "grid": measure_grid, "precision": measure_precision}
    task = json.loads(sys.argv[1])
    pin(task["threads"])
    report(measures[task["measure"]](task))
