"""An estimator, data and metrics become a table."""

from ._scores import Curve, Evaluation, Finding, Score, shown

__all__ = ["Curve", "Evaluation", "Finding", "Score", "shown"]
