"""pythae's RAE-L2 with its mixture sampler, in a process of its own; drawn digits are left in a file."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import RAE_L2, RAE_L2_Config
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.samplers import GaussianMixtureSampler, GaussianMixtureSamplerConfig
from pythae.trainers import CoupledOptimizerTrainer, CoupledOptimizerTrainerConfig
from torch import nn

from _generative_pythae import hidden_layers
from _networks import mnist


class Encoder(BaseEncoder):
    """784, hidden layers, a linear code."""

    def __init__(self, widths: tuple[int, ...], latent_dim: int) -> None:
        BaseEncoder.__init__(self)
        self.layers = nn.Sequential(hidden_layers((784, *widths), "relu"), nn.Linear(widths[-1], latent_dim))

    def forward(self, x: torch.Tensor) -> Any:
        return ModelOutput(embedding=self.layers(x.reshape(len(x), -1)))


class Decoder(BaseDecoder):
    """The mirror image, logistic outputs."""

    def __init__(self, widths: tuple[int, ...], latent_dim: int) -> None:
        BaseDecoder.__init__(self)
        self.layers = nn.Sequential(hidden_layers((latent_dim, *widths[::-1]), "relu"), nn.Linear(widths[0], 784), nn.Sigmoid())

    def forward(self, z: torch.Tensor) -> Any:
        return ModelOutput(reconstruction=self.layers(z))


def main() -> None:
    """Train, draw, print."""
    job = json.loads(sys.argv[1])
    torch.manual_seed(job["seed"])
    x, x_test = (
        torch.tensor(mnist(Path(job["data"]), name)[: job["rows"]].reshape(-1, 784).astype(np.float32) / 255)
        for name in ("x_train", "x_test")
    )
    widths, latent_dim = tuple(job["widths"]), job["latent_dim"]
    config = RAE_L2_Config(input_dim=(784,), latent_dim=latent_dim)
    model = RAE_L2(config, encoder=Encoder(widths, latent_dim), decoder=Decoder(widths, latent_dim))
    training = CoupledOptimizerTrainerConfig(
        output_dir=job["folder"],
        num_epochs=job["epochs"],
        learning_rate=1e-3,
        per_device_train_batch_size=job["batch_size"],
        encoder_optimizer_cls="Adam",
        decoder_optimizer_cls="Adam",
        decoder_optimizer_params={"weight_decay": config.reg_weight},
        no_cuda=True,
    )
    data = BaseDataset(x, torch.zeros(len(x)))
    trainer = CoupledOptimizerTrainer(model, data, training_config=training)
    begin = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - begin
    model = trainer.model.eval()
    sampler = GaussianMixtureSampler(model, GaussianMixtureSamplerConfig(n_components=job["components"]))
    sampler.fit(x)
    drawn = sampler.sample(num_samples=job["samples"], batch_size=500, return_gen=True).reshape(-1, 784)
    with torch.no_grad():
        again = model.decoder(model.encoder(x_test)["embedding"])["reconstruction"]
    np.savez(Path(job["folder"]) / "drawn.npz", samples=drawn.cpu().numpy(), reconstructions=again.numpy())
    print(json.dumps({"fit_seconds": seconds, "epochs": job["epochs"]}))


if __name__ == "__main__":
    main()
