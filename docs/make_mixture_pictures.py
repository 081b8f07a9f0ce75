"""Write docs/pictures/mixture_digits.png: digits drawn from a mixture on the code of an autoencoder, one component in each row.

python docs/make_mixture_pictures.py
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_digits

from isthmus import GaussianMixture, LatentMixture

PICTURE = Path(__file__).parent / "pictures" / "mixture_digits.png"
DRAWN = 12


def main() -> None:
    """Fit, draw, and write the picture."""
    images = load_digits().data.astype(np.float32)
    model = LatentMixture(10, random_state=0).fit(images)
    rows = [drawn(model, component) for component in range(10)]
    write(np.concatenate(rows).reshape(10, DRAWN + 1, 8, 8))


def drawn(model: LatentMixture, component: int) -> np.ndarray:
    """The mean of a component and some draws from it, decoded."""
    mixture = model.mixture_
    own = GaussianMixture.from_parameters([1.0], mixture.means_[[component]], mixture.covariances_[[component]], random_state=component)
    codes = np.concatenate([mixture.means_[[component]], own.sample(DRAWN)[0]])
    return model.inverse_transform(codes)


def write(images: np.ndarray) -> None:
    """A sheet of images, (rows, columns, height, width), with a gap after the first column."""
    mpl.use("agg")
    from matplotlib import pyplot as plt

    n_rows, n_columns = images.shape[:2]
    widths = [1.0, 0.4, *[1.0] * (n_columns - 1)]
    size = sum(widths) * 0.45, n_rows * 0.45
    figure, axes = plt.subplots(n_rows, n_columns + 1, squeeze=False, figsize=size, width_ratios=widths)
    for axis in axes.flat:
        axis.axis("off")
    for index in np.ndindex(n_rows, n_columns):
        axes[index[0], index[1] + (index[1] > 0)].imshow(images[index], cmap="gray_r", vmin=0.0, vmax=16.0)
    figure.subplots_adjust(0.0, 0.0, 1.0, 1.0, 0.06, 0.06)
    figure.savefig(PICTURE, dpi=100)


if __name__ == "__main__":
    main()
