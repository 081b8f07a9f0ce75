"""The goals of `fit.py`, each a ratio within one run or a limit, and what a run made of them."""

from dataclasses import dataclass
from typing import Any

from _harness import table

__all__ = ["print_goals"]


@dataclass(frozen=True)
class Faster:
    """Isthmus is at least `goal` times faster than the fastest run of `other`."""

    section: str
    figure: str
    other: str
    goal: float
    ours: str = "isthmus"

    @property
    def text(self) -> str:
        return f"{self.section}: {self.figure.partition('_')[0]}, {self.ours} against {self.other}, times faster"

    def value(self, sections: dict[str, Any]) -> float | None:
        measured = sections.get(self.section, {})
        ours = measured.get(self.ours, {}).get(self.figure)
        # PyTorch counts with the number of threads that suits it.
        rivals = [name for name in measured if name in (self.other, f"{self.other} 1 thread")]
        theirs = [measured[name][self.figure] for name in rivals if self.figure in measured[name]]
        return min(theirs) / ours if ours and theirs else None

    def met(self, value: float) -> bool:
        return value >= self.goal


@dataclass(frozen=True)
class AtMost:
    """A figure, or the largest of one figure over the entries of a section, stays at or below `goal`."""

    section: str
    figure: str
    goal: float
    text: str

    def value(self, sections: dict[str, Any]) -> float | None:
        measured = sections.get(self.section, {})
        found = [entry[self.figure] for entry in (measured, *measured.values()) if isinstance(entry, dict) and self.figure in entry]
        return max(found) if found else None

    def met(self, value: float) -> bool:
        return value <= self.goal


@dataclass(frozen=True)
class SameLoss:
    """The mean final loss over the seeds of one competitor is within `goal` of another's, relatively."""

    section: str
    first: str
    second: str
    goal: float

    @property
    def text(self) -> str:
        return f"{self.section}: final loss, {self.first} against {self.second}, relative difference"

    def value(self, sections: dict[str, Any]) -> float | None:
        measured = sections.get(self.section, {})
        losses = [measured.get(name, {}).get("runs", {}).get("loss") for name in (self.first, self.second)]
        if losses[0] is None or losses[1] is None:
            return None
        first, second = (sum(values) / len(values) for values in losses)
        return abs(first / second - 1)

    def met(self, value: float) -> bool:
        return value <= self.goal


GOALS = (
    Faster("small", "step_microseconds", "pytorch", 3.0),
    Faster("small", "step_microseconds", "keras tensorflow", 20.0),
    Faster("small", "fit_seconds", "pytorch", 1.0),
    Faster("small", "fit_seconds", "keras tensorflow", 5.0),
    Faster("mnist", "epoch_seconds", "pytorch", 2.2),
    Faster("mnist", "epoch_seconds", "keras tensorflow", 3.2),
    Faster("deep", "epoch_seconds", "pytorch", 1.8),
    Faster("deep", "epoch_seconds", "pytorch bfloat16", 1.0, "isthmus bfloat16"),
    *(SameLoss(section, "isthmus", "pytorch", 0.05) for section in ("small", "mnist", "deep")),
    *(SameLoss(section, "isthmus", "keras tensorflow", 0.05) for section in ("small", "mnist", "deep")),
    AtMost("memory", "transform_megabytes", 1000.0, "memory: peak of a process that fits and encodes MNIST as bytes, MB"),
    AtMost("transform", "ratio", 1.5, "transform: seconds against a bare jitted encoder"),
    AtMost("precision", "size", 0.01, "precision: loss in bfloat16 against float32 after 15 epochs, relative difference of the means"),
    AtMost("grid", "programs", 1, "grid: training programs compiled by 24 fits over floats"),
    AtMost("grid", "programs_refit", 0, "grid: programs compiled by a fit of another length and seed"),
    AtMost("import", "import_seconds", 0.15, "import: seconds of `import isthmus`"),
    AtMost("import", "help_seconds", 0.3, "import: seconds of `isthmus --help`"),
)


def print_goals(content: dict[str, Any], title: str) -> list[dict[str, Any]]:
    """Print the goals whose figures were measured, and return them for the document.

    Args:
        content: the document so far.
        title: of the table.
    """
    bfloat16 = any("bf16" in flag for flag in content["machine"]["instructions"])
    verdicts = []
    for goal in GOALS:
        value = goal.value(content["sections"])
        # Without instructions for it bfloat16 is emulated, by everybody, and its speed is nobody's goal.
        if value is None or (isinstance(goal, Faster) and "bfloat16" in goal.ours and not bfloat16):
            continue
        verdicts.append({"goal": goal.text, "wanted": goal.goal, "measured": value, "met": goal.met(value)})
    if verdicts:
        table(title, ("", "wanted", "measured", "met"), [tuple(verdict.values()) for verdict in verdicts])
    return verdicts
