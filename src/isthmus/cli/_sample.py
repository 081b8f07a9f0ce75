from typing import Any

import click

from ._command import command
from ._output import check_output
from ._tables import feature_names, load_model, model_argument, output_options, read_matched, reading_options, unnamed, write_table

__all__ = ["sample"]


@command
@model_argument
@click.option("-n", "--rows", "n", type=click.IntRange(min=1), default=10, show_default=True, help="How many.")
@click.option("--codes-of", metavar="DATA", type=click.Path(exists=True), help="Draw codes like those of these rows, not from the prior.")
@click.option("--components", type=click.IntRange(min=1), default=10, show_default=True, help="Of the mixture on the codes of --codes-of.")
@click.option("--noise", is_flag=True, help="Draw each row from its likelihood, in the place of its mean.")
@click.option("--class", "label", metavar="CLASS", help="Of all rows, of a conditional model.")
@click.option("--seed", type=click.IntRange(min=0), help="The same seed draws the same rows.")
@output_options
@reading_options
def sample(
    *,
    model: str,
    n: int,
    codes_of: str | None,
    components: int,
    noise: bool,
    label: str | None,
    seed: int | None,
    output: str,
    output_format: str | None,
    **reading: Any,
) -> None:
    """Draw new rows.

    Codes come from the model's prior, where it has one, or from what `fit_density` has found; with --codes-of from a mixture of normal
    distributions on the codes of these rows, which any autoencoder has.
    """
    check_output(output)
    autoencoder = load_model(model)
    classes = getattr(autoencoder, "classes_", None)
    if label is None and classes is not None:
        raise click.BadParameter(f"This model is conditional. Give one of its classes: {classes.tolist()}.", param_hint="--class")
    y = None if label is None or classes is None else _class(classes, label)
    if codes_of is not None:
        if classes is not None:
            raise click.BadParameter("This model is conditional; leave it out.", param_hint="--codes-of")
        table = read_matched(codes_of, autoencoder, **reading)
        with unnamed():
            autoencoder.fit_density(table.values, n_components=components, random_state=seed)
    rows = autoencoder.sample(n, y, noise=noise, random_state=seed)
    write_table(output, rows.reshape(n, -1), feature_names(autoencoder), output_format=output_format)


def _class(classes: Any, label: str) -> Any:
    """The class that prints as `label`; the label itself, to be refused with the list of classes, where none does."""
    return next((known for known in classes.tolist() if str(known) == label), label)
