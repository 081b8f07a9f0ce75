from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._choices import literal_words, parameter_defaults, part_names
from ._command import command
from ._options import Assignment, Part, Spec, Switchable, Widths
from ._output import best_terms, check_output, print_json, print_table, shown
from ._progress import progress_bar
from ._tables import data_argument, matched, read_table, reading_options

if TYPE_CHECKING:
    from isthmus.estimators import Autoencoder

__all__ = ["fit"]

_PART = "NAME[:VALUES]"
_ACTIVATIONS = literal_words("_activations.py", "Activation")
_PRECISIONS = literal_words("model.py", "precision")
_SCALINGS = ("auto", *part_names("scaling"), "none")


def _option(name: str, kind: Any, text: str, *, metavar: str | None = None, choices: Sequence[str] = (), multiple: bool = False) -> Any:
    """An option for the estimator's parameter of that name, whose help tells its choices and its default."""
    default = parameter_defaults().get(name)
    told = [text, *([f"One of: {', '.join(choices)}."] if choices else []), *([f"[default: {default}]"] if default else [])]
    return click.option(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, multiple=multiple, help=" ".join(told))


def _part_option(role: str, text: str, *, multiple: bool = False) -> Any:
    return _option(role, Part(role), text, metavar=_PART, choices=part_names(role), multiple=multiple)


@command
@data_argument
@click.option("-o", "--output", metavar="MODEL", type=click.Path(dir_okay=False), required=True, help="Where to write the model.")
@click.option("--latent-dim", type=click.IntRange(min=1), metavar="N", required=True, help="How many numbers a code has.")
@_option("hidden_dims", Widths(), "Widths of the encoder's hidden layers, mirrored in the decoder.", metavar="128,64")
@_option("activation", click.Choice(_ACTIVATIONS), "Of the hidden layers.", metavar="NAME", choices=_ACTIVATIONS)
@_part_option("architecture", "The networks of both halves.")
@_part_option("bottleneck", "How the encoder's output becomes a code.")
@_part_option("loss", "What a wrong reconstruction costs.")
@_part_option("regularizer", "A penalty, such as l1:1e-4; repeatable.", multiple=True)
@_part_option("corruption", "Damage to the input in training, such as gaussian:0.1.")
@_part_option("optimizer", "How weights move, such as sgd:schedule=cosine.")
@_option("learning_rate", float, "In place of the optimizer's own.")
@_option("batch_size", click.IntRange(min=1), "Rows a step.")
@_option("max_epochs", click.IntRange(min=1), "Passes over the data, at most.")
@_option("max_seconds", float, "Stop after this time with the best weights so far.")
@_option("patience", Switchable(int), "Stop after so many epochs without an improvement.", metavar="EPOCHS|none")
@_option("scaling", click.Choice(_SCALINGS), "Of the data; undone in all results.", metavar="NAME", choices=_SCALINGS)
@_option("validation_fraction", Switchable(float), "Rows held out to find the best epoch by.", metavar="SHARE|none")
@_option("precision", click.Choice(_PRECISIONS), "Of the operands of matrix products.")
@click.option("--seed", type=click.IntRange(min=0), help="The same seed gives the same model.")
@click.option("--target", type=click.Path(exists=True), metavar="DATA2", help="Clean rows, to be reconstructed from those of DATA.")
@click.option("--parameter", "assignments", type=Assignment(), metavar="NAME=VALUE", multiple=True, help="Any other parameter; repeatable.")
@reading_options
@click.option("--progress/--no-progress", default=None, help="Draw a progress bar; only on a terminal when not given.")
@click.option("--quiet", is_flag=True, help="No progress bar, and no summary for people.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def fit(
    *,
    data: str,
    output: str,
    target: str | None,
    assignments: tuple[tuple[str, Any], ...],
    progress: bool | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train an autoencoder and write it to MODEL.

    It learns to give back the rows of DATA: a table (CSV, Parquet), an array (NPY, NPZ), a folder of images, or a dash for CSV from
    standard input. What is not given is chosen from the shape of the data. Ctrl-C ends the fit and keeps the best weights so far. MODEL is
    written only when the fit has succeeded.

    A part takes values for its fields after a colon, in order or by name: huber:0.5, adamw:weight_decay=0.01,schedule=cosine.
    --parameter sets whatever else the estimator knows, nested or not, to a value in JSON:
    --parameter tol=1e-4 --parameter architecture__dropout=0.1.
    """
    check_output(output)
    if output == "-":
        raise click.BadParameter("A model is written to a file, not to standard output. Give its path.", param_hint="--output")
    reading = {name: options.pop(name) for name in ("format", "key", "header")}
    import numpy as np

    from isthmus.estimators import Autoencoder

    autoencoder = Autoencoder().set_params(**_parameters(options)).set_params(**dict(assignments))
    table = read_table(data, **reading)
    clean = None if target is None else matched(read_table(target, **reading), table.column_names, target).values
    with progress_bar(show=False if quiet else progress) as update:
        autoencoder.set_params(callbacks=(update,)).fit(table.values, target=clean)
    if table.column_names is not None:
        # What scikit-learn sets for a data frame; frames come from packages that need not be installed.
        autoencoder.feature_names_in_ = np.array(table.column_names, dtype=object)
    autoencoder.set_params(callbacks=()).save(output)
    summary = _summary(autoencoder, data, output, table.values.shape)
    if as_json:
        print_json(summary)
    elif not quiet:
        print_table(output, _summary_rows(summary))


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
        "bytes": Path(output).stat().st_size,
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
