"""Keras 3 as its tutorials use it; the environment variable KERAS_BACKEND says on what."""

import os
import sys
from typing import Any

from _worker import Job, main

if os.environ["KERAS_BACKEND"] != "tensorflow":
    # Keras imports TensorFlow wherever it is installed; who chose another backend need not have it, and its 500 MB are not Keras's.
    sys.modules["tensorflow"] = None

import keras


class KerasTrainer:
    """`Sequential`, `compile` and `fit`, with the epsilon of the others (Keras has 1e-7, which slows the first steps on images)."""

    def __init__(self, job: Job, x: Any) -> None:
        _start(job.threads)
        keras.utils.set_random_seed(job.seed)
        self.x = x
        self.batch_size = job.shape.batch_size
        dense = [keras.layers.Dense(outputs, activation=_named(activation)) for _, outputs, activation in job.shape.layers]
        self.model = keras.Sequential([keras.Input((x.shape[1],)), *dense])
        for layer, (weight, bias) in zip(dense, job.shape.initial(x, job.seed), strict=True):
            layer.set_weights([weight, bias])
        self.model.compile(optimizer=keras.optimizers.Adam(1e-3, epsilon=1e-8), loss="mse")

    def fit(self, epochs: int) -> None:
        self.model.fit(self.x, self.x, batch_size=self.batch_size, epochs=epochs, shuffle=True, verbose=0)

    def reconstruct(self) -> Any:
        return self.model.predict(self.x, batch_size=5000, verbose=0)

    def extras(self) -> dict[str, float]:
        return {}


def _named(activation: str) -> str:
    return "linear" if activation == "identity" else activation


def _start(threads: int) -> None:
    """Start the device of the backend before any clock runs."""
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.list_logical_devices()
    else:
        import jax

        jax.devices()


if __name__ == "__main__":
    main(KerasTrainer)
