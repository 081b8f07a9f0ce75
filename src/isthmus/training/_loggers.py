import os
import tempfile
from pathlib import Path
from typing import Any

from isthmus._optional import optional

from ._plan import Progress

__all__ = ["MlflowLogger", "TensorboardLogger"]


class TensorboardLogger:
    """A callback that writes the terms of each epoch where TensorBoard reads them.

    Needs TensorBoard's own package, the extra `tensorboard`. Validation terms stand beside training terms, as `val_loss` beside `loss`.

    Args:
        folder: where to; each fit writes a file of its own there.

    Example:
        >>> import tempfile
        >>> from sklearn.datasets import load_iris
        >>> from isthmus import Autoencoder
        >>> from isthmus.training import TensorboardLogger
        >>> X = load_iris().data
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     logger = TensorboardLogger(folder)
        ...     model = Autoencoder(2, max_epochs=3, callbacks=(logger,), random_state=0).fit(X)
        ...     logger.log_model(model).name
        'model.isthmus'
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = folder
        self._writer: Any = None

    def __call__(self, progress: Progress) -> None:
        """Write an epoch's terms.

        Args:
            progress: what the trainer tells.
        """
        if self._writer is None or progress.epoch == 1:
            self.close()
            self._writer = optional("tensorboard.summary", "tensorboard").Writer(os.fspath(self.folder))
        for name, value in progress.terms.items():
            self._writer.add_scalar(name, value, step=progress.epoch)
        if progress.epoch == progress.n_epochs:
            self.close()

    def log_model(self, model: Any) -> Path:
        """Save a fitted estimator beside the terms, and end their file.

        Args:
            model: an estimator that can `save`.
        """
        self.close()
        path = Path(self.folder, "model.isthmus")
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save(path)
        return path

    def close(self) -> None:
        """End the file, which a fit that stops early leaves open."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __getstate__(self) -> dict[str, Any]:
        # A copy, as scikit-learn's `clone` makes one, writes a file of its own.
        return {"folder": self.folder, "_writer": None}


class MlflowLogger:
    """A callback that logs the terms of each epoch to the active MLflow run, which is started where there is none.

    Needs MLflow's client, the extra `mlflow`. The run is left open, so that more can be logged to it: end it with `mlflow.end_run()`, or
    fit within `with mlflow.start_run():`.

    Example:
        >>> from sklearn.base import clone
        >>> from isthmus import Autoencoder
        >>> from isthmus.training import MlflowLogger
        >>> model = Autoencoder(2, callbacks=(MlflowLogger(),))  # `fit` logs, within `with mlflow.start_run():`
        >>> clone(model).callbacks[0].__class__.__name__
        'MlflowLogger'
    """

    def __call__(self, progress: Progress) -> None:
        """Log an epoch's terms.

        Args:
            progress: what the trainer tells.
        """
        optional("mlflow", "mlflow").log_metrics(dict(progress.terms), step=progress.epoch)

    def log_model(self, model: Any) -> None:
        """Log the parameters of a fitted estimator, and its file as an artifact.

        Args:
            model: an estimator that can `save`.
        """
        mlflow = optional("mlflow", "mlflow")
        mlflow.log_params({name: str(value)[:500] for name, value in model.get_params(deep=False).items() if name != "callbacks"})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.isthmus")
            model.save(path)
            mlflow.log_artifact(os.fspath(path))
