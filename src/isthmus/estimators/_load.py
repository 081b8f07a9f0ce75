import os
from collections.abc import Iterable
from typing import Any

from isthmus.persistence import read_header

from ._autoencoder import Autoencoder


def load(path: str | os.PathLike[str], parts: Iterable[type] = ()) -> Any:
    """The estimator that a file holds, whichever it is.

    Args:
        path: a file that an estimator's `save` wrote.
        parts: the classes of parts of your own that the model uses.

    Raises:
        FileFormatError: the file is no saved model, or not one of this version.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from isthmus import Autoencoder, load
        >>> X = np.random.default_rng(0).normal(size=(40, 6))
        >>> autoencoder = Autoencoder(2, max_epochs=2, random_state=0).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     autoencoder.save(f"{folder}/model.isthmus")
        ...     again = load(f"{folder}/model.isthmus")
        >>> bool((again.transform(X) == autoencoder.transform(X)).all())
        True
    """
    read_header(path)
    return Autoencoder.load(path, parts)
