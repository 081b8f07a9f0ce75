from typing import Any

import click

from ._command import command
from ._labels import labeled, labels_option, training_option, unlabeled
from ._output import print_json, print_table, shown
from ._tables import data_argument, feature_names, load_model, model_argument, read_matched, reading_options, unnamed

__all__ = ["evaluate"]

# Of the table's columns: the key in the JSON object, the heading.
_MEASURES = {"mse": "MSE", "mae": "MAE", "rmse": "RMSE", "r2": "R2", "explained_share": "explained"}
_NOTE = "Both baselines are fitted on the very rows that they are measured on, which favors them."


@command
@model_argument
@data_argument
@labels_option
@training_option
@click.option("--all", "everything", is_flag=True, help="Every score there is, which takes seconds; so do --labels and --training.")
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(*, model: str, data: str, labels: str | None, training: str | None, everything: bool, as_json: bool, **reading: Any) -> None:
    """Measure reconstructions beside two baselines.

    How well MODEL gives back DATA, per element and in the data's own units: the mean squared and absolute error, the root of the former, R2
    (the mean of the columns' R2) and the explained share (1 minus the squared error over that of the column means). The score is the
    estimator's: minus the model's own loss, a mean over rows.

    The baselines are the column means and a principal component analysis of the same width. Both are fitted on DATA itself, which
    favors them.

    With --all the codes are judged too, with --labels how well labels are predicted from them, and so are drawn rows, robustness and cost;
    what stands out is said in words.
    """
    autoencoder = load_model(model)
    if everything or labels is not None or training is not None:
        _print_all(autoencoder, data, labels, training, reading, as_json=as_json)
        return
    import numpy as np

    x = read_matched(data, autoencoder, **reading).values
    with unnamed():
        reconstruction, score = autoencoder.reconstruct(x), float(autoencoder.score(x))
    truth, width = _flat(x), len(autoencoder.get_feature_names_out())
    measures = {
        "model": measured(truth, _flat(reconstruction)),
        "pca": measured(truth, principal_reconstruction(truth, truth, width)),
        "column_means": measured(truth, np.broadcast_to(truth.mean(axis=0), truth.shape)),
    }
    if as_json:
        head = {"data": data, "rows": len(truth), "columns": truth.shape[1], "latent_dim": width, "score": score}
        print_json({**head, **measures["model"], "baselines": {name: measures[name] for name in ("pca", "column_means")}, "note": _NOTE})
        return
    names = {"model": "this model", "pca": f"PCA, {width} wide", "column_means": "column means"}
    rows = [(names[name], *(shown(values[key]) for key in _MEASURES)) for name, values in measures.items()]
    print_table(f"{len(truth)} rows of {truth.shape[1]} columns; score {shown(score)}", rows, header=("", *_MEASURES.values()))
    click.echo(_NOTE)


def _print_all(autoencoder: Any, data: str, labels: str | None, training: str | None, reading: dict[str, Any], *, as_json: bool) -> None:
    from isthmus.evaluation import evaluate as evaluated

    names = feature_names(autoencoder)
    x, y = labeled(data, labels, names, reading)
    known = None if training is None else unlabeled(training, labels, names, reading)
    with unnamed():
        evaluation = evaluated(autoencoder, x, y, training=known)
    if as_json:
        print_json({"data": data, **evaluation.to_dict()})
    else:
        click.echo(str(evaluation))


def measured(truth: Any, prediction: Any) -> dict[str, float]:
    """The measures of a reconstruction, per element.

    Args:
        truth: of shape (rows, columns).
        prediction: likewise.
    """
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    mse = float(mean_squared_error(truth, prediction))
    several = len(truth) > 1  # one row has no variance to explain
    return {
        "mse": mse,
        "mae": float(mean_absolute_error(truth, prediction)),
        "rmse": mse**0.5,
        "r2": float(r2_score(truth, prediction)) if several else float("nan"),
        "explained_share": float(r2_score(truth, prediction, multioutput="variance_weighted")) if several else float("nan"),
    }


def principal_reconstruction(training: Any, x: Any, width: int) -> Any:
    """`x` through the principal components of `training`.

    Args:
        training: rows to find the components of.
        x: rows to reconstruct.
        width: the number of components, of which there are at most as many as rows and columns.
    """
    import numpy as np
    from sklearn.decomposition import PCA

    if not np.ptp(training, axis=0).any():  # equal rows, or a single one, have a mean and no components
        return np.broadcast_to(training[0], x.shape)
    pca = PCA(min(width, *training.shape), random_state=0).fit(training)
    return pca.inverse_transform(pca.transform(x))


def _flat(x: Any) -> Any:
    return x.reshape(len(x), -1).astype(float)
