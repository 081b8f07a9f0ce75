"""The one loop through which everything is trained."""

from ._data import Rows as Rows
from ._loggers import MlflowLogger as MlflowLogger
from ._loggers import TensorboardLogger as TensorboardLogger
from ._loop import Result as Result
from ._loop import train as train
from ._plan import Plan as Plan
from ._plan import Progress as Progress
from ._program import trace_count as trace_count

__all__ = ["MlflowLogger", "Plan", "Progress", "Result", "Rows", "TensorboardLogger", "trace_count", "train"]
