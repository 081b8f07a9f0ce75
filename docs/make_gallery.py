"""Write docs/gallery: a page for each architecture, with a picture of what it gives back and a comparison with PCA.

python docs/make_gallery.py [ARCHITECTURE ...]
"""

import argparse
import dataclasses
import statistics
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from isthmus import Autoencoder

FOLDER = Path(__file__).parent / "gallery"
SEEDS = 3
SHOWN = 10


@dataclasses.dataclass(frozen=True)
class Data:
    """Rows to show an architecture with.

    Attributes:
        text: what they are, for the page.
        code: how a reader makes them, as `X`.
        make: the rows.
        shape: of one row.
    """

    text: str
    code: str
    make: Callable[[], np.ndarray]
    shape: tuple[int, ...]

    @property
    def is_series(self) -> bool:
        """Whether rows are drawn as curves."""
        return len(self.shape) == 2 and self.shape[-1] == 1


@dataclasses.dataclass(frozen=True)
class Entry:
    """One page.

    Attributes:
        data: what the architecture is shown with.
        latent_dim: numbers in a code.
        parameters: of the estimator, beside the architecture.
        text: when to use the architecture.
    """

    data: Data
    latent_dim: int
    text: str
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)


def waves() -> np.ndarray:
    """Sums of two sines of random frequency, phase and height: (2000, 64, 1)."""
    rng = np.random.default_rng(0)
    time_steps = np.linspace(0.0, 1.0, 64)
    frequency, phase = rng.uniform(1.0, 4.0, (2000, 2, 1)), rng.uniform(0.0, 2.0 * np.pi, (2000, 2, 1))
    height = rng.uniform(0.5, 1.0, (2000, 2, 1))
    return np.sum(height * np.sin(2.0 * np.pi * frequency * time_steps + phase), axis=1)[..., None]


WAVES_CODE = textwrap.dedent("""\
    import numpy as np

    rng, time = np.random.default_rng(0), np.linspace(0, 1, 64)
    frequency, phase = rng.uniform(1, 4, (2000, 2, 1)), rng.uniform(0, 2 * np.pi, (2000, 2, 1))
    height = rng.uniform(0.5, 1, (2000, 2, 1))
    X = np.sum(height * np.sin(2 * np.pi * frequency * time + phase), axis=1)[..., None]  # (2000, 64, 1)
    """)
DIGITS_CODE = "from sklearn.datasets import load_digits\n\nX = load_digits().images[..., None]  # (1797, 8, 8, 1)\n"
TABLE_CODE = "from sklearn.datasets import load_digits\n\nX = load_digits().data  # (1797, 64)\n"
DIGITS = Data("the handwritten digits of scikit-learn, as images of 8 x 8", DIGITS_CODE, lambda: load_digits().images[..., None], (8, 8, 1))
TABLE = Data("the handwritten digits of scikit-learn, as a table of 64 columns", TABLE_CODE, lambda: load_digits().data, (8, 8))
WAVES = Data("sums of two sines of random frequency, phase and height, 64 steps long", WAVES_CODE, waves, (64, 1))

ENTRIES = {
    "linear": Entry(TABLE, 8, "The yardstick: what it reaches is what PCA reaches, and what others must beat."),
    "dense": Entry(TABLE, 8, "For tables, and the first to try on anything. Its widths follow from the data when none are given."),
    "residual": Entry(TABLE, 8, "For tables with many rows, where a deeper network pays."),
    "tied": Entry(TABLE, 8, "Half the weights of `dense`: for few rows, and where the decoder shall mirror the encoder."),
    "convolutional": Entry(DIGITS, 8, "For images."),
    "convolutional1d": Entry(WAVES, 6, "For series in which the same shapes come at different times."),
    "recurrent": Entry(WAVES, 6, "For series whose next step follows from those before.", {"learning_rate": 3e-3, "max_epochs": 60}),
    "transformer": Entry(DIGITS, 8, "For series and images whose far places belong together, and many rows."),
}


def main() -> int:
    """Write the pages asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architectures", nargs="*", metavar="ARCHITECTURE", help=f"all by default: {', '.join(ENTRIES)}")
    names = parser.parse_args().architectures or list(ENTRIES)
    unknown = sorted(set(names) - set(ENTRIES))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}. Choose from: {', '.join(ENTRIES)}.")
    FOLDER.mkdir(exist_ok=True)
    mpl.use("Agg")
    for name in names:
        write(name, ENTRIES[name])
    return 0


def write(name: str, entry: Entry) -> None:
    """The page and the picture of one architecture."""
    X = entry.data.make()
    flat = X.reshape(len(X), -1)
    ours, theirs, seconds = [], [], []
    for seed in range(SEEDS):
        order = np.random.default_rng(seed).permutation(len(X))
        held_out, rest = order[: len(X) // 4], order[len(X) // 4 :]
        begin = time.perf_counter()
        model = Autoencoder(entry.latent_dim, architecture=name, random_state=seed, **entry.parameters).fit(X[rest])
        seconds.append(time.perf_counter() - begin)
        pca = PCA(entry.latent_dim).fit(flat[rest])
        projected = pca.inverse_transform(pca.transform(flat[held_out])).reshape(X[held_out].shape)
        reconstructed = model.reconstruct(X[held_out])
        ours.append(float(np.mean((reconstructed - X[held_out]) ** 2)))
        theirs.append(float(np.mean((projected - X[held_out]) ** 2)))
        if seed == 0:
            n_weights = sum(np.size(leaf) for leaf in arrays(model))
            draw(FOLDER / f"{name}.png", entry.data, [X[held_out], reconstructed, projected])
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    print(f"{name}: {statistics.mean(ratios):.3f} of PCA, spread {statistics.stdev(ratios):.3f}")
    (FOLDER / f"{name}.md").write_text(page(name, entry, (ours, theirs, ratios, seconds), n_weights), encoding="utf-8")


def arrays(model: Any) -> list[Any]:
    """All that a model has learned."""
    import jax

    return jax.tree.leaves(model.model_.weights)


def page(name: str, entry: Entry, figures: tuple[list[float], ...], n_weights: int) -> str:
    """The text of one page."""
    ours, theirs, ratios, seconds = figures
    parameters = "".join(f", {key}={value!r}" for key, value in entry.parameters.items())
    mean, spread = statistics.mean, statistics.stdev
    return f"""# {name}

{entry.text} What it computes: [the parts](../parts.md#architectures-{name}).

![Rows that were not trained on, as they are, from {entry.latent_dim} numbers, and from PCA]({name}.png)

From top to bottom: rows that were not trained on, what `{name}` gives back from {entry.latent_dim} numbers each, and what PCA does.
The data are {entry.data.text}. A quarter of them is held out; mean and standard deviation over {SEEDS} splits and seeds:

| | squared error | of PCA's | weights | seconds a fit |
|---|---|---|---|---|
| `{name}` | {mean(ours):.4g} ({spread(ours):.2g}) | **{mean(ratios):.2f}** ({spread(ratios):.2f}) | {n_weights} | {mean(seconds):.0f} |
| PCA | {mean(theirs):.4g} ({spread(theirs):.2g}) | 1 | | |

```python
{entry.data.code}
from isthmus import Autoencoder

autoencoder = Autoencoder({entry.latent_dim}, architecture="{name}", random_state=0{parameters})
autoencoder.set_params(max_epochs=1).fit(X)  # without max_epochs=1 for the picture
Z = autoencoder.transform(X)
```

Page and picture are made by `python docs/make_gallery.py {name}`.
"""


def draw(path: Path, data: Data, rows: list[np.ndarray]) -> None:
    """Originals, reconstructions and projections, one above the other."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(3, SHOWN, figsize=(SHOWN, 3.1), layout="constrained")
    limits = float(rows[0].min()), float(rows[0].max())
    for line, (values, label) in enumerate(zip(rows, ("original", "Isthmus", "PCA"), strict=True)):
        for column, ax in enumerate(axes[line]):
            ax.set_xticks([])
            ax.set_yticks([])
            if data.is_series:
                ax.plot(rows[0][column].reshape(-1), color="0.8", linewidth=2.5)
                ax.plot(values[column].reshape(-1), color=("0.3", "C0", "C1")[line], linewidth=1)
                ax.set_ylim(1.1 * limits[0], 1.1 * limits[1])
            else:
                ax.imshow(values[column].reshape(data.shape[:2]), cmap="gray_r", vmin=limits[0], vmax=limits[1])
            if column == 0:
                ax.set_ylabel(label)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
