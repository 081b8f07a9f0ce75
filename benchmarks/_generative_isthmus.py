"""A generative model of binary digits by Isthmus, in a process of its own."""

import dataclasses
import itertools
import json
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from _digits import Work, binarized, read_work
from isthmus import Autoencoder
from isthmus.architectures import AbstractArchitecture, Dense
from isthmus.bottlenecks import Gaussian, Hyperspherical
from isthmus.initializers import AbstractInitializer
from isthmus.optimizers import Adam, Constant, Cosine
from isthmus.priors import Vamp


class LikePyTorch(AbstractInitializer):
    """Independent uniform weights between plus and minus `fan_in^-1/2`, as `torch.nn.Linear` draws them."""

    def __call__(self, fan_in: int, fan_out: int, activation: str, *, rng: np.random.Generator) -> Any:
        return rng.uniform(-(fan_in**-0.5), fan_in**-0.5, (fan_in, fan_out)).astype(np.float32)


_LINEAR = Dense((), initializer=LikePyTorch())


class Gated(AbstractArchitecture):
    """Hidden layers of gated linear units, a linear layer times the logistic of another (Tomczak & Welling 2018, section 4).

    Both of a unit are one product; the value is its first half.
    """

    hidden_dims: tuple[int, ...] = (300, 300)

    def encoder(self, in_shape: Any, out_shape: Any, *, rng: np.random.Generator) -> tuple[Any, ...]:
        return _gates((*in_shape, *self.hidden_dims), out_shape, rng)

    def decoder(self, in_shape: Any, out_shape: Any, *, rng: np.random.Generator) -> tuple[Any, ...]:
        return _gates((*in_shape, *self.hidden_dims[::-1]), out_shape, rng)

    def __call__(self, network: tuple[Any, ...], x: Any, *, precision: str, key: Any) -> Any:
        for layer in network[:-1]:
            value, gate = jnp.split(_LINEAR(layer, x, precision=precision, key=None), 2, axis=-1)
            x = value * jax.nn.sigmoid(gate)
        return _LINEAR(network[-1], x, precision=precision, key=None)


def _gates(sizes: tuple[int, ...], out_shape: Any, rng: np.random.Generator) -> tuple[Any, ...]:
    hidden = (_linear(n_in, (2 * n_out,), rng) for n_in, n_out in itertools.pairwise(sizes))
    return (*hidden, _linear(sizes[-1], out_shape, rng))


def _linear(n_in: int, out_shape: Any, rng: np.random.Generator) -> Any:
    """A linear layer with a bias drawn as PyTorch draws it, like its weights."""
    network = _LINEAR.encoder((n_in,), out_shape, rng=rng)
    (layer,) = network.layers
    bias = rng.uniform(-(n_in**-0.5), n_in**-0.5, layer.bias.shape).astype(np.float32)
    return dataclasses.replace(network, layers=(dataclasses.replace(layer, bias=bias),))


def model(work: Work) -> Autoencoder:
    """The estimator of a row."""
    bottlenecks = {"iwae": Gaussian(n_samples=work.n_samples, importance_weighted=True), "sphere": Hyperspherical()}
    return Autoencoder(
        work.latent_dim,
        architecture=Gated(work.widths) if work.gated else Dense(work.widths, activation=work.activation, initializer=LikePyTorch()),
        loss="bernoulli",
        bottleneck=bottlenecks.get(work.model, Gaussian()),
        prior=Vamp(work.pseudo_rows) if work.model == "vamp" else None,
        optimizer=Adam(work.rate, schedule=Cosine() if work.cosine else Constant()),
        batch_size=work.batch_size,
        max_epochs=max(1, work.epochs // work.draws),
        validation_fraction=None,
        patience=None,
        scaling=None,
        precision=work.precision,
        random_state=work.seed,
    )


def main() -> None:
    """Fit, estimate, print."""
    work = read_work()
    train = binarized(work.data, "x_train", work.rows, work.draws)
    begin = time.perf_counter()
    estimator = model(work).fit(train)
    seconds = time.perf_counter() - begin
    epochs = estimator.n_epochs_ * work.draws
    found: dict[str, Any] = {
        "epochs": epochs,
        "fit_seconds": seconds,
        "epoch_seconds": (seconds - estimator.compile_seconds_) / epochs,
        "compile_seconds": estimator.compile_seconds_,
        "train_loss": float(estimator.history_["loss"][-1]) * 784,
        "parameters": estimator.summary().n_parameters,
    }
    if work.images:
        parts = dataclasses.replace(estimator.model_.parts, precision="float32")
        estimator.model_ = estimator.model_._replace(parts=parts)
        test = binarized(work.data, "x_test", work.images)
        begin = time.perf_counter()
        estimate = estimator.log_likelihood(test, work.importance, random_state=0)
        found |= {
            "nll": -float(estimate.value.mean()),
            "sampling_error": float(np.sqrt(np.mean(np.square(estimate.standard_error)) / len(test))),
            "negative_elbo": -float(estimator.elbo(test, 10, random_state=0)["elbo"].mean()),
            "active_units": estimator.active_units_,
            "estimate_seconds": time.perf_counter() - begin,
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
