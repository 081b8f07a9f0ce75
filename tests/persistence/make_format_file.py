"""Add the saved model of the present format to `files/`, once for each format that is ever released."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

from isthmus import Autoencoder
from isthmus.persistence import FORMAT

FILES = Path(__file__).parent / "files"


def main() -> None:
    stem = FILES / f"format_{FORMAT}"
    model, rows, codes = stem.with_suffix(".isthmus"), FILES / f"{stem.name}_rows.npy", FILES / f"{stem.name}_codes.npy"
    existing = [path.name for path in (model, rows, codes) if path.exists()]
    if existing:
        raise SystemExit(f"{', '.join(existing)} exist, and a released format's files never change. Raise FORMAT for a new format.")
    x = load_iris().data
    autoencoder = Autoencoder(latent_dim=2, hidden_dims=(8,), activation="tanh", regularizers=("l2",), max_epochs=50, random_state=0).fit(x)
    autoencoder.save(model)
    np.save(rows, x[::5])
    np.save(codes, autoencoder.transform(x[::5]))


if __name__ == "__main__":
    main()
