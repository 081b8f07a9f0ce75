from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from isthmus._optional import optional
from isthmus.errors import DataError

from ._places import listed
from ._table import Table

_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
# What each mode of pillow is read as: bytes of gray, or of red, green and blue. Transparency and deeper pixels would lose something.
_READ_AS = {"L": "L", "1": "L", "RGB": "RGB", "P": "RGB"}


def read_images(folder: Path, label: str) -> Table:
    """The images of a folder as bytes; see `read_rows`."""
    image = optional("PIL.Image", "image")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and not path.name.startswith("."))
    if not paths:
        raise DataError(
            f"{label} holds no images. Known are the suffixes {', '.join(sorted(_SUFFIXES))}, in the folder itself. Name another folder."
        )
    kinds = {path: _kind(image, path) for path in paths}
    (width, height, mode), _ = Counter(kinds.values()).most_common(1)[0]
    odd = [f"{path.name} ({kind[0]}x{kind[1]} {kind[2]})" for path, kind in kinds.items() if kind != (width, height, mode)]
    if odd:
        raise DataError(
            f"{label} holds images of several sizes or modes. Most are {width}x{height} {mode}; not so: {listed(odd)}. "
            "All must be alike; resize or convert the others, or move them away."
        )
    values = np.empty((len(paths), height, width, *((3,) if mode == "RGB" else ())), np.uint8)
    for index, path in enumerate(paths):
        try:
            with image.open(path) as opened:
                values[index] = np.asarray(opened.convert(mode))
        except OSError as error:
            raise _unreadable(path, error) from error
    return Table(values, row_names=tuple(path.name for path in paths))


def _kind(image: Any, path: Path) -> tuple[int, int, str]:
    """Width, height and the mode to read an image in, from its header alone."""
    try:
        with image.open(path) as opened:
            (width, height), mode = opened.size, opened.mode
    except OSError as error:
        raise _unreadable(path, error) from error
    if mode not in _READ_AS:
        raise DataError(
            f"The image {str(path)!r} has mode {mode!r}. Allowed: {', '.join(sorted(_READ_AS))} (gray or color in bytes, opaque). "
            "Convert it, for instance with pillow: Image.open(path).convert('RGB')."
        )
    return width, height, _READ_AS[mode]


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"The image {str(path)!r} cannot be read: {error}. Every image in the folder must be whole; repair it or move it away."
    )
