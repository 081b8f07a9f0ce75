import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus.training import Progress

__all__ = ["progress_bar"]

_BAR_WIDTH = 20


@contextlib.contextmanager
def progress_bar(*, show: bool | None) -> Iterator[Callable[["Progress"], None]]:
    """A bar on standard error with the epoch, the time left and the terms, as a callback for the trainer.

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
    texts = [TextColumn(f"{{task.fields[{name}]}}", markup=False) for name in ("epoch", "terms")]
    with Progress(SpinnerColumn(), texts[0], BarColumn(_BAR_WIDTH), texts[1], console=console, transient=True) as bar:
        task = bar.add_task("", total=None, epoch="compiling", terms="")

        def update(progress: "Progress") -> None:
            epoch = f"epoch {progress.epoch}/{progress.n_epochs}"
            room = console.width - len(epoch) - _BAR_WIDTH - 8
            terms = _described(progress.terms, progress.seconds_left, room)
            bar.update(task, completed=progress.epoch, total=progress.n_epochs, epoch=epoch, terms=terms)

        yield update


def _described(terms: Mapping[str, float], seconds_left: float, room: int) -> str:
    """The time left and as many terms as there is room for, the objective first."""
    order = sorted(terms, key=lambda name: (name != "loss", name != "val_loss", name))
    line = f"{_clock(seconds_left)} left"
    for name in order:
        longer = f"{line}  {name} {terms[name]:.4g}"
        if len(longer) > room:
            break
        line = longer
    return line


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
