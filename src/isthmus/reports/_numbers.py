"""The evaluation as the page shows it: a few numbers in front, and all of them in tables."""

import math
from typing import NamedTuple

from isthmus.evaluation import Evaluation, Finding, Score, shown

__all__ = ["Entry", "Rival", "entries", "findings", "headlines"]

_MOST_HEADLINES = 6
# What people ask first, each of another kind.
_FIRST = (
    "mean squared error",
    "R2",
    "structural similarity",
    "trustworthiness",
    "linear probe accuracy",
    "linear probe R2",
    "mutual information, mixture",
)
_LEVELS = ("problem", "notice", "good")
_DIRECTIONS = {"higher": "higher is better", "lower": "lower is better", "neither": "no direction is better"}


class Rival(NamedTuple):
    """What a simpler way reaches.

    Attributes:
        name: of the way.
        value: its number.
        verdict: "better", "worse" or "equal" in the digits shown, as said of the model; empty where no direction is better.
    """

    name: str
    value: str
    verdict: str


class Entry(NamedTuple):
    """A score as it is shown.

    Attributes:
        score: the evaluation's.
        value: its number.
        direction: which is better, in words.
        rivals: baselines.
    """

    score: Score
    value: str
    direction: str
    rivals: tuple[Rival, ...]


def headlines(evaluation: Evaluation) -> tuple[Entry, ...]:
    """Six scores at most: well-known ones, then others with baselines and a better direction, then the first of each group."""
    known = [evaluation[name] for name in _FIRST if name in evaluation]
    beside = [score for score in evaluation if score.baselines and score.better != "neither"]
    first = [scores[0] for scores in evaluation.groups.values()]
    candidates = [score for score in (*known, *beside) if math.isfinite(score.value)] or first
    chosen = {score.name: score for score in candidates}
    return tuple(_entry(score) for score in list(chosen.values())[:_MOST_HEADLINES])


def entries(evaluation: Evaluation) -> dict[str, tuple[Entry, ...]]:
    """All scores by group."""
    return {group: tuple(_entry(score) for score in scores) for group, scores in evaluation.groups.items()}


def findings(evaluation: Evaluation) -> list[Finding]:
    """What should be known, problems first."""
    return sorted(evaluation.findings, key=lambda finding: _LEVELS.index(finding.level))


def _entry(score: Score) -> Entry:
    rivals = tuple(Rival(name, shown(value), _verdict(score, name)) for name, value in score.baselines.items())
    return Entry(score, shown(score.value), _DIRECTIONS[score.better], rivals)


def _verdict(score: Score, baseline: str) -> str:
    other = score.baselines[baseline]
    if score.better == "neither" or not math.isfinite(score.value) or not math.isfinite(other):
        return ""
    return "equal" if shown(score.value) == shown(other) else "better" if score.beats(baseline) else "worse"
