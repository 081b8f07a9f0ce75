import importlib.util
import statistics
import sys
import time

import numpy as np

from isthmus.errors import DataError

from ._sheet import Sheet
from ._subject import Subject

__all__ = ["add_cost"]

_ROUNDS = 3


def add_cost(sheet: Sheet, subject: Subject) -> None:
    """What the model takes to train, keep and use.

    Args:
        sheet: to write into.
        subject: whose.
    """
    core = subject.core
    if core is not None:
        summary = core.summary()
        n_epochs = getattr(core, "n_epochs_", 0)
        sheet.add("cost", "parameters", summary.n_parameters, "numbers", "lower", note="that are learned")
        sheet.add("cost", "memory of parameters", summary.n_bytes, "bytes", "lower", note="which is about the size of the saved file")
        sheet.add("cost", "operations a row", summary.n_flops, "floating-point operations", "lower", note="to encode and decode")
        fitted = f"{n_epochs} epochs, {core.compile_seconds_:.1f} s of it compiling"
        sheet.add("cost", "fit time", core.fit_seconds_, "seconds", "lower", note=fitted)
    else:
        reason = f"{type(subject.model).__name__} does not count them; an `Autoencoder` does."
        sheet.omitted["parameters, memory of parameters, operations a row, fit time"] = reason
    x, y = subject.x[subject.rows], subject.labels(subject.rows)
    subject.encoded(x, y)  # compiled
    seconds = []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        subject.encoded(x, y)
        seconds.append(time.perf_counter() - begin)
    note = f"{len(subject.rows)} rows, median of {_ROUNDS} runs here and now; another run gives another number"
    sheet.add("cost", "encoding", len(subject.rows) / max(statistics.median(seconds), 1e-9), "rows a second", "higher", note=note)
    width, n_columns = subject.encoded(x[:2], None if y is None else y[:2]).shape[1], int(np.prod(subject.x.shape[1:]))
    sheet.add("cost", "numbers kept a row", width, f"of {n_columns}", "lower", note="width of the code")
    with sheet.attempt("peak memory"):
        note = "the most that this process has taken since it began, packages, data and all that ran before included"
        sheet.add("cost", "peak memory", _peak_bytes(), "bytes", "lower", note=note)


def _peak_bytes() -> int:
    if importlib.util.find_spec("resource") is None:
        raise DataError("This system does not tell how much memory a process has taken. Ask its own tools.")
    import resource

    # In bytes there, in units of 1024 everywhere else.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
