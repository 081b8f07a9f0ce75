"""Arrays as pictures within a page: PNG in a data address."""

import base64
import io
import math
from typing import Any, NamedTuple

import numpy as np

from isthmus._optional import optional

__all__ = ["Scale", "color_bar", "data_uri", "difference_pixels", "pixels", "scale_of", "sequential_pixels", "sprite", "strip"]

# From low to high, even steps in between. Both are told apart by people who see no red or no green.
_DIVERGING = ("#0b4a8f", "#5b9bd5", "#f7f7f7", "#f0a04b", "#9c4a00")
_SEQUENTIAL = ("#2b2f77", "#3a6ea5", "#3d9f94", "#8cc665", "#f6e256")
_GAP = 1


class Scale(NamedTuple):
    """The values that are shown as black and as white.

    Attributes:
        low: shown as black, in the data's unit.
        high: shown as white.
    """

    low: float
    high: float


def scale_of(rows: np.ndarray) -> Scale:
    """From the least to the largest value, (n, *shape)."""
    low, high = float(rows.min()), float(rows.max())
    return Scale(low, high if high > low else low + 1.0)


def pixels(rows: np.ndarray, scale: Scale) -> np.ndarray:
    """Rows as bytes: (n, height, width) in gray, (n, height, width, 3) in color; other channels are averaged.

    Args:
        rows: (n, height, width) or (n, height, width, channels).
        scale: the values of black and white.
    """
    images = rows if rows.ndim == 3 or rows.shape[-1] == 3 else rows.mean(axis=-1)
    return _bytes((images - scale.low) / (scale.high - scale.low))


def difference_pixels(differences: np.ndarray, most: float) -> np.ndarray:
    """Differences as colors, (n, height, width, 3): blue below zero, orange above, white at zero.

    Args:
        differences: (n, height, width) or (n, height, width, channels), whose mean is shown.
        most: the size of the strongest color.
    """
    flat = differences if differences.ndim == 3 else differences.mean(axis=-1)
    return _colored(0.5 + 0.5 * flat / (most or 1.0), _DIVERGING)


def sequential_pixels(values: np.ndarray, scale: Scale) -> np.ndarray:
    """Values as colors from dark blue to yellow, (*shape, 3)."""
    return _colored((values - scale.low) / (scale.high - scale.low), _SEQUENTIAL)


def color_bar(name: str) -> str:
    """The colors of "difference" or "sequential" as a gradient of CSS."""
    return f"linear-gradient(to right, {', '.join(_DIVERGING if name == 'difference' else _SEQUENTIAL)})"


def data_uri(image: np.ndarray, *, most: int | None = None) -> str:
    """A PNG that needs no file.

    Args:
        image: bytes, (height, width) or (height, width, 3).
        most: the longest side; a larger image is made smaller.
    """
    picture = optional("PIL.Image", "report").fromarray(image)
    if most is not None and max(picture.size) > most:
        picture.thumbnail((most, most))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def strip(images: np.ndarray, *, most: int) -> str:
    """Images side by side with a gap between them, as one PNG.

    Args:
        images: bytes, (n, height, width) or (n, height, width, 3).
        most: the longest side of one.
    """
    images = _shrunk(images, most)
    n, height, width = images.shape[:3]
    canvas = np.full((height, n * (width + _GAP) - _GAP, *images.shape[3:]), 128, np.uint8)
    for number, image in enumerate(images):
        canvas[:, number * (width + _GAP) : number * (width + _GAP) + width] = image
    return data_uri(canvas)


def sprite(images: np.ndarray, *, most: int) -> dict[str, Any]:
    """Many small images in one PNG: its address, the size of one, and how many are in a line.

    Args:
        images: bytes, (n, height, width) or (n, height, width, 3).
        most: the longest side of one.
    """
    images = _shrunk(images, most)
    n, height, width = images.shape[:3]
    columns = math.ceil(math.sqrt(n))
    lines = math.ceil(n / columns)
    canvas = np.zeros((lines, columns, height, width, *images.shape[3:]), np.uint8)
    canvas.reshape(lines * columns, *images.shape[1:])[:n] = images
    whole = np.moveaxis(canvas, 2, 1).reshape(lines * height, columns * width, *images.shape[3:])
    return {"uri": data_uri(whole), "width": width, "height": height, "columns": columns}


def _shrunk(images: np.ndarray, most: int) -> np.ndarray:
    height, width = images.shape[1:3]
    if max(height, width) <= most:
        return images
    image = optional("PIL.Image", "report")
    size = max(1, round(width * most / max(height, width))), max(1, round(height * most / max(height, width)))
    return np.stack([np.asarray(image.fromarray(each).resize(size)) for each in images])


def _bytes(shares: np.ndarray) -> np.ndarray:
    return np.round(255.0 * np.clip(shares, 0.0, 1.0)).astype(np.uint8)


def _colored(shares: np.ndarray, anchors: tuple[str, ...]) -> np.ndarray:
    colors = np.array([[int(anchor[place : place + 2], 16) for place in (1, 3, 5)] for anchor in anchors], float)
    position = np.clip(shares, 0.0, 1.0) * (len(anchors) - 1)
    channels = [np.interp(position, np.arange(len(anchors)), colors[:, channel]) for channel in range(3)]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)
