"""How many components a mixture is to have: one mixture for each number, and what speaks for each."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from isthmus.errors import DataError
from isthmus.mixtures import best_of, merged, split

from ._fitting import random_source
from ._gaussian_mixture import GaussianMixture
from ._mixture_fits import covariance_of, in_precision, prior_of

__all__ = ["Selection", "select_components"]

_CRITERIA = ("bic", "aic", "icl", "cross_validation", "leave_one_out")
_HIGHER_IS_BETTER = ("cross_validation", "leave_one_out")
_PATHS = ("restarts", "split")
_N_FOLDS = 5
_FEW_ROWS = 5000  # that decide which component is split and which are merged


class Selection(NamedTuple):
    """Mixtures of several numbers of components, and the one that a criterion prefers.

    Attributes
    ----------
    best : GaussianMixture
        The mixture that was chosen, fitted to all rows.
    criterion : str
        By what.
    table : dict of str to ndarray of shape (n_candidates,)
        A column of each criterion, and "n_components", "n_parameters", "log_likelihood" (the mean of the rows, in nats). The columns
        "leave_one_out" and "cross_validation" are means in nats a row of rows that the mixture had not seen, with standard errors in
        columns that end in "_error".
    mixtures : tuple of GaussianMixture
        All of them, fitted to all rows, in the order of the table.
    """

    best: GaussianMixture
    criterion: str
    table: dict[str, np.ndarray]
    mixtures: tuple[GaussianMixture, ...]

    def __str__(self) -> str:
        columns = [[name, *(f"{value:.6g}" for value in values)] for name, values in self.table.items()]
        chosen = ["", *("<" if mixture is self.best else "" for mixture in self.mixtures)]
        widths = [max(map(len, column)) for column in columns]
        return "\n".join(
            "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=True)), mark]).rstrip()
            for *row, mark in zip(*columns, chosen, strict=True)
        )


def select_components(
    X: Any,
    candidates: Any = range(1, 11),
    *,
    criterion: str = "bic",
    path: str = "restarts",
    n_folds: Any = None,
    estimator: Any = None,
    random_state: Any = None,
) -> Selection:
    """Fit mixtures of several numbers of components, and choose one; labels have no part in it.

    **What each criterion asks.** "bic" and "aic" take a penalty for each parameter off the likelihood; "icl" takes off, beside BIC's, how
    much components overlap, and so asks for clusters instead of density. "cross_validation" is the mean log-density of rows in turn
    left out of the fit, and "leave_one_out" that of each row under a mixture from which it is taken by a closed form, which sees some of
    the optimism of a fit, for components are not found anew.

    **When BIC takes too many.** It finds the true number where rows come from normal distributions (and there are enough of them). No
    other density is such a mixture, and each further component describes it better by a gain that grows with the rows, while the penalty
    grows with their logarithm: of enough rows BIC asks for ever more components. On the code of an autoencoder it did so in each case
    that was measured. AIC, cross-validation and leave-one-out do as well, for new rows are indeed described better; ICL levels off first
    (docs/mixture_refinement.md has the numbers). They tell how well a density is described, and not how many clusters there are.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The rows.
    candidates : sequence of int, default=range(1, 11)
        Numbers of components to try.
    criterion : {"bic", "aic", "icl", "cross_validation", "leave_one_out"}, default="bic"
        What chooses.
    path : {"restarts", "split"}, default="restarts"
        How mixtures are found. "restarts" searches each number of components anew, as the estimator says. "split" searches the least
        alone; then it goes up by splitting the component whose halves gain most, to the largest, and down again by merging the two
        that lose least, and keeps the better mixture of both ways. It takes a fraction of the time.
    n_folds : int, default=None
        Parts for cross-validation. By default there is none, or 5 where it is what chooses.
    estimator : GaussianMixture, default=None
        Whose parameters all mixtures have. It is not changed.
    random_state : int, RandomState or None, default=None
        Decides all random choices, in the place of the estimator's.

    Returns
    -------
    Selection
        The chosen mixture as ``best``, the table of all criteria, and all mixtures. Printed, it is the table.

    Raises
    ------
    DataError
        Unknown names, numbers that are none, an estimator that says where to start; and what `GaussianMixture.fit` refuses.

    References
    ----------
    Schwarz, Estimating the dimension of a model, Annals of Statistics 6, 1978. Biernacki, Celeux & Govaert, Assessing a mixture model for
    clustering with the integrated completed likelihood, IEEE Transactions on Pattern Analysis and Machine Intelligence 22, 2000. Smyth,
    Model selection for probabilistic clustering using cross-validated likelihood, Statistics and Computing 10, 2000. Ueda et al., SMEM
    Algorithm for Mixture Models, Neural Computation 12, 2000.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from isthmus import GaussianMixture, select_components
    >>> X, _ = make_blobs(300, centers=3, cluster_std=0.6, random_state=0)
    >>> small = GaussianMixture(n_init=4, n_swaps=2)
    >>> selection = select_components(X, range(1, 6), estimator=small, path="split", random_state=0)
    >>> selection.best.n_components
    3
    """
    template, numbers = _checked(candidates, criterion, path, estimator)
    rng = random_source(template.random_state if random_state is None else random_state)
    template = template.set_params(random_state=int(rng.integers(2**31)))
    found = {"restarts": _restarted, "split": _walked}[path]
    if criterion == "cross_validation" and n_folds is None:
        n_folds = _N_FOLDS
    folds = [] if n_folds is None else _folds(_num_samples(X), n_folds, rng)
    mixtures = found(template, numbers, X)
    table = _judged(mixtures, X, with_left_out=criterion == "leave_one_out" or _has_closed_form(template))
    if folds:
        density = np.empty((len(numbers), _num_samples(X)))
        for fold in folds:
            others = np.setdiff1d(np.arange(density.shape[1]), fold)
            own = found(template, numbers, _safe_indexing(X, others))
            density[:, fold] = [mixture.score_samples(_safe_indexing(X, fold)) for mixture in own]
        table |= _averaged("cross_validation", density)
    best = int(np.argmax(table[criterion] if criterion in _HIGHER_IS_BETTER else -table[criterion]))
    return Selection(mixtures[best], criterion, table, tuple(mixtures))


def _checked(candidates: Any, criterion: str, path: str, estimator: Any) -> tuple[GaussianMixture, list[int]]:
    """A mixture with the parameters of all, and the numbers of components."""
    for name, value, known in (("criterion", criterion, _CRITERIA), ("path", path, _PATHS)):
        if value not in known:
            raise DataError(f"Unknown `{name}`: {value!r}. Choose one of: {', '.join(known)}.")
    numbers = list(candidates) if isinstance(candidates, Iterable) else []
    if not numbers or not all(hasattr(each, "__index__") and not isinstance(each, bool) and each >= 1 for each in numbers):
        raise DataError(f"`candidates` must be integers of at least 1, and at least one of them; got {candidates!r}. Give a range.")
    template = GaussianMixture() if estimator is None else estimator
    if not isinstance(template, GaussianMixture):
        raise DataError(f"`estimator` must be a `GaussianMixture`; got {estimator!r}. Pass one that need not be fitted, or None.")
    given = [name for name in ("weights_init", "means_init", "precisions_init") if getattr(template, name) is not None]
    given += [name for name in ("fixed", "warm_start") if getattr(template, name)]
    if not isinstance(template.init_params, str) and not all(isinstance(name, str) for name in template.init_params):
        given.append("init_params")
    if given:
        raise DataError(f"`{given[0]}` of the estimator says where to start, for one number of components. Drop it.")
    return clone(template), [int(each) for each in numbers]


def _folds(n_rows: int, n_folds: Any, rng: np.random.Generator) -> list[np.ndarray]:
    """Numbers of the rows to leave out each time."""
    if not hasattr(n_folds, "__index__") or isinstance(n_folds, bool) or not 2 <= n_folds <= n_rows:
        raise DataError(f"`n_folds` must be an integer from 2 to the number of rows, {n_rows}; got {n_folds!r}. Give fewer, or None.")
    return [np.sort(fold) for fold in np.array_split(rng.permutation(n_rows), int(n_folds))]


def _restarted(template: GaussianMixture, numbers: list[int], X: Any) -> list[GaussianMixture]:
    """A mixture of each number of components, searched for from many starts."""
    return [clone(template).set_params(n_components=number).fit(X) for number in numbers]


def _walked(template: GaussianMixture, numbers: list[int], X: Any) -> list[GaussianMixture]:
    """A mixture of each number of components, the better of one that was split and one that was merged."""
    least, most = min(numbers), max(numbers)
    own = {least: clone(template).set_params(n_components=least).fit(X)}
    for number in range(least + 1, most + 1):
        own[number] = _stepped(own[number - 1], number, X)
    for number in range(most - 1, least - 1, -1):
        own[number] = max(own[number], _stepped(own[number + 1], number, X), key=lambda mixture: mixture.lower_bound_)
    return [own[number] for number in numbers]


def _stepped(mixture: GaussianMixture, number: int, X: Any) -> GaussianMixture:
    """The mixture with one component more or less."""
    found, table = mixture.fitted_, mixture._table(X, None, reset=False, n_least=1)
    step, dtype = split if number > mixture.n_components else merged, table.x.dtype
    few = np.random.default_rng(mixture.random_state).permutation(len(table.x))[:_FEW_ROWS]
    with in_precision(dtype):
        rows = table.taken(few).whole(found.whitening, number, dtype)
        start = best_of(found.covariance, step(found.covariance, found.mixture), rows, prior_of(mixture, dtype))
    other = clone(mixture).set_params(n_components=number, warm_start=True)
    other.fitted_ = found._replace(mixture=start)
    return other.fit(X).set_params(warm_start=False)


def _has_closed_form(template: GaussianMixture) -> bool:
    """Whether a row can be left out of such mixtures by a formula."""
    return covariance_of(template.covariance_type).has_left_out and template.missing_values == "error"


def _judged(mixtures: list[GaussianMixture], X: Any, *, with_left_out: bool) -> dict[str, np.ndarray]:
    rows = [{"n_components": mixture.n_components, **mixture._criteria(X)} for mixture in mixtures]
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return table | _averaged("leave_one_out", np.array([mixture.leave_one_out(X) for mixture in mixtures])) if with_left_out else table


def _averaged(name: str, density: np.ndarray) -> dict[str, np.ndarray]:
    """Means over rows, and their standard errors."""
    return {name: density.mean(axis=1), f"{name}_error": density.std(axis=1, ddof=1) / np.sqrt(density.shape[1])}
