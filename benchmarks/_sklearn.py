"""scikit-learn's MLPRegressor fitted to its own inputs. Its outputs are linear: it offers no logistic ones for regression."""

import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from _worker import Job, main


class SklearnTrainer:
    """A regressor with rectified hidden layers, the code among them (there is one activation for all)."""

    def __init__(self, job: Job, x: Any) -> None:
        self.x = x
        self.job = job
        self.regressor: Any = None

    def fit(self, epochs: int) -> None:
        self.regressor = MLPRegressor(
            hidden_layer_sizes=[outputs for _, outputs, _ in self.job.shape.layers[:-1]],
            solver="adam",
            alpha=0.0,
            batch_size=self.job.shape.batch_size,
            learning_rate_init=1e-3,
            max_iter=epochs,
            n_iter_no_change=epochs + 1,
            random_state=self.job.seed,
        )
        with warnings.catch_warnings():
            # Every fit stops at `max_iter`, which is what is wanted here.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.regressor.fit(self.x, self.x)

    def reconstruct(self) -> Any:
        return self.regressor.predict(self.x)

    def extras(self) -> dict[str, float]:
        return {}


if __name__ == "__main__":
    main(SklearnTrainer)
