import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from isthmus.errors import FileFormatError, MissingExtraError

from ._command import command
from ._evaluate import measured, principal_reconstruction
from ._output import print_table, shown
from ._picture import ImageRow, draw_picture
from ._progress import progress_bar
from ._tables import load_model

if TYPE_CHECKING:
    from isthmus.estimators import Autoencoder

__all__ = ["demo"]

_LATENT_DIM = 8
_IMAGE = (8, 8)
_TITLE = "Handwritten digits, never seen in training"
_FOLDER = click.Path(file_okay=False)


class _Contestant(NamedTuple):
    name: str
    reconstruction: Any
    seconds: float
    n_parameters: int
    n_bytes: int | None = None


@command
@click.option("-o", "--output", metavar="DIR", type=_FOLDER, default="isthmus-demo", show_default=True, help="For the files.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the split and of the training.")
def demo(*, output: str, seed: int) -> None:
    """Train on handwritten digits and compare with PCA.

    The 1797 digits that ship with scikit-learn, 8 by 8 pixels of 17 gray levels, become 8 numbers each, and are made from these again. A
    quarter of the digits is set aside, and only measured on. Nothing but the width of the code is chosen by hand.

    Written to DIR: the model, digits.isthmus; a picture, digits.png (which needs the extra `plot`); and a page to look at, report.html
    (which needs the extra `report`), with a verdict, curves, digits, a map of the codes and all scores.
    """
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    from isthmus.estimators import Autoencoder
    from isthmus.reports import report

    model, picture = Path(output, "digits.isthmus"), Path(output, "digits.png")
    model.parent.mkdir(parents=True, exist_ok=True)
    x, digits = load_digits(return_X_y=True)
    split: Any = train_test_split(x, digits, test_size=0.25, random_state=seed, stratify=digits)
    training, test, _, test_digits = split
    click.echo(f"Training on {len(training)} handwritten digits: {x.shape[1]} pixels become {_LATENT_DIM} numbers.", err=True)
    with progress_bar(show=None) as update:
        autoencoder = Autoencoder(_LATENT_DIM, sample_shape=(*_IMAGE, 1), random_state=seed, callbacks=(update,)).fit(training)
    _save_and_check(autoencoder.set_params(callbacks=()), model, test)
    mean = training.mean(axis=0)
    started = time.perf_counter()
    principal = principal_reconstruction(training, test, _LATENT_DIM)
    principal_seconds = time.perf_counter() - started
    n_parameters, n_bytes = autoencoder.summary().n_parameters, model.stat().st_size
    contestants = (
        _Contestant("isthmus", autoencoder.reconstruct(test).reshape(test.shape), autoencoder.fit_seconds_, n_parameters, n_bytes),
        _Contestant("PCA", principal, principal_seconds, (_LATENT_DIM + 1) * x.shape[1]),
        _Contestant("mean digit", np.broadcast_to(mean, test.shape), 0.0, x.shape[1]),
    )
    _report(contestants, test)
    click.echo(f"Saved to {model}; loaded again, it gives the same codes, bit by bit.")
    try:
        _draw(contestants[:2], autoencoder, test, test_digits, picture)
        click.echo(f"Drawn in {picture}")
        click.echo("Judging the model for the report, which takes some seconds.", err=True)
        page = report(autoencoder, test, test_digits, Path(output, "report.html"), training=training, title=_TITLE, random_state=seed)
        click.echo(f"The report is {page}. Open it in a browser.")
    except MissingExtraError as error:
        click.echo(str(error), err=True)


def _save_and_check(autoencoder: "Autoencoder", path: Path, x: Any) -> None:
    import numpy as np

    autoencoder.save(path)
    if not np.array_equal(load_model(str(path)).transform(x), autoencoder.transform(x)):
        raise FileFormatError(f"{str(path)!r} gives other codes than the model that was saved there. They must be equal; report this.")


def _report(contestants: tuple[_Contestant, ...], test: Any) -> None:
    measures = [measured(test, contestant.reconstruction) for contestant in contestants]
    rows = [
        (
            contestant.name,
            f"{values['mse']:.3f}",
            f"{values['explained_share']:.1%}",
            shown(contestant.seconds),
            f"{contestant.n_parameters:,}",
            "-" if contestant.n_bytes is None else f"{contestant.n_bytes:,}",
        )
        for contestant, values in zip(contestants, measures, strict=True)
    ]
    header = ("", "test MSE", "explained", "seconds", "parameters", "bytes of file")
    print_table(f"{len(test)} digits never seen in training, in gray levels from 0 to 16", rows, header=header)
    share = 1.0 - measures[0]["mse"] / measures[1]["mse"]
    click.echo(f"The error is {abs(share):.0%} {'below' if share >= 0.0 else 'above'} that of PCA with as many numbers.")


def _draw(contestants: tuple[_Contestant, ...], autoencoder: "Autoencoder", test: Any, test_digits: Any, path: Path) -> None:
    import numpy as np

    first = [int(np.flatnonzero(test_digits == digit)[0]) for digit in range(10)]

    def images(rows: Any) -> Any:
        return rows[first].reshape(-1, *_IMAGE)

    rows = [ImageRow("original", images(test))]
    for contestant in contestants:
        mse = measured(test, contestant.reconstruction)["mse"]
        rows.append(ImageRow(contestant.name, images(contestant.reconstruction), f"test MSE {mse:.2f}"))
    draw_picture(
        str(path),
        rows,
        autoencoder.history_,
        best_epoch=autoencoder.best_epoch_,
        title=f"Digits never seen in training: {test.shape[1]} pixels to {_LATENT_DIM} numbers and back",
        loss_label="mean squared error, scaled pixels",
    )
