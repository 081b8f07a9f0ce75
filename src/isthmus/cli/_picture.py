from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from isthmus.errors import MissingExtraError

__all__ = ["ImageRow", "draw_picture"]

_INK, _TRAINING, _HELD_OUT, _GRID = "#1f2933", "#8fa3b5", "#c8553d", "#e4e7eb"
_LABEL_INCHES, _IMAGE_INCHES, _CURVE_INCHES = 1.5, 0.62, 4.4


class ImageRow(NamedTuple):
    """One row of the picture.

    Attributes:
        name: what the images are.
        images: of shape (n, height, width).
        note: a line below the name.
    """

    name: str
    images: Any
    note: str = ""


def draw_picture(path: str, rows: Sequence[ImageRow], history: Mapping[str, Any], *, best_epoch: int, title: str, loss_label: str) -> None:
    """Write a PNG: rows of images, one below the other, beside the loss over the epochs.

    Args:
        path: the file to write.
        rows: the images, the originals first; they set the gray scale for all.
        history: `loss`, and `val_loss` where rows were held out, one number an epoch.
        best_epoch: whose weights were kept; 0 for the initial ones.
        title: above the images.
        loss_label: of the curve's vertical axis.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError("A picture needs matplotlib, which is not installed. Try: pip install 'isthmus[plot]'") from error

    images_inches = _LABEL_INCHES + _IMAGE_INCHES * len(rows[0].images)
    # Not through pyplot: it would open windows, and change settings that belong to the user.
    figure = Figure(figsize=(images_inches + _CURVE_INCHES, 0.75 * len(rows) + 0.9), dpi=150, layout="constrained", facecolor="white")
    subfigures: Any = figure.subfigures(1, 2, width_ratios=(images_inches, _CURVE_INCHES), wspace=0.02)
    images, curve = subfigures
    images.suptitle(title, x=0.01, ha="left", fontsize=10, color=_INK)
    _draw_images(images, rows)
    _draw_curve(curve.subplots(), history, best_epoch, loss_label)
    figure.savefig(path)


def _draw_images(figure: Any, rows: Sequence[ImageRow]) -> None:
    n_images, darkest = len(rows[0].images), float(rows[0].images.max())
    axes = figure.subplots(len(rows), n_images + 1, width_ratios=(2.2, *[1.0] * n_images), squeeze=False)
    for row, (label, *cells) in zip(rows, axes, strict=True):
        label.set_axis_off()
        label.text(1.0, 0.5, row.name, ha="right", va="bottom" if row.note else "center", fontsize=9, weight="bold", color=_INK)
        label.text(1.0, 0.46, row.note, ha="right", va="top", fontsize=8, color=_INK)
        for cell, image in zip(cells, row.images, strict=True):
            cell.imshow(image, cmap="gray_r", vmin=0.0, vmax=darkest, interpolation="nearest")
            cell.set(xticks=[], yticks=[])
            for spine in cell.spines.values():
                spine.set(color=_GRID, linewidth=0.8)


def _draw_curve(axes: Any, history: Mapping[str, Any], best_epoch: int, label: str) -> None:
    import numpy as np
    from matplotlib.ticker import LogLocator, NullFormatter

    epochs = np.arange(1, len(history["loss"]) + 1)
    axes.plot(epochs, history["loss"], color=_TRAINING, linewidth=1.6, label="training")
    if "val_loss" in history:
        axes.plot(epochs, history["val_loss"], color=_HELD_OUT, linewidth=1.6, label="validation")
        if best_epoch:
            axes.plot(
                best_epoch, history["val_loss"][best_epoch - 1], "o", color=_HELD_OUT, markersize=5, label=f"kept: epoch {best_epoch}"
            )
    axes.set(yscale="log")
    # Plain numbers, and enough of them: a loss of 0.15 is read faster than one somewhere above 10^-1.
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if high < 10.0 * low else (1.0, 3.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("epoch", color=_INK)
    axes.set_ylabel(label, color=_INK)
    axes.margins(x=0.02)
    axes.grid(visible=True, color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=_INK, labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize=8, labelcolor=_INK)
