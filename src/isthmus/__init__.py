"""Autoencoders that are correct, fast and explained: your data in, the right autoencoder out.

Importing this package loads neither JAX nor scikit-learn; the names below do, when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isthmus.estimators import Autoencoder as Autoencoder
    from isthmus.estimators import GaussianMixture as GaussianMixture
    from isthmus.estimators import LatentMixture as LatentMixture
    from isthmus.estimators import load as load
    from isthmus.estimators import select_components as select_components
    from isthmus.evaluation import compare as compare
    from isthmus.evaluation import evaluate as evaluate
    from isthmus.reports import report as report

    __version__: str

__all__ = ["Autoencoder", "GaussianMixture", "LatentMixture", "__version__", "compare", "evaluate", "load", "report", "select_components"]

_HOMES = {
    **dict.fromkeys(("Autoencoder", "GaussianMixture", "LatentMixture", "load", "select_components"), "isthmus.estimators"),
    **dict.fromkeys(("compare", "evaluate"), "isthmus.evaluation"),
    "report": "isthmus.reports",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("isthmus")
    if name not in _HOMES:
        raise AttributeError(f"module 'isthmus' has no attribute {name!r}. It offers: {', '.join(__all__)}.")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
