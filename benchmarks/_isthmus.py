"""Isthmus: the estimator, as a user calls it."""

from typing import Any

import jax

from _networks import Network
from _worker import Job, main
from isthmus import Autoencoder


def estimator(network: Network, epochs: int, **parameters: Any) -> Any:
    """The estimator of `network`, with everything off that the other competitors do not do."""
    plain: dict[str, Any] = {
        "hidden_dims": network.widths[1:-1],
        "activation": "relu",
        "code_activation": None if network.code_activation == "identity" else network.code_activation,
        "output_activation": "sigmoid",
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "batch_size": network.batch_size,
        "max_epochs": epochs,
        "scaling": None,
        "validation_fraction": None,
        "patience": None,
        "tol": None,
    }
    return Autoencoder(network.widths[-1], **(plain | parameters))


class IsthmusTrainer:
    """A new estimator for every fit: only the first compiles."""

    def __init__(self, job: Job, x: Any) -> None:
        jax.devices()
        self.x = x
        self.job = job
        self.fitted: Any = None

    def fit(self, epochs: int) -> None:
        parameters = {"precision": self.job.precision, "random_state": self.job.seed}
        self.fitted = estimator(self.job.shape, epochs, **parameters).fit(self.x)

    def reconstruct(self) -> Any:
        return self.fitted.reconstruct(self.x)

    def extras(self) -> dict[str, float]:
        return {"compile_seconds": float(self.fitted.compile_seconds_)}


if __name__ == "__main__":
    main(IsthmusTrainer)
