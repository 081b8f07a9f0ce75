from collections.abc import Callable

from isthmus.training import Progress

__all__ = ["printing"]


def printing(every: int) -> list[Callable[[Progress], None]]:
    """A callback that prints the terms of every so many epochs, in a list; none when `every` is 0."""
    every = int(every)

    def show(progress: Progress) -> None:
        if progress.epoch % every == 0 or progress.epoch == progress.n_epochs:
            terms = "  ".join(f"{name} {value:.4g}" for name, value in progress.terms.items())
            line = f"epoch {progress.epoch}/{progress.n_epochs}  {terms}  {progress.seconds_left:.0f} s left"
            print(line)  # noqa: T201  # what `verbose` asks for

    return [show] if every else []
