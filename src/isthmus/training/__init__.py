"""The one loop through which everything is trained."""

from ._data import Rows as Rows
from ._loop import Result as Result
from ._loop import train as train
from ._plan import Plan as Plan
from ._plan import Progress as Progress
from ._program import trace_count as trace_count

__all__ = ["Plan", "Progress", "Result", "Rows", "trace_count", "train"]
