import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ._choices import literal_words, part_names
from ._command import command
from ._options import Assignment, Part, Spec, Switchable, Widths
from ._output import best_terms, check_output, print_json, print_table, shown
from ._progress import progress_bar
from ._tables import data_argument, read_table, reading_options

if TYPE_CHECKING:
    from isthmus.estimators import Autoencoder

__all__ = ["fit"]

_PART = "NAME[:VALUES]"
_ACTIVATIONS = literal_words("_activations.py", "Activation")
_PRECISIONS = literal_words("model.py", "precision")
_SCALINGS = ("auto", *part_names("scaling"), "none")


def _one_of(role: str) -> str:
    return f"One of: {', '.join(part_names(role))}."


@command
@data_argument
@click.option("-o", "--output", metavar="MODEL", type=click.Path(), required=True, help="The model's file, written when the fit has succeeded.")
@click.option("--latent-dim", type=click.IntRange(min=1), required=True, help="How many numbers a code has.")
@click.option("--hidden-dims", type=Widths(), metavar="128,64", help="Widths of the encoder's hidden layers; mirrored in the decoder.")
@click.option("--activation", type=click.Choice(_ACTIVATIONS), metavar="NAME", help=f"Of hidden layers. One of: {', '.join(_ACTIVATIONS)}.")
@click.option("--architecture", type=Part("architecture"), metavar=_PART, help=_one_of("architecture"))
@click.option("--bottleneck", type=Part("bottleneck"), metavar=_PART, help=_one_of("bottleneck"))
@click.option("--loss", type=Part("loss"), metavar=_PART, help=_one_of("loss"))
@click.option(
    "--regularizer", type=Part("regularizer"), metavar=_PART, multiple=True, help=f"Such as l1:1e-4; repeatable. {_one_of('regularizer')}"
)
@click.option("--corruption", type=Part("corruption"), metavar=_PART, help=f"Such as gaussian:0.1. {_one_of('corruption')}")
@click.option("--optimizer", type=Part("optimizer"), metavar=_PART, help=f"Such as sgd:schedule=cosine. {_one_of('optimizer')}")
@click.option("--learning-rate", type=float, help="In place of the optimizer's own.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Rows a step.")
@click.option("--max-epochs", type=click.IntRange(min=1), help="Passes over the data, at most.")
@click.option("--max-seconds", type=float, help="Stop after this time with the best weights so far.")
@click.option("--patience", type=Switchable(int), metavar="EPOCHS|none", help="Stop after so many epochs without an improvement.")
@click.option("--scaling", type=click.Choice(_SCALINGS), metavar="NAME", help=f"Undone in all results. One of: {', '.join(_SCALINGS)}.")
@click.option("--validation-fraction", type=Switchable(float), metavar="SHARE|none", help="Rows held out to find the best epoch by.")
@click.option("--precision", type=click.Choice(_PRECISIONS), help="Of the operands of matrix products.")
@click.option("--seed", type=click.IntRange(min=0), help="The same seed gives the same model.")
@click.option("--target", type=click.Path(exists=True), metavar="DATA2", help="Clean rows, to be reconstructed from those of DATA.")
@click.option("--parameter", "assignments", type=Assignment(), metavar="NAME=VALUE", multiple=True, help="Any other parameter; repeatable.")
@reading_options
@click.option("--progress/--no-progress", default=None, help="Draw a progress bar; only on a terminal when not given.")
@click.option("--quiet", is_flag=True, help="No progress bar and no summary.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def fit(
    *, data: str, output: str, target: str | None, assignments: tuple[tuple[str, Any], ...], progress: bool | None, quiet: bool, **options: Any
) -> None:
    """Train an autoencoder on the rows of DATA and write it to MODEL.

    DATA is a table (CSV, Parquet), an array (NPY, NPZ), a folder of images, or a dash for CSV from standard input. What is not
    given is chosen from the shape of the data. Ctrl-C ends the fit and keeps the best weights so far. MODEL is written only
    when the fit has succeeded.

    A part takes values for its fields after a colon, in order or by name: huber:0.5, adamw:weight_decay=0.01,schedule=cosine.
    --parameter sets whatever else the estimator knows, nested or not, to a value in JSON:
    --parameter tol=1e-4 --parameter architecture__dropout=0.1.
    """
    check_output(output)
    as_json, reading = options.pop("as_json"), {name: options.pop(name) for name in ("format", "key", "header")}
    from isthmus.estimators import Autoencoder

    autoencoder = Autoencoder().set_params(**_parameters(options)).set_params(**dict(assignments))
    table = read_table(data, **reading)
    clean = None if target is None else read_table(target, **reading).values
    with progress_bar(show=False if quiet else progress) as update:
        autoencoder.set_params(callbacks=(update,)).fit(table.values, target=clean)
    if table.column_names is not None:
        autoencoder.feature_names_in_ = _name_array(table.column_names)
    autoencoder.set_params(callbacks=()).save(output)
    if quiet:
        return
    summary = _summary(autoencoder, data, output, table.values.shape)
    if as_json:
        print_json(summary)
    else:
        print_table(f"{output}", _summary_rows(summary))


def _parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """The estimator's parameters among the options that were given; the others keep the estimator's defaults."""
    context = click.get_current_context()
    given = {name: value for name, value in options.items() if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT}
    parameters = {name: value.build() if isinstance(value, Spec) else value for name, value in given.items()}
    if "regularizer" in parameters:
        parameters["regularizers"] = tuple(spec.build() for spec in parameters.pop("regularizer"))
    if "seed" in parameters:
        parameters["random_state"] = parameters.pop("seed")
    if parameters.get("scaling") == "none":
        parameters["scaling"] = None
    return parameters


def _summary(autoencoder: "Autoencoder", data: str, output: str, shape: tuple[int, ...]) -> dict[str, Any]:
    return {
        "model": output,
        "bytes": os.path.getsize(output),
        "data": data,
        "shape": shape,
        "latent_dim": autoencoder.latent_dim,
        "epochs": autoencoder.n_epochs_,
        "best_epoch": autoencoder.best_epoch_,
        "stop_reason": autoencoder.stop_reason_,
        "seconds": autoencoder.fit_seconds_,
        "compile_seconds": autoencoder.compile_seconds_,
        "terms": best_terms(autoencoder.history_, autoencoder.best_epoch_),
    }


def _summary_rows(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("data", f"{' x '.join(map(str, summary['shape']))} from {summary['data']}"),
        ("code", f"{summary['latent_dim']} numbers a row"),
        ("epochs", f"{summary['epochs']}, best {summary['best_epoch']}; stopped by {summary['stop_reason']}"),
        ("seconds", f"{shown(summary['seconds'])}, of these {shown(summary['compile_seconds'])} compiling"),
        *((name, shown(value)) for name, value in summary["terms"].items()),
        ("file", f"{summary['bytes']:,} bytes"),
    ]
