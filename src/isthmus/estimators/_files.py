import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from isthmus.data import Affine
from isthmus.errors import FileFormatError
from isthmus.model import Model
from isthmus.persistence import Bundle, fill, named_arrays, read_bundle, write_bundle

from ._density import CodeDensity

__all__ = ["load", "save"]

_FITTED = ("n_features_in_", "sample_shape_", "n_epochs_", "best_epoch_", "stop_reason_", "fit_seconds_", "compile_seconds_")
_FITTED_BY_SOME = ("active_units_",)


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator."""
    parameters = estimator.get_params(deep=False)
    parameters["callbacks"] = ()
    if not isinstance(parameters["random_state"], int | np.integer | None):
        parameters["random_state"] = None  # a generator has moved on, and another fit would not repeat this one anyway
    fitted = {name: getattr(estimator, name) for name in (*_FITTED, *_FITTED_BY_SOME) if name in _FITTED or hasattr(estimator, name)}
    if hasattr(estimator, "classes_"):
        fitted["classes"] = estimator.classes_.tolist()
    fitted["parts"] = estimator.model_.parts
    fitted["history"] = {name: values.tolist() for name, values in estimator.history_.items()}
    if hasattr(estimator, "feature_names_in_"):
        fitted["feature_names"] = [str(name) for name in estimator.feature_names_in_]
    arrays = {**named_arrays(estimator.model_.weights, "weights"), **named_arrays(estimator.model_.state, "state")}
    if estimator.scaling_ is not None:
        arrays |= named_arrays(estimator.scaling_, "scaling")
    if hasattr(estimator, "density_"):
        arrays |= named_arrays(estimator.density_, "density")
    write_bundle(path, Bundle("autoencoder", parameters, fitted, arrays))


def load(path: str | os.PathLike[str], parts: Iterable[type], cls: type) -> Any:
    """Read a fitted estimator."""
    bundle = read_bundle(path, parts, kinds=["autoencoder"])
    fitted = dict(bundle.fitted)
    missing = sorted({*_FITTED, "parts", "history"} - set(fitted))
    if missing:
        raise FileFormatError(f"The file lacks {missing}, which every saved model has. Save the model again with the version that made it.")
    estimator = cls(**_known(cls, bundle.parameters))
    fresh = Model.init(fitted["parts"], rng=np.random.default_rng(0))
    template: dict[str, Any] = {"weights": fresh.weights, "state": fresh.state}
    if any(name.startswith("scaling.") for name in bundle.arrays):
        row = np.zeros(fitted["sample_shape_"])
        template["scaling"] = Affine(row, row)
    if any(name.startswith("density.") for name in bundle.arrays):
        template["density"] = CodeDensity(*(bundle.arrays.get(f"density.{field}", np.zeros(0)) for field in CodeDensity._fields))
    arrays = fill(template, bundle.arrays)
    estimator.model_ = Model(fitted["parts"], arrays["weights"], arrays["state"])
    estimator.scaling_ = arrays.get("scaling")
    if "density" in arrays:
        estimator.density_ = arrays["density"]
    estimator.history_ = {name: np.array(values, float) for name, values in fitted["history"].items()}
    for name in (*_FITTED, *(name for name in _FITTED_BY_SOME if name in fitted)):
        setattr(estimator, name, fitted[name])
    if "classes" in fitted:
        estimator.classes_ = np.array(fitted["classes"])
    if "feature_names" in fitted:
        estimator.feature_names_in_ = np.array(fitted["feature_names"], dtype=object)
    return estimator


def _known(cls: type, parameters: Mapping[str, Any]) -> dict[str, Any]:
    known = cls().get_params(deep=False)
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise FileFormatError(f"This version does not know the parameters {unknown} of the file. Load it with the version that wrote it.")
    return dict(parameters)
