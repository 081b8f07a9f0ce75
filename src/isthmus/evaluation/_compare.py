import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus.errors import DataError, IsthmusError

from ._code import is_quantity
from ._comparison import Comparison
from ._scores import Better
from ._subject import Rows, Subject, as_rows, observed, table

__all__ = ["Contest", "compare", "compared", "named"]

_MOST_PROBED = 5000


class Contest(NamedTuple):
    """One model of a comparison.

    Attributes:
        name: in the table.
        model: to be fitted; it is cloned.
        x: the number that it stands for.
    """

    name: str
    model: Any
    x: float | None = None


class _Score(NamedTuple):
    value: float
    unit: str
    better: Better


def compare(
    models: Any,
    X: Any,
    y: Any = None,
    *,
    n_seeds: int = 5,
    test_size: float = 0.25,
    random_state: int = 0,
) -> Comparison:
    """Fit several models on the same splits with several seeds, and say which differences are real.

    Each seed splits the rows anew, alike for all models, and seeds each model; all scores are of the rows held out. Of every model the
    reconstruction and the seconds of its fit; with `y` how well it is predicted from codes; of variational models the bound on the
    likelihood. A model that cannot be fitted is listed with the reason, and the others go on.

    Args:
        models: what to fit, by name, or in a sequence.
        X: rows, (rows, columns) or (rows, ...).
        y: the class of each row, or a quantity, (rows,); conditional models are told it.
        n_seeds: how many splits; two at least for an interval.
        test_size: the share of rows held out.
        random_state: the first seed; the others follow.

    Raises:
        DataError: fewer than two models or seeds, or rows that cannot be used.

    Example:
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.decomposition import PCA
        >>> from sklearn.preprocessing import scale
        >>> found = compare({"two": PCA(2), "five": PCA(5)}, scale(load_wine().data), n_seeds=3)
        >>> [row.model for row in found.table("R2")]
        ['five', 'two']
    """
    return compared(named(models), X, y, n_seeds=n_seeds, test_size=test_size, random_state=random_state)


def compared(
    contests: Sequence[Contest],
    X: Any,
    y: Any = None,
    *,
    n_seeds: int,
    test_size: float,
    random_state: int,
    x_name: str = "",
) -> Comparison:
    """`compare`, of models that may stand for numbers.

    Args:
        contests: the models.
        X: rows.
        y: of each of them, or None.
        n_seeds: how many splits.
        test_size: the share of rows held out.
        random_state: the first seed.
        x_name: what the numbers are.
    """
    if len(contests) < 2 or n_seeds < 2:
        raise DataError(f"{len(contests)} models and {n_seeds} seeds compare nothing. Give two or more of each.")
    x, labels = as_rows(X), None if y is None else np.asarray(y)
    n_rows = x.shape[0]
    if labels is not None and labels.shape != (n_rows,):
        raise DataError(f"`y` has the shape {labels.shape}; it must hold one value for each of the {n_rows} rows. Pass ({n_rows},).")
    found: dict[str, np.ndarray] = {}
    kinds: dict[str, _Score] = {}
    failures: dict[str, str] = {}
    n_test = 0
    for number in range(n_seeds):
        seed = random_state + number
        stratify = labels if labels is not None and not is_quantity(labels) and np.unique(labels, return_counts=True)[1].min() > 1 else None
        training, test = train_test_split(np.arange(n_rows), test_size=test_size, random_state=seed, stratify=stratify)
        n_test = len(test)
        for index, contest in enumerate(contests):
            try:
                scores = _scores(contest.model, x, labels, (training, test), seed)
            except (IsthmusError, ValueError) as error:
                failures[contest.name] = str(error)
                continue
            for name, score in scores.items():
                kinds[name] = score
                found.setdefault(name, np.full((len(contests), n_seeds), np.nan))[index, number] = score.value
    if not found:
        raise DataError(f"No model could be fitted: {failures}. Change the models or the rows.")
    return Comparison(
        models=tuple(contest.name for contest in contests),
        values=found,
        better={name: score.better for name, score in kinds.items()},
        units={name: score.unit for name, score in kinds.items()},
        test_share=n_test / (n_rows - n_test),
        failures=failures,
        x=tuple(contest.x for contest in contests if contest.x is not None),
        x_name=x_name,
        note=f"{n_seeds} splits of {n_rows} rows, {n_test} held out in each; random states from {random_state}",
    )


def named(models: Any) -> list[Contest]:
    """Models with their names.

    Args:
        models: by name, or in a sequence.
    """
    if isinstance(models, Mapping):
        return [Contest(str(name), model) for name, model in models.items()]
    found = [Contest(" ".join(repr(model).split()), model) for model in models]
    if len({contest.name for contest in found}) < len(found):
        raise DataError("Two models are the same. Give each once, or pass a dict of names and models.")
    return found


def _scores(model: Any, x: Rows, y: np.ndarray | None, places: tuple[np.ndarray, np.ndarray], seed: int) -> dict[str, _Score]:
    training, test = places
    fitted = clone(model)
    if "random_state" in fitted.get_params():
        fitted.set_params(random_state=seed)
    told = (y[training],) if y is not None and getattr(fitted, "conditional", False) else ()
    begin = time.perf_counter()
    fitted.fit(x[training], *told)
    seconds = time.perf_counter() - begin
    subject = observed(fitted, x[test], None if y is None else y[test], None, len(test) + 10, seed)
    rows, found = table(x[test]).astype(np.float64), subject.reconstructed(x[test], subject.labels(slice(None)))
    error = float(np.mean(np.square(rows - found)))
    variance = float(np.mean(rows.var(axis=0)))
    scores = {
        "mean squared error": _Score(error, "squared data units", "lower"),
        "mean absolute error": _Score(float(np.mean(np.abs(rows - found))), "data units", "lower"),
        "R2": _Score(1.0 - error / variance if variance > 0.0 else float("nan"), "share of variance", "higher"),
    }
    if subject.core is fitted and fitted.model_.parts.bottleneck.is_probabilistic:
        scores["evidence lower bound"] = _Score(subject.log_likelihood(x[test], subject.labels(slice(None))), "nats a row", "higher")
    if y is not None:
        scores |= _probes(subject, x, y, places)
    compiling = subject.core.compile_seconds_ if subject.core is not None else 0.0
    return {**scores, "fit time": _Score(seconds - compiling, "seconds, compilation apart", "lower")}


def _probes(subject: Subject, x: Rows, y: np.ndarray, places: tuple[np.ndarray, np.ndarray]) -> dict[str, _Score]:
    """How well `y` is predicted from codes of rows held out by what learned from codes of training rows."""
    quantity = is_quantity(y)
    training, test = (place[:_MOST_PROBED] for place in places)
    codes, new = (subject.encoded(x[place], y[place] if subject.is_conditional else None) for place in (training, test))
    unit = "R2" if quantity else "accuracy"
    kinds = {
        f"linear probe {unit}": Ridge() if quantity else LogisticRegression(max_iter=300, tol=1e-3),
        f"nearest neighbors {unit}": KNeighborsRegressor() if quantity else KNeighborsClassifier(),
    }
    if not quantity and len(np.unique(y[training])) < 2:
        return {}
    fits = {name: make_pipeline(StandardScaler(), kind).fit(codes, y[training]) for name, kind in kinds.items()}
    return {name: _Score(float(fit.score(new, y[test])), "R2" if quantity else "share", "higher") for name, fit in fits.items()}
