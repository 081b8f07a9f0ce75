import dataclasses
import html
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from isthmus.errors import DataError

from ._scores import Better, Curve, shown

__all__ = ["Comparison", "Difference"]

_ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}


@dataclasses.dataclass(frozen=True)
class Difference:
    """One model beside the best.

    Attributes:
        model: its name.
        mean: its mean score.
        low: the lower end of the 95 % interval of that mean.
        high: the upper end.
        p: the probability of a difference from the best as large as this one if there were none; 1 for the best itself.
        verdict: "best", "no real difference", "worse" or "failed".
    """

    model: str
    mean: float
    low: float
    high: float
    p: float
    verdict: str


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Scores of several models over several seeds. Print it, or show it in a notebook.

    Attributes:
        models: names.
        values: by score the values (models, seeds); NaN where a fit failed.
        better: by score which direction is better.
        units: by score its unit.
        test_share: test rows for each training row, which the test of differences has to know.
        failures: by model what went wrong, where something did.
        x: by model the number that it stands for in a curve, or empty.
        x_name: of that number.
        note: how it was measured.

    Example:
        >>> values = {"error": np.array([[1.0, 1.1, 0.9], [2.0, 2.1, 1.9]])}
        >>> comparison = Comparison(("small", "large"), values, {"error": "lower"}, {"error": "squared data units"}, test_share=1 / 3)
        >>> [row.verdict for row in comparison.table("error")]
        ['best', 'worse']
    """

    models: tuple[str, ...]
    values: Mapping[str, np.ndarray]
    better: Mapping[str, Better]
    units: Mapping[str, str]
    test_share: float
    failures: Mapping[str, str] = dataclasses.field(default_factory=dict)
    x: tuple[float, ...] = ()
    x_name: str = ""
    note: str = ""

    def table(self, score: str) -> tuple[Difference, ...]:
        """The models by one score, the best first, and whether they really differ from it.

        The interval is Student's over seeds. A difference from the best is tested over pairs of the same split, with a variance that
        allows for the rows that splits share, `(1 / n + test / training) s^2` (Nadeau & Bengio, Inference for the Generalization Error,
        Machine Learning 52, 2003), and with Holm's correction for as many tests as there are other models.

        Args:
            score: its name.

        Raises:
            DataError: there is no such score.
        """
        if score not in self.values:
            raise DataError(f"There is no score {score!r}. Choose from: {', '.join(self.values)}.")
        signed = self.values[score] * (1.0 if self.better[score] == "higher" else -1.0)
        means = np.mean(signed, axis=1)
        if np.isnan(means).all():
            raise DataError(f"No model has the score {score!r}: {dict(self.failures)}. Change the models.")
        best = int(np.nanargmax(means))
        p = [1.0 if index == best else _probability(signed[best] - own, self.test_share) for index, own in enumerate(signed)]
        p = _adjusted(p, best)
        rows = []
        for index in np.argsort(-np.where(np.isnan(means), -np.inf, means), kind="stable"):
            own, verdict = self.values[score][index], _verdict(p[index], is_best=bool(index == best))
            rows.append(Difference(self.models[index], float(np.mean(own)), *_interval(own), p[index], verdict))
        return tuple(rows)

    def curve(self, score: str) -> Curve:
        """The score against the number that each model stands for, mean over seeds and the ends of its interval.

        Args:
            score: its name.

        Raises:
            DataError: the models stand for no numbers.
        """
        if not self.x:
            raise DataError("These models stand for no numbers. Use `rate_quality` for a curve.")
        kinds: dict[str, list[tuple[float, float]]] = {}
        for row in sorted(self.table(score), key=lambda each: self.x[self.models.index(each.model)]):
            kinds.setdefault(row.model.partition(",")[0], []).append((self.x[self.models.index(row.model)], row.mean))
        x = np.array(sorted(set(self.x)), float)
        lines = {kind: np.array([dict(points).get(each, np.nan) for each in x]) for kind, points in kinds.items()}
        return Curve(score, self.x_name, f"{score}, {self.units[score]}", x, lines, self.note)

    def to_dict(self) -> dict[str, Any]:
        """Values and lists that JSON can hold."""
        tables = {score: [dataclasses.asdict(row) for row in self.table(score)] for score in self.values}
        values = {score: [[None if np.isnan(each) else each for each in row] for row in own.tolist()] for score, own in self.values.items()}
        return {"models": list(self.models), "values": values, "tables": tables, "failures": dict(self.failures), "note": self.note}

    def __str__(self) -> str:
        lines = []
        for score in self.values:
            lines.append(f"{score} {_ARROWS[self.better[score]]} {self.units[score]}".strip())
            rows = [(*_cells(row)[:-1], f"p {row.p:.3f}") for row in self.table(score)]
            widths = [max(len(row[column]) for row in rows) for column in range(5)]
            lines += ["  " + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines += [f"{model} failed: {why}" for model, why in self.failures.items()]
        return "\n".join([*lines, self.note]).rstrip()

    def _repr_html_(self) -> str:
        body = []
        for score in self.values:
            title = html.escape(f"{score} {_ARROWS[self.better[score]]} {self.units[score]}".strip())
            body.append(f'<tr><th colspan="5" style="text-align:left">{title}</th></tr>')
            for row in self.table(score):
                cells = _cells(row)
                body.append(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>")
        head = "".join(f"<th>{name}</th>" for name in ("model", "mean", "95 % interval", "", "p"))
        failed = "".join(f"<li>{html.escape(f'{model} failed: {why}')}</li>" for model, why in self.failures.items())
        caption = f"<caption>{html.escape(self.note)}</caption>"
        return (
            f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>{f'<ul>{failed}</ul>' if failed else ''}"
        )


def _cells(row: Difference) -> tuple[str, ...]:
    return row.model, shown(row.mean), f"{shown(row.low)} to {shown(row.high)}", row.verdict, f"{row.p:.3f}"


def _verdict(p: float, *, is_best: bool) -> str:
    if is_best:
        return "best"
    return "failed" if np.isnan(p) else "worse" if p < 0.05 else "no real difference"


def _interval(values: np.ndarray) -> tuple[float, float]:
    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return float("nan"), float("nan")
    half = float(stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return mean - half, mean + half


def _probability(difference: np.ndarray, test_share: float) -> float:
    """Of a mean difference as large as this one if there is none."""
    n = len(difference)
    if n < 2 or np.isnan(difference).any():
        return float("nan")
    variance = float(np.var(difference, ddof=1))
    if variance == 0.0:
        return 0.0 if difference.any() else 1.0
    statistic = float(np.mean(difference)) / np.sqrt((1.0 / n + test_share) * variance)
    return float(2.0 * stats.t.sf(abs(statistic), n - 1))


def _adjusted(p: list[float], best: int) -> list[float]:
    """Holm's correction over all but the best."""
    others = sorted((index for index in range(len(p)) if index != best and not np.isnan(p[index])), key=lambda index: p[index])
    found, least = list(p), 0.0
    for rank, index in enumerate(others):
        least = max(least, min(1.0, (len(others) - rank) * p[index]))
        found[index] = least
    return found
