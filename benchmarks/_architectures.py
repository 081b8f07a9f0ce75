"""One measured process of `architectures.py`: a network that is not dense, trained by Isthmus or by PyTorch."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from _networks import mnist
from _worker import pin, report, resident_megabytes, seconds


class Trainer(Protocol):
    """A competitor with its data, ready to train."""

    def fit(self, epochs: int) -> None:
        """Train for `epochs`, anew or on from where it is: the time of a step is the same."""
        ...

    def reconstruct(self) -> tuple[Any, Any]:
        """The training rows after encoder and decoder, and before, in the competitor's own layout."""
        ...


class IsthmusTrainer:
    """A new estimator for every fit: only the first compiles.

    Args:
        job: what to do.
        x: the rows.
        architecture: the network.
        parameters: of the estimator, beside it.
    """

    def __init__(self, job: dict[str, Any], x: np.ndarray, architecture: Any, **parameters: Any) -> None:
        import jax

        jax.devices()
        self.x, self.job = x, job
        off = dict.fromkeys(("scaling", "validation_fraction", "patience", "tol"))
        plain = {"optimizer": "adam", "learning_rate": 1e-3, "batch_size": job["batch_size"], "random_state": job["seed"]}
        self.parameters = {"architecture": architecture, **off, **plain, **parameters}
        self.fitted: Any = None

    def fit(self, epochs: int) -> None:
        from isthmus import Autoencoder

        self.fitted = Autoencoder(max_epochs=epochs, **self.parameters).fit(self.x)

    def reconstruct(self) -> tuple[Any, Any]:
        return self.fitted.reconstruct(self.x), self.x


class TorchTrainer:
    """A plain loop over index-selected batches, with fused Adam; what a careful user writes by hand.

    Args:
        job: what to do.
        x: the rows, as PyTorch wants them.
        model: the network.
        memory_format: of the rows; None for PyTorch's own.
    """

    def __init__(self, job: dict[str, Any], x: Any, model: Any, memory_format: Any = None) -> None:
        import torch

        torch.set_num_threads(job["threads"])
        torch.manual_seed(job["seed"])
        self.torch, self.batch_size = torch, job["batch_size"]
        self.x = x if memory_format is None else x.to(memory_format=memory_format)
        self.model = model if memory_format is None else model.to(memory_format=memory_format)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)

    def fit(self, epochs: int) -> None:
        for _ in range(epochs):
            for rows in self.torch.randperm(len(self.x)).split(self.batch_size):
                batch = self.x.index_select(0, rows)
                self.optimizer.zero_grad(set_to_none=True)
                self.torch.nn.functional.mse_loss(self.model(batch), batch).backward()
                self.optimizer.step()

    def reconstruct(self) -> tuple[Any, Any]:
        with self.torch.inference_mode():
            return self.torch.cat([self.model(block) for block in self.x.split(1000)]).numpy(), self.x.numpy()


def images(job: dict[str, Any]) -> np.ndarray:
    """MNIST, in [0, 1], of shape (rows, 28, 28, 1)."""
    x = mnist(job["data"])[: job["rows"]].astype(np.float32) / np.float32(255.0)
    return x.reshape(-1, 28, 28, 1)


def isthmus_convolutions(job: dict[str, Any], x: np.ndarray) -> Trainer:
    """32 and 64 channels, kernel 3, stride 2, a code of 32, and back."""
    from isthmus.architectures import Convolutional

    architecture = Convolutional((32, 64), kernel_size=3, stride=2, activation="relu", linear_path=False)
    return IsthmusTrainer(job, x, architecture, latent_dim=32, output_activation="sigmoid")


def torch_convolutions(job: dict[str, Any], x: np.ndarray, memory_format: str | None = None) -> Trainer:
    """The same network, with the zeros outside at the other border, and one number in the place of an image as its last bias."""
    import torch
    from torch import nn

    strides: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1}
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, **strides), nn.ReLU(), nn.Conv2d(32, 64, **strides), nn.ReLU(), nn.Flatten(), nn.Linear(3136, 32)),
        *(nn.Linear(32, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)), nn.ConvTranspose2d(64, 32, **strides, output_padding=1)),
        *(nn.ReLU(), nn.ConvTranspose2d(32, 1, **strides, output_padding=1), nn.Sigmoid()),
    )
    rows = torch.from_numpy(x).movedim(-1, 1).contiguous()
    with torch.no_grad():
        model[-2].bias.fill_(float(torch.logit(rows.mean())))
    return TorchTrainer(job, rows, model, None if memory_format is None else getattr(torch, memory_format))


def waves(job: dict[str, Any]) -> np.ndarray:
    """Sines of one to three periods, of any phase, with a little noise; of shape (rows, 64, 1)."""
    rng = np.random.default_rng(0)
    periods, phase = rng.uniform(1, 3, (job["rows"], 1)), rng.uniform(0, 2 * np.pi, (job["rows"], 1))
    x = np.sin(2 * np.pi * periods * np.arange(64) / 64 + phase) + rng.normal(scale=0.05, size=(job["rows"], 64))
    return x.astype(np.float32)[:, :, None]


def isthmus_gru(job: dict[str, Any], x: np.ndarray) -> Trainer:
    """A GRU of 32 units, a code of 16, and a GRU of 32 units."""
    from isthmus.architectures import Recurrent

    return IsthmusTrainer(job, x, Recurrent("gru", 32), latent_dim=16)


def torch_gru(job: dict[str, Any], x: np.ndarray) -> Trainer:
    """The same network, but for biases of its own at each step of the decoder and of the outputs."""
    import torch
    from torch import nn

    class Series(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.reader, self.writer = nn.GRU(1, 32, batch_first=True), nn.GRU(16, 32, batch_first=True)
            self.code, self.state, self.output = nn.Linear(32, 16), nn.Linear(16, 32), nn.Linear(32, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            code = self.code(self.reader(x)[1][0])
            hidden, _ = self.writer(code[:, None].expand(-1, x.shape[1], -1), self.state(code)[None])
            return self.output(hidden)

    return TorchTrainer(job, torch.from_numpy(x), Series())


DATA: dict[str, Callable[[dict[str, Any]], np.ndarray]] = {"conv": images, "gru": waves}
TRAINERS: dict[str, dict[str, Callable[[dict[str, Any], np.ndarray], Trainer]]] = {
    "conv": {
        "isthmus": isthmus_convolutions,
        "pytorch": torch_convolutions,
        "pytorch channels last": lambda job, x: torch_convolutions(job, x, "channels_last"),
    },
    "gru": {"isthmus": isthmus_gru, "pytorch": torch_gru},
}


def measure(job: dict[str, Any]) -> dict[str, float]:
    """A whole fit, its loss, and two more of different length, whose difference is the time of steady steps."""
    x = DATA[job["section"]](job)
    trainer = TRAINERS[job["section"]][job["competitor"]](job, x)
    measured = {"start_seconds": time.time() - job["launched"]}
    measured["fit_seconds"] = seconds(lambda: trainer.fit(job["epochs"]))
    measured["peak_megabytes"] = resident_megabytes(peak=True)
    found, wanted = trainer.reconstruct()
    measured["loss"] = float(np.mean(np.square(found - wanted), dtype=np.float64))
    short, long = (seconds(lambda n=n: trainer.fit(n)) for n in (job["short"], job["long"]))
    steps = (job["long"] - job["short"]) * -(-len(x) // job["batch_size"])
    measured["step_milliseconds"] = 1e3 * (long - short) / steps
    return measured


def main() -> None:
    """Do the job on the command line."""
    job = json.loads(sys.argv[1])
    pin(job["threads"])
    report(measure(job))


if __name__ == "__main__":
    main()
