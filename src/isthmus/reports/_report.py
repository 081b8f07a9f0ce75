import os
from pathlib import Path
from typing import Any

import numpy as np

from isthmus._files import atomic_write
from isthmus._optional import optional
from isthmus.errors import DataError
from isthmus.evaluation import Evaluation, evaluate

from ._features import curve_figures, feature_errors
from ._latent import draws, traversals
from ._map import PROJECTIONS, code_map
from ._numbers import entries, findings, headlines
from ._page import embedded_json, render
from ._samples import samples
from ._settings import settings
from ._subject import Subject, read_subject
from ._training import training_figures

__all__ = ["report"]


def report(
    model: Any,
    X: Any,
    y: Any = None,
    path: str | os.PathLike[str] = "report.html",
    *,
    training: Any = None,
    evaluation: Evaluation | None = None,
    title: str | None = None,
    projection: str = "pca",
    max_rows: int = 5000,
    random_state: int = 0,
) -> Path:
    """Write one HTML page that shows what a model does with rows, and judges it.

    The page is one file and needs no network. It holds a verdict in plain language, key numbers beside baselines, training curves, rows
    beside their reconstructions, a map of the codes that can be moved and pointed at, traversals of the code, drawn rows, errors by
    feature, every score with the call that computes it, and the configuration. Whatever could not be shown says why. The same
    arguments give the same bytes.

    Args:
        model: a fitted `Autoencoder`, `LatentMixture`, or another transformer with `inverse_transform`, such as PCA.
        X: rows to judge it by, of the kind that was fitted, (rows, features), sparse or not, or (rows, *sample_shape); best rows that it
            has not seen.
        y: a label for each row, (rows,): classes or numbers. Points of the map are colored by it; a conditional model needs it.
        path: the file to write; it appears whole or not at all.
        training: the rows that the model was fitted on, by which baselines are fitted and the gap to new rows is measured.
        evaluation: of the same model and rows; computed when None.
        title: of the page; the model and its sizes when None.
        projection: how codes of three and more dimensions come into the plane: "pca", or "umap" (extra `manifold`), which shows at most
            `max_rows` points.
        max_rows: rows for costly steps, a seeded draw of them; the page says where.
        random_state: decides draws of rows, and rows that are drawn from the model.

    Returns:
        Where the page is.

    Raises:
        DataError: rows, labels or the evaluation do not fit together, values are missing, or the model cannot give rows back.
        MissingExtraError: a package of the extra `report` is not installed.
        sklearn.exceptions.NotFittedError: the model is not fitted.

    Example:
        >>> import tempfile
        >>> from sklearn.datasets import load_iris
        >>> from isthmus import Autoencoder, report
        >>> X, y = load_iris(return_X_y=True)
        >>> autoencoder = Autoencoder(2, max_epochs=20, random_state=0).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = report(autoencoder, X, y, f"{folder}/iris.html").read_text()
        >>> page.startswith("<!DOCTYPE html>"), "Verdict" in page
        (True, True)
    """
    _check_options(path, projection, max_rows)
    if evaluation is None:
        evaluation = evaluate(model, X, y, training=training, max_rows=max_rows, random_state=random_state)
    subject = read_subject(model, X, y)
    errors = _row_errors(subject, evaluation)
    options = {"projection": projection, "max_rows": max_rows, "random_state": random_state}
    page = render(_context(subject, evaluation, errors, title, options))
    with atomic_write(path) as file:
        file.write(page.encode())
    return Path(path)


def _context(subject: Subject, evaluation: Evaluation, errors: np.ndarray, title: str | None, options: dict[str, Any]) -> dict[str, Any]:
    width, n_values = subject.codes.shape[1], int(np.prod(subject.shape))
    seed, max_rows = options["random_state"], options["max_rows"]
    points = code_map(subject, errors, projection=options["projection"], max_rows=max_rows, random_state=seed)
    n_costly = len(evaluation.rows)
    facts = f"{subject.n_rows:,} rows of {n_values:,} values, each from a code of {width} {'number' if width == 1 else 'numbers'}."
    return {
        "title": title or f"{type(subject.model).__name__}: {n_values:,} values in {width} and back",
        "facts": facts,
        "subject": subject,
        "evaluation": evaluation,
        "findings": findings(evaluation),
        "headlines": headlines(evaluation),
        "groups": entries(evaluation),
        "costly": f"Costly scores were computed on {n_costly:,} of the rows." if 0 < n_costly < subject.n_rows else "",
        "training": training_figures(subject.core),
        "samples": samples(subject, errors, seed),
        "map": points,
        "map_json": embedded_json(points.data),
        "evaluation_json": embedded_json(evaluation.to_dict()),
        "traversals": traversals(subject, seed),
        "draws": draws(subject, seed),
        "features": feature_errors(subject, evaluation),
        "curves": curve_figures(evaluation),
        "settings": settings(subject, options, has_training=any("training=training" in score.call for score in evaluation)),
    }


def _check_options(path: str | os.PathLike[str], projection: str, max_rows: int) -> None:
    if projection not in PROJECTIONS:
        raise DataError(f"Unknown `projection`: {projection!r}. Choose one of: {', '.join(PROJECTIONS)}.")
    if not hasattr(max_rows, "__index__") or max_rows < 2:
        raise DataError(f"`max_rows` must be an integer of at least 2; got {max_rows!r}. Give more rows.")
    # Now, and not when the work is done.
    optional("jinja2", "report")
    optional("matplotlib", "report")
    optional("PIL", "report")
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"Cannot write to {os.fspath(path)!r}: there is no folder {str(folder)!r}. Make it, or write elsewhere.")


def _row_errors(subject: Subject, evaluation: Evaluation) -> np.ndarray:
    errors = np.asarray(evaluation.row_errors, float)
    if not len(errors):
        return subject.own_row_errors
    if len(errors) != subject.n_rows:
        raise DataError(f"`evaluation` is of {len(errors)} rows, but `X` has {subject.n_rows}. Pass the rows that were evaluated.")
    return errors
