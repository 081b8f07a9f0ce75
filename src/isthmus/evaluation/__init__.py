"""An estimator, data and metrics become a table."""

from ._compare import compare as compare
from ._comparison import Comparison as Comparison
from ._comparison import Difference as Difference
from ._evaluate import evaluate as evaluate
from ._importance import FeatureImportance as FeatureImportance
from ._importance import eliminate_features as eliminate_features
from ._importance import feature_importance as feature_importance
from ._scores import Curve as Curve
from ._scores import Evaluation as Evaluation
from ._scores import Finding as Finding
from ._scores import Score as Score
from ._scores import shown as shown
from ._studies import loss_by_corruption as loss_by_corruption
from ._studies import optimizer_study as optimizer_study
from ._studies import rate_quality as rate_quality
from ._trace import OptimizationTrace as OptimizationTrace
from ._trace import trace_optimization as trace_optimization

__all__ = [
    "Comparison",
    "Curve",
    "Difference",
    "Evaluation",
    "FeatureImportance",
    "Finding",
    "OptimizationTrace",
    "Score",
    "compare",
    "eliminate_features",
    "evaluate",
    "feature_importance",
    "loss_by_corruption",
    "optimizer_study",
    "rate_quality",
    "shown",
    "trace_optimization",
]
