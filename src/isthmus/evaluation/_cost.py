import statistics
import time

import numpy as np

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
    x, y = subject.x[subject.rows], subject.labels(subject.rows)
    subject.encoded(x, y)  # compiled
    seconds = []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        subject.encoded(x, y)
        seconds.append(time.perf_counter() - begin)
    note = f"{len(x)} rows, median of {_ROUNDS} runs here and now; another run gives another number"
    sheet.add("cost", "encoding", len(x) / max(statistics.median(seconds), 1e-9), "rows a second", "higher", note=note)
    width, n_columns = subject.encoded(x[:2], None if y is None else y[:2]).shape[1], int(np.prod(subject.x.shape[1:]))
    sheet.add("cost", "numbers kept a row", width, f"of {n_columns}", "lower", note="width of the code")
