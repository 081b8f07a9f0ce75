"""A generative model of binary digits by pythae, in a process of its own; its likelihood is estimated as ours is."""

import itertools
import json
import math
import tempfile
import time
from typing import Any

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import IWAE, SVAE, VAE, VAMP, IWAEConfig, SVAEConfig, VAEConfig, VAMPConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from scipy.special import ive
from torch import nn

from _digits import Work, binarized, read_work

_CHUNK = 50_000  # codes decoded at once


class Gate(nn.Module):
    """A linear layer times the logistic of another."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.value, self.gate = nn.Linear(n_in, n_out), nn.Linear(n_in, n_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.value(x) * torch.sigmoid(self.gate(x))


def hidden_layers(sizes: tuple[int, ...], activation: str, *, gated: bool = False) -> nn.Sequential:
    """The hidden layers."""
    kinds = {"relu": nn.ReLU, "tanh": nn.Tanh}
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [Gate(n_in, n_out)] if gated else [nn.Linear(n_in, n_out), kinds[activation]()]
    return nn.Sequential(*layers)


class Encoder(BaseEncoder):
    """784, hidden layers, and two linear heads."""

    def __init__(self, work: Work) -> None:
        BaseEncoder.__init__(self)
        self.sphere = work.model == "sphere"
        self.hidden = hidden_layers((784, *work.widths), work.activation, gated=work.gated)
        self.mean = nn.Linear(work.widths[-1], work.latent_dim)
        self.spread = nn.Linear(work.widths[-1], 1 if self.sphere else work.latent_dim)

    def forward(self, x: torch.Tensor) -> Any:
        h = self.hidden(x.reshape(len(x), -1))
        spread = {"log_concentration" if self.sphere else "log_covariance": self.spread(h)}
        return ModelOutput(embedding=self.mean(h), **spread)


class Decoder(BaseDecoder):
    """The mirror image."""

    def __init__(self, work: Work) -> None:
        BaseDecoder.__init__(self)
        self.hidden = hidden_layers((work.latent_dim, *work.widths[::-1]), work.activation, gated=work.gated)
        self.last = nn.Linear(work.widths[0], 784)

    def logits(self, z: torch.Tensor) -> torch.Tensor:
        return self.last(self.hidden(z))

    def forward(self, z: torch.Tensor) -> Any:
        return ModelOutput(reconstruction=torch.sigmoid(self.logits(z)))


def model(work: Work) -> Any:
    """pythae's model of a row."""
    kinds = {"vae": (VAE, VAEConfig), "vamp": (VAMP, VAMPConfig), "iwae": (IWAE, IWAEConfig), "sphere": (SVAE, SVAEConfig)}
    cls, config = kinds[work.model]
    options = {"vamp": {"number_components": work.pseudo_rows, "linear_scheduling_steps": 0}, "iwae": {"number_samples": work.n_samples}}
    settings = config(input_dim=(784,), latent_dim=work.latent_dim, reconstruction_loss="bce", **options.get(work.model, {}))
    return cls(settings, encoder=Encoder(work), decoder=Decoder(work))


@torch.no_grad()
def log_likelihood(model: Any, work: Work, x: torch.Tensor, n_samples: int) -> np.ndarray[Any, Any]:
    """log p(x) of each row by importance sampling from the model's posterior, each row encoded once."""
    values = []
    for row in x:
        encoded = model.encoder(row[None])
        z, log_posterior = draws(model, work, encoded, n_samples)
        total = log_prior(model, work, z) - log_posterior
        for start in range(0, n_samples, _CHUNK):
            logits = model.decoder.logits(z[start : start + _CHUNK])
            total[start : start + _CHUNK] += (row * logits - nn.functional.softplus(logits)).sum(dim=1)
        values.append(torch.logsumexp(total, dim=0).item() - math.log(n_samples))
    return np.array(values)


def draws(model: Any, work: Work, encoded: Any, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes of one row, and their log-densities."""
    if work.model == "sphere":
        direction = (encoded.embedding / encoded.embedding.norm(dim=-1, keepdim=True)).expand(n, -1)
        concentration = (nn.functional.softplus(encoded.log_concentration) + 1).expand(n, -1)
        z = model._sample_von_mises(direction, concentration)  # pythae has no public way to draw
        kappa, half = float(concentration[0, 0]), 0.5 * work.latent_dim
        log_normalizer = (half - 1) * math.log(kappa) - half * math.log(2 * math.pi) - math.log(ive(half - 1, kappa)) - kappa
        return z, log_normalizer + kappa * (direction * z).sum(dim=1)
    scale = torch.exp(0.5 * encoded.log_covariance)
    noise = torch.randn(n, work.latent_dim)
    log_density = (-0.5 * noise**2 - torch.log(scale) - 0.5 * math.log(2 * math.pi)).sum(dim=1)
    return encoded.embedding + scale * noise, log_density


def log_prior(model: Any, work: Work, z: torch.Tensor) -> torch.Tensor:
    """log p(z) of codes."""
    if work.model == "sphere":
        half = 0.5 * work.latent_dim
        return torch.full((len(z),), math.lgamma(half) - math.log(2) - half * math.log(math.pi))
    if work.model == "vamp":
        encoded = model.encoder(model.pseudo_inputs(model.idle_input))
        z, mean, log_variance = z.double(), encoded.embedding.double(), encoded.log_covariance.double()  # squares that cancel
        precision = torch.exp(-log_variance)
        squares = z**2 @ precision.T - 2 * z @ (mean * precision).T + (mean**2 * precision).sum(dim=1)
        each = -0.5 * (squares + log_variance.sum(dim=1) + work.latent_dim * math.log(2 * math.pi))
        return (torch.logsumexp(each, dim=1) - math.log(len(mean))).float()
    return (-0.5 * z**2 - 0.5 * math.log(2 * math.pi)).sum(dim=1)


def main() -> None:
    """Train, estimate, print."""
    work = read_work()
    torch.manual_seed(work.seed)
    train = torch.tensor(binarized(work.data, "x_train", work.rows, work.draws)).float()
    net = model(work)
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=max(1, work.epochs // work.draws),
            learning_rate=work.rate,
            per_device_train_batch_size=work.batch_size,
            optimizer_cls="Adam",
            no_cuda=True,
        )
        trainer = BaseTrainer(net, BaseDataset(train, torch.zeros(len(train))), training_config=config)
        begin = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - begin
    epochs = max(1, work.epochs // work.draws) * work.draws
    found: dict[str, Any] = {"epochs": epochs, "fit_seconds": seconds, "epoch_seconds": seconds / epochs}
    if work.images:
        net = trainer.model.eval()
        test = torch.tensor(binarized(work.data, "x_test", work.images)).float()
        begin = time.perf_counter()
        found["nll"] = -float(log_likelihood(net, work, test, work.importance).mean())
        found["estimate_seconds"] = time.perf_counter() - begin
    print(json.dumps(found))


if __name__ == "__main__":
    main()
