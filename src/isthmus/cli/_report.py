from typing import Any

import click

from ._command import command
from ._labels import labeled, labels_option, training_option, unlabeled
from ._output import check_output, print_json, print_table
from ._tables import data_argument, feature_names, load_model, model_argument, reading_options, unnamed

__all__ = ["report"]

_PROJECTIONS = ("pca", "umap")


@command
@model_argument
@data_argument
@click.option("-o", "--output", metavar="PAGE", type=click.Path(dir_okay=False), default="report.html", show_default=True, help="The page.")
@labels_option
@click.option(
    "--projection", type=click.Choice(_PROJECTIONS), default="pca", show_default=True, help="Of codes of three and more dimensions."
)
@training_option
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
    x, y = labeled(data, labels, feature_names(autoencoder), reading)
    known = None if training is None else unlabeled(training, labels, feature_names(autoencoder), reading)
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
