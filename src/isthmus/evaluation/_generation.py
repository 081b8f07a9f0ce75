import numpy as np

from isthmus.errors import DataError
from isthmus.metrics import (
    disentanglement,
    frechet_distance,
    mutual_information_gap,
    precision_recall,
    separated_attribute_predictability,
)

from ._reconstruction import principal_axes
from ._sheet import Sheet
from ._subject import Subject, table, unnamed

__all__ = ["add_factors", "add_generation"]

_MOST_ROWS = 1000
_FEATURES = 32
_N_SAMPLES = 100


def add_generation(sheet: Sheet, subject: Subject) -> None:
    """The bound on the likelihood by terms, the likelihood, and how drawn rows compare with real ones.

    Args:
        sheet: to write into.
        subject: whose.
    """
    core = subject.core
    parts = core.model_.parts if core is not None else None
    rows = subject.rows[:: max(1, -(-len(subject.rows) // _MOST_ROWS))]
    if parts is not None and parts.bottleneck.is_probabilistic:
        with sheet.attempt("evidence lower bound, likelihood term, divergence from the prior, log-likelihood, bits per dimension"):
            _add_likelihood(sheet, subject, rows)
    elif hasattr(subject.model, "mixture_"):
        note = f"{len(rows)} rows; by the mixture, of codes: it compares mixtures on one code, and no codes"
        value = subject.log_likelihood(subject.x[rows])
        sheet.add("generation", "log-density of codes", value, "nats a row", "higher", note=note)
    else:
        reason = "The model has no likelihood. Those with a probabilistic bottleneck have, such as `isthmus.presets.vae`."
        sheet.omitted["evidence lower bound, log-likelihood, bits per dimension"] = reason
    with sheet.attempt("Fréchet distance of drawn rows, precision of drawn rows, recall of drawn rows"):
        if not hasattr(subject.model, "sample"):
            raise DataError(f"{type(subject.model).__name__} draws no rows. An `Autoencoder` does, after `fit_density(X)`.")
        _add_samples(sheet, subject, rows)


def add_factors(sheet: Sheet, codes: np.ndarray, factors: np.ndarray, random_state: int) -> None:
    """Whether dimensions of the code are the factors that made the rows.

    Args:
        sheet: to write into.
        codes: (rows, dims).
        factors: of the same rows, (rows, factors).
        random_state: decides which rows are held out.
    """
    note = f"{len(codes)} rows, {factors.shape[1]} factors"
    with sheet.attempt("mutual information gap"):
        sheet.add("factors", "mutual information gap", mutual_information_gap(codes, factors), "share", "higher", note=f"{note}; 20 bins")
    with sheet.attempt("separated attribute predictability"):
        value = separated_attribute_predictability(codes, factors, random_state=random_state)
        sheet.add("factors", "separated attribute predictability", value, "share", "higher", note=note)
    with sheet.attempt("disentanglement"):
        for name, value in disentanglement(codes, factors, random_state=random_state)._asdict().items():
            sheet.add("factors", name, value, "share", "higher", note=f"{note}; random forests")


def _add_likelihood(sheet: Sheet, subject: Subject, rows: np.ndarray) -> None:
    core, x, seed = subject.core, subject.x[subject.rows], subject.random_state
    with unnamed():
        bound = core.elbo(x, y=subject.labels(subject.rows), random_state=seed)
        found = core.log_likelihood(subject.x[rows], _N_SAMPLES, subject.labels(rows), random_state=seed)
    note = f"{len(subject.rows)} rows, one draw each; of rows in their own unit, whatever the training charged"
    sheet.add("generation", "evidence lower bound", np.mean(bound["elbo"], dtype=np.float64), "nats a row", "higher", note=note)
    sheet.add("generation", "likelihood term", np.mean(bound["reconstruction"], dtype=np.float64), "nats a row", "higher", note=note)
    sheet.add("generation", "divergence from the prior", np.mean(bound["kl"], dtype=np.float64), "nats a row", note=note)
    value = float(np.mean(found.value, dtype=np.float64))
    note = f"{len(rows)} rows, {_N_SAMPLES} importance samples each, which is a bound from below"
    sheet.add("generation", "log-likelihood", value, "nats a row", "higher", note=note)
    if core.model_.parts.loss.is_density:
        sheet.omitted["bits per dimension"] = "They are counted of discrete values, and the loss is a density of continuous ones."
    else:
        n_values = int(np.prod(subject.x.shape[1:]))
        sheet.add("generation", "bits per dimension", -value / n_values / np.log(2.0), "bits a value", "lower", note=note)


def _add_samples(sheet: Sheet, subject: Subject, rows: np.ndarray) -> None:
    real = table(subject.x[rows]).astype(np.float64)
    drawn = subject.drawn(len(rows))
    # Principal components of real rows, each of variance one: distances in all directions in which data vary, and none in the others.
    axes = principal_axes(subject.x, min(_FEATURES, len(rows) // 4), random_state=subject.random_state)
    spread = axes.encoded(real).std(axis=0)
    kept = spread > 1e-6 * spread.max()
    if not kept.any():
        raise DataError("The rows are all the same: drawn rows have nothing to be compared with.")
    features, theirs = (axes.encoded(values)[:, kept] / spread[kept] for values in (real, drawn))
    half = len(features) // 2
    beside = {"other rows of the data": frechet_distance(features[::2], features[1::2])}
    note = f"{len(rows)} rows of each, decoded without noise; features: the first {kept.sum()} principal components, each of variance 1"
    sheet.add(
        "generation",
        "Fréchet distance of drawn rows",
        frechet_distance(features, theirs),
        "",
        "lower",
        baselines=beside,
        note=f"{note}; beside two halves of {half}",
    )
    found = precision_recall(features, theirs)
    sheet.add("generation", "precision of drawn rows", found.precision, "share", "higher", note=f"{note}; 3 neighbors")
    sheet.add("generation", "recall of drawn rows", found.recall, "share", "higher", note=f"{note}; 3 neighbors")
