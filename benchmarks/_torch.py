"""PyTorch, eager: the whole tensor in memory, shuffled by index, fused Adam; what a careful user writes by hand."""

import contextlib
from typing import Any

import torch

from _worker import Job, main

ACTIVATIONS = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid, "identity": torch.nn.Identity}


class TorchTrainer:
    """A plain training loop over index-selected batches."""

    def __init__(self, job: Job, x: Any) -> None:
        torch.set_num_threads(job.threads)
        torch.manual_seed(job.seed)
        self.x = torch.from_numpy(x)
        self.batch_size = job.shape.batch_size
        self.precision = job.precision
        self.model = torch.nn.Sequential()
        initial = job.shape.initial(x, job.seed)
        for (inputs, outputs, activation), (weight, bias) in zip(job.shape.layers, initial, strict=True):
            linear = torch.nn.Linear(inputs, outputs)
            linear.weight.data = torch.from_numpy(weight).T.contiguous()
            linear.bias.data = torch.from_numpy(bias)
            self.model.append(linear)
            if activation != "identity":
                self.model.append(ACTIVATIONS[activation]())
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)

    def fit(self, epochs: int) -> None:
        for _ in range(epochs):
            for rows in torch.randperm(len(self.x)).split(self.batch_size):
                batch = self.x.index_select(0, rows)
                self.optimizer.zero_grad(set_to_none=True)
                with self._products():
                    loss = torch.nn.functional.mse_loss(self.model(batch), batch)
                loss.backward()
                self.optimizer.step()

    def reconstruct(self) -> Any:
        with torch.inference_mode(), self._products():
            return torch.cat([self.model(block).float() for block in self.x.split(5000)]).numpy()

    def extras(self) -> dict[str, float]:
        return {}

    def _products(self) -> contextlib.AbstractContextManager[Any]:
        if self.precision == "bfloat16":
            return torch.autocast("cpu", dtype=torch.bfloat16)
        return contextlib.nullcontext()


if __name__ == "__main__":
    main(TorchTrainer)
