import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isthmus.training import Progress

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(*, show: bool | None) -> Iterator[Callable[["Progress"], None]]:
    """A bar on standard error with the epoch, the terms and the time left, as a callback for the trainer.

    Args:
        show: whether to draw it; None for only on a terminal.

    Yields:
        The callback.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    console = Console(stderr=True, force_terminal=True if show else None)
    if not (console.is_terminal if show is None else show):
        yield lambda progress: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[terms]}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("compiling", total=None, terms="")

        def update(progress: "Progress") -> None:
            bar.update(
                task,
                description=f"epoch {progress.epoch}/{progress.n_epochs}",
                completed=progress.epoch,
                total=progress.n_epochs,
                terms=_described(progress.terms, progress.seconds_left),
            )

        yield update


def _described(terms: dict[str, Any], seconds_left: float | None) -> str:
    # The objective first, so that a narrow terminal cuts off the rest.
    order = sorted(terms, key=lambda name: (name != "loss", name != "val_loss"))
    left = [] if seconds_left is None else [f"{_clock(seconds_left)} left"]
    return "  ".join([*left, *(f"{name} {float(terms[name]):.4g}" for name in order)])


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
