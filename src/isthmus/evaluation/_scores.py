import dataclasses
import html
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from isthmus.errors import DataError

__all__ = ["Curve", "Evaluation", "Finding", "Score", "shown"]

Better = Literal["higher", "lower", "neither"]
_ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}


@dataclasses.dataclass(frozen=True)
class Score:
    """One number about a model, and all that it takes to read it.

    Attributes:
        group: what it is about: "reconstruction", "code", "labels", "clusters", "generation", "factors", "robustness" or "cost".
        name: in plain words.
        value: the number; NaN where it does not exist, and then `note` says why.
        unit: of the number, such as "dB", "nats a row" or "share".
        better: which direction is better.
        baselines: the same number of simpler ways, by their names.
        note: on which rows, and how.
        call: the Python expression that computes it again from `model`, `X`, `y` and `training`.

    Example:
        >>> score = Score("reconstruction", "mean squared error", 0.5, better="lower", baselines={"mean": 2.0})
        >>> score.beats("mean")
        True
    """

    group: str
    name: str
    value: float
    unit: str = ""
    better: Better = "neither"
    baselines: Mapping[str, float] = dataclasses.field(default_factory=dict)
    note: str = ""
    call: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold; what is not a number is None."""
        baselines = {name: _finite(value) for name, value in self.baselines.items()}
        return {**dataclasses.asdict(self), "value": _finite(self.value), "baselines": baselines}

    def beats(self, baseline: str) -> bool:
        """Whether the value is better than a baseline's.

        Args:
            baseline: its name.
        """
        difference = self.value - self.baselines[baseline]
        return difference > 0.0 if self.better == "higher" else difference < 0.0


@dataclasses.dataclass(frozen=True)
class Curve:
    """How scores change with something that is turned up.

    Attributes:
        name: what is shown.
        x_name: what is turned up.
        y_name: what is measured, with its unit.
        x: how far, (points,).
        lines: values (points,) by the name of what was measured.
        note: how.
    """

    name: str
    x_name: str
    y_name: str
    x: np.ndarray
    lines: Mapping[str, np.ndarray]
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that a user should know about a model.

    Attributes:
        kind: its short name, such as "collapse" or "overfitting".
        level: "good", "notice" or "problem".
        text: what is seen, in plain language, with the numbers.
        advice: what to try next; empty where there is nothing to do.
    """

    kind: str
    level: Literal["good", "notice", "problem"]
    text: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.advice}".strip()


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found: scores with units, directions and baselines. Print it, or show it in a notebook.

    Attributes:
        model: the estimator, as it prints itself.
        scores: in groups, in their order.
        curves: robustness against noise and missing features.
        findings: what stands out, problems first.
        omitted: names of scores that could not be computed, one or several with a comma in between, each with the reason.
        feature_names: of the columns, (features,).
        feature_errors: the mean squared error of each feature, in the data's unit squared, (features,).
        row_errors: the mean squared error of each row, likewise, (rows,).
        rows: the numbers of the rows that costly scores were computed on, sorted.
        random_state: decides those rows, folds and draws.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from isthmus import Autoencoder, evaluate
        >>> X = load_iris().data
        >>> evaluation = evaluate(Autoencoder(2, max_epochs=20, random_state=0).fit(X), X)
        >>> evaluation["mean squared error"].better
        'lower'
        >>> sorted(evaluation["mean squared error"].baselines)
        ['PCA, 2 wide', 'mean']
    """

    model: str
    scores: tuple[Score, ...]
    curves: tuple[Curve, ...] = ()
    findings: tuple[Finding, ...] = ()
    omitted: Mapping[str, str] = dataclasses.field(default_factory=dict)
    feature_names: tuple[str, ...] = ()
    feature_errors: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0))
    row_errors: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0))
    rows: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0, np.int64))
    random_state: int = 0

    def __getitem__(self, name: str) -> Score:
        for score in self.scores:
            if score.name == name:
                return score
        for names, reason in self.omitted.items():
            if name in names.split(", "):
                raise DataError(f"{name!r} was not computed: {reason}")
        raise DataError(f"There is no score {name!r}. Choose from: {', '.join(score.name for score in self.scores)}.")

    def __contains__(self, name: object) -> bool:
        return any(score.name == name for score in self.scores)

    def __iter__(self) -> Iterator[Score]:
        return iter(self.scores)

    @property
    def groups(self) -> dict[str, tuple[Score, ...]]:
        """Scores by their group."""
        found: dict[str, list[Score]] = {}
        for score in self.scores:
            found.setdefault(score.group, []).append(score)
        return {name: tuple(own) for name, own in found.items()}

    def to_dict(self) -> dict[str, Any]:
        """Values and lists that JSON can hold; what is not a number is None."""
        return {
            "model": self.model,
            "scores": [score.to_dict() for score in self.scores],
            "curves": [
                {**dataclasses.asdict(curve), "x": curve.x.tolist(), "lines": {name: line.tolist() for name, line in curve.lines.items()}}
                for curve in self.curves
            ],
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "omitted": dict(self.omitted),
            "feature_errors": dict(zip(self.feature_names, self.feature_errors.tolist(), strict=True)),
            "n_rows": len(self.row_errors),
            "n_rows_of_costly_scores": len(self.rows),
            "random_state": self.random_state,
        }

    def __str__(self) -> str:
        cells = [("", "value", "unit", "better", "beside")]
        for group, scores in self.groups.items():
            cells.append((group.upper(), "", "", "", ""))
            cells += [_cells(score) for score in scores]
        widths = [max(len(row[column]) for row in cells) for column in range(5)]
        align = "<><<<"
        padded = [[f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True)] for row in cells]
        lines = ["  ".join(row).rstrip() for row in padded]
        lines += ["", *(f"{finding.level}: {finding}" for finding in self.findings)]
        lines += [f"not computed: {name}: {reason}" for name, reason in self.omitted.items()]
        return "\n".join(lines).rstrip()

    def _repr_html_(self) -> str:
        body = []
        for group, scores in self.groups.items():
            body.append(f'<tr><th colspan="5" style="text-align:left">{html.escape(group)}</th></tr>')
            for score in scores:
                cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(score))
                body.append(f'<tr title="{html.escape(score.note, quote=True)}">{cells}</tr>')
        head = "".join(f"<th>{name}</th>" for name in ("", "value", "unit", "better", "beside"))
        found = "".join(f"<li><b>{each.level}</b>: {html.escape(str(each))}</li>" for each in self.findings)
        others = "".join(f"<li>{html.escape(f'{name}: {reason}')}</li>" for name, reason in self.omitted.items())
        others = f"<details><summary>not computed</summary><ul>{others}</ul></details>" if others else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table><ul>{found}</ul>{others}"


def shown(value: float) -> str:
    """A number with about four digits that matter."""
    if not math.isfinite(value):
        return "-"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.3e}"


def _cells(score: Score) -> tuple[str, str, str, str, str]:
    beside = ", ".join(f"{name} {shown(value)}" for name, value in score.baselines.items())
    return score.name, shown(score.value), score.unit, _ARROWS[score.better], beside


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
