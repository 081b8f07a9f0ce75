"""Inside one measured process: build a trainer, fit it three times, print what was measured as one line of JSON."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from _networks import NETWORKS, Network

__all__ = ["Job", "Trainer", "main", "pin", "report", "resident_megabytes", "seconds"]


@dataclass(frozen=True)
class Job:
    """What one process has to do; travels as JSON on its command line.

    Attributes:
        network: key of `NETWORKS`.
        data: folder of mnist.npz.
        epochs: length of the whole fit.
        short: length of the second fit.
        long: length of the third.
        rows: only so many rows.
        seed: of the weights and the shuffles.
        precision: `"float32"` or `"bfloat16"`.
        threads: cores that the process may use.
        launched: `time.time()` when the process was started.
    """

    network: str
    data: str | None
    epochs: int
    short: int
    long: int
    rows: int | None
    seed: int
    precision: str
    threads: int
    launched: float

    @property
    def shape(self) -> Network:
        """The network itself."""
        return NETWORKS[self.network]


class Trainer(Protocol):
    """A competitor with its data, ready to train: imports done, device started."""

    def fit(self, epochs: int) -> None:
        """Train for `epochs`, anew or on from where it is: the time of a step is the same."""
        ...

    def reconstruct(self) -> Any:
        """The training rows after encoder and decoder."""
        ...

    def extras(self) -> dict[str, float]:
        """What only this competitor can say of its first fit, such as its seconds of compilation."""
        ...


def main(build: Callable[[Job, Any], Trainer]) -> None:
    """Measure one competitor.

    Args:
        build: makes its trainer from the job and the data.
    """
    job = Job(**json.loads(sys.argv[1]))
    pin(job.threads)
    x = job.shape.load(job.data, job.rows)
    trainer = build(job, x)
    measured: dict[str, float] = {"start_seconds": time.time() - job.launched, "start_megabytes": resident_megabytes()}
    measured["fit_seconds"] = seconds(lambda: trainer.fit(job.epochs))
    measured["peak_megabytes"] = resident_megabytes(peak=True)
    measured |= trainer.extras()
    difference = np.asarray(trainer.reconstruct(), np.float32) - x
    measured["loss"] = float(np.mean(np.square(difference), dtype=np.float64))
    del difference
    short, long = (seconds(lambda n=n: trainer.fit(n)) for n in (job.short, job.long))
    steady = (long - short) / (job.long - job.short)
    measured["epoch_seconds"] = steady
    measured["step_microseconds"] = 1e6 * steady / job.shape.steps(len(x), 1)
    measured["refit_seconds"] = short
    report(measured)


def pin(threads: int) -> None:
    """Keep this process on so many cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def report(measured: dict[str, Any]) -> None:
    """The last line on standard output is the result."""
    print(json.dumps(measured), flush=True)


def resident_megabytes(*, peak: bool = False) -> float:
    """Memory of this process in RAM, now or at most so far, in units of 10^6 bytes."""
    status = Path("/proc/self/status")
    if not status.exists():
        # macOS counts bytes here, and only the peak. Linux would count the parent's too, from before `exec`.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    field = "VmHWM:" if peak else "VmRSS:"
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6


def seconds(action: Callable[[], Any]) -> float:
    """Wall seconds that `action` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
