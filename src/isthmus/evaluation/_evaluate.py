import dataclasses
from typing import Any

import numpy as np

from isthmus.errors import DataError

from ._code import add_clusters, add_code, add_predictions
from ._cost import add_cost
from ._findings import findings
from ._generation import add_factors, add_generation
from ._reconstruction import add_reconstruction, principal_axes
from ._robustness import add_robustness
from ._scores import Evaluation
from ._sheet import Sheet
from ._subject import observed, table

__all__ = ["evaluate"]

_MAX_ROWS = 5000


def evaluate(
    model: Any,
    X: Any,  # scikit-learn's name
    y: Any = None,
    *,
    training: Any = None,
    factors: Any = None,
    max_rows: int = _MAX_ROWS,
    random_state: int = 0,
) -> Evaluation:
    """How good a fitted model is: scores with plain names, units and directions, beside simpler ways.

    Reconstructions are always compared with those of the mean and of a principal component analysis of the same width, over all rows and
    in blocks. Codes are judged by how they are spread and by whether neighbors stay neighbors; with `y` also by how well it is predicted
    from them and by clusters; generative models by likelihood and by drawn rows; all by robustness and cost. What data or model do not
    allow is listed in `omitted`, with the reason. Nothing is chosen by labels.

    Args:
        model: a fitted `Autoencoder` or `LatentMixture`, or a transformer with `inverse_transform`, such as scikit-learn's PCA.
        X: rows that it has not seen, for an honest verdict, (rows, columns) or (rows, ...). Of a sparse table a block at a time is made
            dense, and the rows of costly scores.
        y: the class of each row, or a quantity, (rows,). Numbers of more than 50 different values, or with fractions, are quantities.
        training: the rows that the model was fitted to; baselines are then fitted to them too, and the generalization gap is measured.
        factors: what generated each row, (rows, factors): measures of disentanglement need it.
        max_rows: of the rows that costly scores are computed on; ranks of neighbors take 2000 of them at most.
        random_state: decides those rows, folds and draws.

    Raises:
        DataError: rows that are missing values or do not fit the model, or `y` or `factors` that do not fit the rows.
        PartError: the model cannot encode and decode.
        NotFittedError: it is not fitted.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from isthmus import Autoencoder, evaluate
        >>> X, y = load_iris(return_X_y=True)
        >>> evaluation = evaluate(Autoencoder(2, max_epochs=20, random_state=0).fit(X), X, y)
        >>> 0.9 < evaluation["linear probe accuracy"].value <= 1.0
        True
        >>> "raw features" in evaluation["linear probe accuracy"].baselines
        True
    """
    subject = observed(model, X, y, training, max_rows, random_state)
    known = None if factors is None else _factors(factors, subject.n_rows)
    sheet = Sheet()
    codes = subject.encoded(subject.x[subject.rows], subject.labels(subject.rows)).astype(np.float64)
    axes = principal_axes(subject.x if subject.training is None else subject.training, codes.shape[1], random_state=random_state)
    errors = add_reconstruction(sheet, subject, axes)
    principal = axes.encoded(subject.some.astype(np.float64))
    add_code(sheet, subject, codes, principal)
    if subject.y is not None:
        with sheet.attempt("predictions from codes"):
            add_predictions(sheet, subject, codes, principal)
        with sheet.attempt("clusters against labels"):
            add_clusters(sheet, subject, codes, principal)
    else:
        sheet.omitted["predictions from codes, clusters against labels"] = "They need `y`, which was not given."
    add_generation(sheet, subject)
    if known is not None:
        add_factors(sheet, codes, known[subject.rows], random_state)
    else:
        reason = "They need `factors`, what generated each row, which were not given."
        sheet.omitted["mutual information gap, separated attribute predictability, disentanglement"] = reason
    add_robustness(sheet, subject, axes)
    add_cost(sheet, subject)
    given = {"y": y, "training": training, "factors": factors}
    calls = _call([name for name, value in given.items() if value is not None], max_rows, random_state)
    scores = tuple(dataclasses.replace(score, call=f'{calls}["{score.name}"].value') for score in sheet.scores)
    return Evaluation(
        model=repr(model),
        scores=scores,
        curves=tuple(sheet.curves),
        findings=findings(subject, {score.name: score for score in scores}, errors, codes),
        omitted=sheet.omitted,
        feature_names=subject.feature_names,
        feature_errors=errors.features,
        row_errors=errors.rows,
        rows=subject.rows,
        random_state=random_state,
    )


def _factors(factors: Any, n_rows: int) -> np.ndarray:
    found = table(factors)
    if len(found) != n_rows:
        raise DataError(f"`factors` has {len(found)} rows, `X` has {n_rows}. Give the factors of each row.")
    return found


def _call(given: list[str], max_rows: int, random_state: int) -> str:
    """The expression that computes an evaluation again."""
    named = [name if name == "y" else f"{name}={name}" for name in given]
    rows = [] if max_rows == _MAX_ROWS else [f"max_rows={max_rows}"]
    return f"evaluate({', '.join(['model', 'X', *named, *rows, f'random_state={random_state}'])})"
