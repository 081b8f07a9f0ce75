"""The evaluation as the page shows it: a few numbers in front, and all of them in tables."""

import math
from typing import NamedTuple

from isthmus.evaluation import Evaluation, Finding, Score, shown

__all__ = ["Entry", "Headline", "Rival", "entries", "findings", "headlines"]

_MOST_HEADLINES = 6
_LEVELS = ("problem", "notice", "good")
_DIRECTIONS = {"higher": "higher is better", "lower": "lower is better", "neither": "no direction is better"}


class Rival(NamedTuple):
    """What a simpler way reaches.

    Attributes:
        name: of the way.
        value: its number.
        verdict: "better", "worse" or "equal", as said of the model; empty where no direction is better.
    """

    name: str
    value: str
    verdict: str


class Headline(NamedTuple):
    """A number in front.

    Attributes:
        score: the evaluation's.
        value: as it is shown.
        direction: in words.
        rivals: baselines.
    """

    score: Score
    value: str
    direction: str
    rivals: tuple[Rival, ...]


class Entry(NamedTuple):
    """A line of the table of a group; fields as in `Headline`."""

    score: Score
    value: str
    direction: str
    rivals: tuple[Rival, ...]


def headlines(evaluation: Evaluation) -> tuple[Headline, ...]:
    """The scores that have baselines, at most two of a group at first and six in all; without any, the first of each group."""
    beside = [score for score in evaluation if score.baselines and math.isfinite(score.value)]
    chosen: list[Score] = []
    for most in (2, _MOST_HEADLINES):
        for score in beside:
            n_own = sum(other.group == score.group for other in chosen)
            if score not in chosen and n_own < most and len(chosen) < _MOST_HEADLINES:
                chosen.append(score)
    order = {score.name: place for place, score in enumerate(evaluation)}
    chosen.sort(key=lambda score: order[score.name])
    chosen = chosen or [scores[0] for scores in evaluation.groups.values()][:_MOST_HEADLINES]
    return tuple(Headline(*_read(score)) for score in chosen)


def entries(evaluation: Evaluation) -> dict[str, tuple[Entry, ...]]:
    """All scores by group."""
    return {group: tuple(Entry(*_read(score)) for score in scores) for group, scores in evaluation.groups.items()}


def findings(evaluation: Evaluation) -> list[Finding]:
    """What should be known, problems first."""
    return sorted(evaluation.findings, key=lambda finding: _LEVELS.index(finding.level))


def _read(score: Score) -> tuple[Score, str, str, tuple[Rival, ...]]:
    rivals = tuple(Rival(name, shown(value), _verdict(score, name)) for name, value in score.baselines.items())
    return score, shown(score.value), _DIRECTIONS[score.better], rivals


def _verdict(score: Score, baseline: str) -> str:
    other = score.baselines[baseline]
    if score.better == "neither" or not math.isfinite(score.value) or not math.isfinite(other):
        return ""
    return "equal" if score.value == other else "better" if score.beats(baseline) else "worse"
