import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from isthmus.errors import IsthmusError

from ._scores import Better, Curve, Score

__all__ = ["Sheet"]


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
