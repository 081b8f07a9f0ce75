import contextlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from isthmus.errors import IsthmusError

from ._scores import Better, Curve, Score

__all__ = ["Sheet", "remarked"]


class Sheet:
    """Scores as they are found, and why others are not."""

    def __init__(self) -> None:
        self.scores: list[Score] = []
        self.curves: list[Curve] = []
        self.omitted: dict[str, str] = {}

    def add(
        self,
        group: str,
        name: str,
        value: Any,
        unit: str = "",
        better: Better = "neither",
        *,
        baselines: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> None:
        """One score more."""
        beside = {key: float(each) for key, each in (baselines or {}).items()}
        self.scores.append(Score(group, name, float(value), unit, better, beside, note))

    @contextlib.contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Within it, what the data do not allow is noted down and not raised."""
        try:
            yield
        except (IsthmusError, ValueError) as error:
            self.omitted[name] = str(error)


@contextlib.contextmanager
def remarked() -> Iterator[list[str]]:
    """Within it, what an iteration says of its convergence is kept for the note of a score, as it is no fault of the caller's."""
    remarks: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield remarks
    for each in caught:
        if issubclass(each.category, ConvergenceWarning):
            remarks.append(f"; {str(each.message).splitlines()[0].partition('. ')[0].rstrip('.:')}")
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    remarks[:] = dict.fromkeys(remarks)
