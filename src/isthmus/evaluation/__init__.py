"""An estimator, data and metrics become a table."""

from ._evaluate import evaluate as evaluate
from ._scores import Curve as Curve
from ._scores import Evaluation as Evaluation
from ._scores import Finding as Finding
from ._scores import Score as Score
from ._scores import shown as shown

__all__ = ["Curve", "Evaluation", "Finding", "Score", "evaluate", "shown"]
