from pathlib import Path
from typing import Any

import click

from isthmus.errors import DataError

from ._command import command
from ._output import check_output, print_json, print_table
from ._tables import data_argument, feature_names, load_model, matched, model_argument, read_table, reading_options, unnamed

__all__ = ["report"]

_PROJECTIONS = ("pca", "umap")


@command
@model_argument
@data_argument
@click.option("-o", "--output", metavar="PAGE", type=click.Path(dir_okay=False), default="report.html", show_default=True, help="The page.")
@click.option(
    "--labels", metavar="COLUMN|FILE", help="A label for each row: a column of DATA, or a file with one label a line (or an NPY)."
)
@click.option(
    "--projection", type=click.Choice(_PROJECTIONS), default="pca", show_default=True, help="Of codes of three and more dimensions."
)
@click.option("--training", metavar="DATA2", type=click.Path(exists=True), help="The rows that MODEL was fitted on, if DATA are others.")
@click.option("--title", help="Of the page.")
@click.option("--max-rows", type=click.IntRange(min=10), default=5000, show_default=True, help="For costly scores, drawn at random.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all draws.")
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as one JSON object.")
@reading_options
def report(
    *,
    model: str,
    data: str,
    output: str,
    labels: str | None,
    projection: str,
    training: str | None,
    title: str | None,
    max_rows: int,
    seed: int,
    as_json: bool,
    **reading: Any,
) -> None:
    """Judge a model, and write a page that shows it.

    The page is one HTML file that needs no network: a verdict in plain language, numbers beside those of the mean and of a principal
    component analysis, training curves, rows of DATA beside what MODEL gives back of them, a map of their codes to move and point at,
    every score with the call that computes it. Judge by rows that MODEL has not seen. It needs the extra `report`.
    """
    check_output(output)
    if output == "-":
        raise click.BadParameter("A page is written to a file, not to standard output. Give its path.", param_hint="--output")
    from isthmus.evaluation import evaluate, shown
    from isthmus.reports import report as write_report

    autoencoder = load_model(model)
    x, y = _labeled(data, labels, feature_names(autoencoder), reading)
    known = None if training is None else _unlabeled(training, labels, feature_names(autoencoder), reading)
    with unnamed():
        evaluation = evaluate(autoencoder, x, y, training=known, max_rows=max_rows, random_state=seed)
        options = {"title": title, "projection": projection, "max_rows": max_rows, "random_state": seed}
        page = write_report(autoencoder, x, y, output, evaluation=evaluation, **options)
    if as_json:
        print_json({"report": str(page), "bytes": page.stat().st_size, "data": data, **evaluation.to_dict()})
        return
    findings = [(finding.level, f"{finding.text} {finding.advice}".strip()) for finding in evaluation.findings]
    scores = [(score.name, f"{shown(score.value)} {score.unit}".strip()) for score in evaluation if score.baselines][:4]
    print_table(f"{len(x)} rows", [*findings, *scores])
    click.echo(f"The page is {page} ({page.stat().st_size:,} bytes). Open it in a browser.")


def _labeled(path: str, labels: str | None, expected: Any, reading: dict[str, Any]) -> tuple[Any, Any]:
    """Rows, their columns in the model's order, and their labels."""
    table = read_table(path, **reading)
    if labels is None:
        return matched(table, expected, path).values, None
    if Path(labels).is_file():
        return matched(table, expected, path).values, _labels_in(labels, len(table.values))
    names = table.column_names or ()
    if labels not in names:
        known = ", ".join(map(repr, names[:10])) or "none, for its columns have no names"
        raise DataError(f"There is no file {labels!r}, and {path!r} has no column of that name. Give a file, or one of: {known}.")
    return _without(table, labels, expected, path), table.values[:, names.index(labels)]


def _unlabeled(path: str, labels: str | None, expected: Any, reading: dict[str, Any]) -> Any:
    """Rows as `_labeled` gives them, of a file that may lack the labels."""
    return _without(read_table(path, **reading), labels, expected, path)


def _without(table: Any, column: str | None, expected: Any, path: str) -> Any:
    """The values without a column, unless the model was fitted on it."""
    names = table.column_names or ()
    if column in names and column not in (expected or ()):
        kept = [place for place, name in enumerate(names) if name != column]
        table = table._replace(values=table.values[:, kept], column_names=tuple(names[place] for place in kept))
    return matched(table, expected, path).values


def _labels_in(path: str, n_rows: int) -> Any:
    """One label a line, numbers where all are; a line too many is a heading."""
    import numpy as np

    if Path(path).suffix == ".npy":
        return np.load(path, allow_pickle=False)
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    found = lines[1:] if len(lines) == n_rows + 1 else lines
    try:
        return np.array([float(line) for line in found])
    except ValueError:
        return np.array(found)
