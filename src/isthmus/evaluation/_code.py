from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus.errors import DataError
from isthmus.estimators import GaussianMixture
from isthmus.metrics import (
    active_dimensions,
    continuity,
    effective_rank,
    intrinsic_dimension,
    matched_accuracy,
    mean_absolute_correlation,
    mutual_neighbors,
    neighbor_overlap,
)

from ._sheet import Sheet, remarked
from ._subject import Subject

__all__ = ["add_clusters", "add_code", "add_predictions", "is_quantity"]

_MOST_NEIGHBORS = 2000  # rows, because ranks of neighbors take square tables
_MOST_CLASSES = 50  # numbers of more different values are quantities
_FOLDS = 5


def add_code(sheet: Sheet, subject: Subject, codes: np.ndarray, principal: np.ndarray) -> None:
    """What codes are like, and whether neighbors stay neighbors.

    Args:
        sheet: to write into.
        subject: whose.
        codes: of `subject.some`, (rows, dims).
        principal: those of principal components of the same rows.
    """
    n_rows, width = codes.shape
    pca = f"PCA, {principal.shape[1]} wide"
    note = f"codes of {n_rows} rows"
    unit = f"of {width} dimensions"
    used = getattr(subject.core, "active_units_", None)
    if used is None:
        beside = {pca: active_dimensions(principal)}
        active_note = f"{note}; variance above 0.01 of the largest"
        sheet.add("code", "active units", active_dimensions(codes), unit, "neither", baselines=beside, note=active_note)
    else:
        sheet.add(
            "code", "active units", used, unit, "neither", note="posterior means that vary by more than 0.01 of the prior; rows of the fit"
        )
    beside = {pca: mean_absolute_correlation(principal)}
    sheet.add("code", "mean correlation", mean_absolute_correlation(codes), "absolute", "lower", baselines=beside, note=note)
    sheet.add("code", "effective rank", effective_rank(codes), unit, "neither", baselines={pca: effective_rank(principal)}, note=note)
    few = slice(0, None, max(1, -(-n_rows // _MOST_NEIGHBORS)))
    rows, own, theirs = subject.some[few], codes[few], principal[few]
    with sheet.attempt("intrinsic dimension"):
        beside = {"data": intrinsic_dimension(rows), pca: intrinsic_dimension(theirs)}
        sheet.add(
            "code",
            "intrinsic dimension",
            intrinsic_dimension(own),
            "dimensions",
            "neither",
            baselines=beside,
            note=f"{len(own)} rows; two nearest neighbors",
        )
    for name, measure, n_neighbors in (
        ("trustworthiness", trustworthiness, 5),
        ("continuity", continuity, 5),
        ("neighbor overlap", neighbor_overlap, 10),
        ("mutual neighbors", mutual_neighbors, 10),
    ):
        with sheet.attempt(name):
            beside = {pca: measure(rows, theirs, n_neighbors=n_neighbors)}
            own_note = f"{len(own)} rows, {n_neighbors} neighbors"
            sheet.add("code", name, measure(rows, own, n_neighbors=n_neighbors), "share", "higher", baselines=beside, note=own_note)


def add_predictions(sheet: Sheet, subject: Subject, codes: np.ndarray, principal: np.ndarray) -> None:
    """How well `y` is predicted from codes, from raw features and from principal components.

    Args:
        sheet: to write into.
        subject: whose; its `y` is known.
        codes: of `subject.some`, (rows, dims).
        principal: those of principal components of the same rows.
    """
    y = subject.own_y
    assert y is not None
    tables = {"model": codes, "raw features": subject.some, f"PCA, {principal.shape[1]} wide": principal}
    if is_quantity(y):
        if len(y) < 2 * _FOLDS:
            raise DataError(f"`y` is a quantity, and {len(y)} rows are too few for {_FOLDS} folds. Pass {2 * _FOLDS} rows or more.")
        folds: Any = KFold(_FOLDS, shuffle=True, random_state=subject.random_state)
        kinds: dict[str, Any] = {"linear probe": Ridge(), "nearest neighbors": KNeighborsRegressor()}
        unit = "R2"
    else:
        counts = np.unique(y, return_counts=True)[1]
        if len(counts) < 2:
            raise DataError("`y` has one class in the rows that were looked at; there is nothing to tell apart.")
        n_folds = min(_FOLDS, int(counts.min()))
        if n_folds < 2:
            raise DataError("A class of `y` has a single row, which cannot be both learned from and tested on. Pass more rows of it.")
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=subject.random_state)
        kinds = {"linear probe": LogisticRegression(max_iter=300, tol=1e-3), "nearest neighbors": KNeighborsClassifier()}
        unit = "accuracy"
    note = f"{len(y)} rows, {folds.get_n_splits()} folds, standardized columns"
    for name, kind in kinds.items():
        with remarked() as remarks:
            found = {key: float(np.mean(cross_val_score(_scaled(kind), values, y, cv=folds))) for key, values in tables.items()}
        own_note = note + "".join(remarks)
        sheet.add(
            "labels",
            f"{name} {unit}",
            found.pop("model"),
            "share" if unit == "accuracy" else "R2",
            "higher",
            baselines=found,
            note=own_note,
        )


def add_clusters(sheet: Sheet, subject: Subject, codes: np.ndarray, principal: np.ndarray) -> None:
    """How well clusters of codes are the classes of `y`.

    Args:
        sheet: to write into.
        subject: whose; its `y` is known.
        codes: of `subject.some`, (rows, dims).
        principal: those of principal components of the same rows.
    """
    y, seed = subject.own_y, subject.random_state
    assert y is not None
    n_classes = len(np.unique(y))
    if is_quantity(y) or n_classes < 2:
        raise DataError("`y` holds no classes, or only one: clusters have nothing to be compared with.")
    means = KMeans(n_classes, n_init=4, random_state=seed)
    remarks: dict[str, list[str]] = {}
    with remarked() as remarks["k-means"]:
        others = {
            "raw features, k-means": means.fit_predict(subject.some),
            f"PCA, {principal.shape[1]} wide, k-means": means.fit_predict(principal),
        }
        own = {"k-means": means.fit_predict(codes)}
    if hasattr(subject.model, "mixture_"):
        own["the model's clusters"] = np.asarray(subject.model.predict(subject.x[subject.rows]))
    with sheet.attempt("clusters of a mixture"), remarked() as remarks["mixture"]:
        own["mixture"] = GaussianMixture(n_classes, n_init=8, n_swaps=0, random_state=seed).fit_predict(codes)
    note = f"{len(y)} rows, {n_classes} clusters, found without labels"
    few = slice(0, None, max(1, -(-len(codes) // _MOST_NEIGHBORS)))
    measures = {
        "accuracy": matched_accuracy,
        "mutual information": normalized_mutual_info_score,
        "adjusted Rand index": adjusted_rand_score,
    }
    for name, clusters in own.items():
        for kind, measure in measures.items():
            beside = {key: float(measure(y, each)) for key, each in others.items()}
            unit = "share" if kind == "accuracy" else "normalized" if kind == "mutual information" else ""
            sheet.add(
                "clusters",
                f"{kind}, {name}",
                measure(y, clusters),
                unit,
                "higher",
                baselines=beside,
                note=note + "".join(remarks.get(name, ())),
            )
        if 1 < len(np.unique(clusters[few])) < len(clusters[few]):
            value = silhouette_score(codes[few], clusters[few])
            sheet.add("clusters", f"silhouette, {name}", value, "", "higher", note=f"{len(clusters[few])} codes; needs no labels")


def is_quantity(y: np.ndarray) -> bool:
    """Whether `y` is a quantity and no class."""
    return y.dtype.kind in "iuf" and (len(np.unique(y)) > _MOST_CLASSES or (y.dtype.kind == "f" and bool(np.any(y != np.round(y)))))


def _scaled(kind: Any) -> Any:
    return make_pipeline(StandardScaler(), kind)
