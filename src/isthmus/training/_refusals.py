from collections.abc import Iterator
from typing import Any

from isthmus._component import Component, choices, fields_of, part_name
from isthmus.errors import PartError
from isthmus.optimizers import AbstractOptimizer

__all__ = ["check_penalties"]


def check_penalties(objective: Any, optimizer: AbstractOptimizer) -> None:
    """Refuse a penalty with a kink beside an optimizer that cannot say how far to shrink for it, and an adversary beside a line search."""
    if getattr(objective, "is_adversarial", False) and optimizer.applies_half_rates:
        raise PartError(
            f"The optimizer {part_name(type(optimizer))!r} searches along its step for lower values, but an adversary's weights are to "
            "raise what the others lower. Choose an optimizer without a line search, such as 'adam'."
        )
    if not getattr(objective, "is_proximal", False) or optimizer.has_step_sizes():
        return
    penalties = ", ".join(repr(part_name(type(part))) for part in _parts_below(objective) if hasattr(part, "shrink"))
    others = ", ".join(sorted(name for name, part in choices(AbstractOptimizer).items() if part.has_step_sizes()))
    raise PartError(
        f"The optimizer {part_name(type(optimizer))!r} does not go with the penalty {penalties or 'of this objective'}, which shrinks each "
        "weight after a step in proportion to the step that a gradient causes there: this optimizer's steps are not in proportion to "
        f"gradients. Choose another optimizer: {others}; or a penalty without a kink, such as 'l2'."
    )


def _parts_below(part: Any) -> Iterator[Component]:
    """The parts among the fields of a part, and theirs."""
    if not isinstance(part, Component):
        return
    for field in fields_of(type(part)):
        value = getattr(part, field.name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, Component):
                yield inner
                yield from _parts_below(inner)
