"""What `GaussianMixture` was given, checked, and what its searches find; the estimator is not touched before it is there."""

import functools
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from isthmus._component import part_name, resolve
from isthmus.errors import DataError
from isthmus.mixtures import (
    NOTHING_FIXED,
    AbstractCovariance,
    Fixed,
    Limits,
    Mixture,
    Prior,
    Run,
    Search,
    Setting,
    Table,
    Whitening,
    best_mixture,
    finished,
    found_whitening,
    joint_of_chunks,
    labeled_mixture,
    left_out_of_chunks,
    matrices_of,
    nearest_labels,
)

from ._fitting import checked_weights
from ._mixture_refinement import refined, refinement_of

__all__ = [
    "Fitted",
    "checked_components",
    "checked_count",
    "checked_table",
    "covariance_of",
    "fitted",
    "fixed_of",
    "in_precision",
    "judged",
    "left_out",
    "prior_of",
    "stated",
]

_ALIASES = {"diag": "diagonal"}
_KINDS = {"kmeans": (False, 10), "k-means++": (False, 0), "random_from_data": (True, 0)}
_STARTS = {prefix + name: (*kind, bool(prefix)) for prefix in ("", "whitened_") for name, kind in _KINDS.items()}
_N_KEPT, _N_REFINED = 12, 12
_LEAST_RIDGE = 5e-7  # in float32, where sums of squares are no surer
_LEAST_TOL = 1e-5  # in float32, whose values are no surer; what is below is for the iterations in float64 that follow
# A component of this weight has less than a row of any table that fits into memory.
_EMPTY = 1e-10
_FIXED = {"weights": "weights_init", "means": "means_init", "covariances": "precisions_init"}


class Fitted(NamedTuple):
    """What a fit has found.

    Attributes:
        covariance: the structure.
        whitening: how rows are scaled.
        mixture: of whitened rows, in NumPy arrays.
        value: that was maximized, of the rows in their own unit.
        n_iter: iterations on all rows.
        converged: whether they had gained little in the end.
        dtype: of the computation.
        n_rows: what the rows counted together.
        gain: nats a row that the refinement has added.
    """

    covariance: AbstractCovariance
    whitening: Whitening
    mixture: Mixture
    value: float
    n_iter: int
    converged: bool
    dtype: Any = np.float64
    n_rows: float = 0.0
    gain: float = 0.0

    @property
    def own(self) -> Mixture:
        """The mixture in the rows' unit, in float64."""
        return self.whitening.restored(self.covariance, self.mixture)

    @property
    def matrices(self) -> np.ndarray:
        """Its covariances, (components or one, dims, dims)."""
        return matrices_of(self.covariance, self.own)

    @property
    def empty(self) -> np.ndarray:
        """Whether a component has no rows, (components,): less of them than rounding can tell from none."""
        return np.exp(self.mixture.log_weight) < max(_EMPTY, 10.0 * float(np.finfo(self.dtype).eps))


def in_precision(dtype: Any) -> Any:
    """A context in which arrays of this type keep their precision."""
    return jax.enable_x64(np.dtype(dtype) == np.float64)


def covariance_of(value: Any) -> AbstractCovariance:
    """The structure that was meant."""
    name = _ALIASES.get(value, value) if isinstance(value, str) else value
    return resolve(AbstractCovariance, name, "covariance_type")


def checked_table(x: np.ndarray, sample_weight: Any, *, incomplete: bool) -> Table:
    """Rows and their weights.

    Raises:
        DataError: values that are missing and may not be, weights that are all zero.
    """
    # The least value is NaN where any is.
    has_missing = bool(np.isnan(x.min()))
    if has_missing and not incomplete:
        raise DataError('X contains NaN. Pass `missing_values="conditional"` to fit rows by the values they have, or drop those rows.')
    weight = checked_weights(sample_weight, x)
    return Table(x, np.ones(len(x)) if weight is None else weight, has_missing)


def fitted(estimator: Any, table: Table, rng: np.random.Generator, before: Fitted | None) -> Fitted:
    """The mixture that a search with the estimator's parameters finds, or where a run from `before` leads."""
    n_components = checked_components(estimator.n_components, int(np.count_nonzero(table.weight)))
    covariance, dtype = covariance_of(estimator.covariance_type), table.x.dtype
    search, refinement = _search(estimator, dtype), refinement_of(estimator.refinement)
    _check_columns(table, covariance, search.prior)
    whitening = found_whitening(covariance, table)
    setting = Setting(covariance, n_components, whitening, dtype)
    fixed = fixed_of(estimator, covariance, n_components, before)
    given = _given(estimator, n_components, table.x.shape[1], covariance)
    labels = _labels(estimator, len(table.x), n_components)
    with in_precision(dtype):
        if before is not None:
            _check_continued(before, covariance, (n_components, table.x.shape[1]))
            run = finished(setting, whitening.whitened(covariance, before.own), table, search, fixed)
        elif given or labels is not None:
            start = _preset(setting, table, search, given, labels, rng)
            run = finished(setting, start, table, search, fixed)
        else:
            run = best_mixture(setting, table, search, rng)
        run, gain = (run, 0.0) if refinement is None else refined(setting, run, table, search, fixed, refinement, rng=rng)
        if dtype == np.float32:
            run = _polished(setting, run, table, _search(estimator, np.float64), fixed)
    return _found(covariance, whitening, run, table)._replace(gain=gain)


def stated(covariance_type: Any, weights: Any, means: Any, covariances: Any) -> Fitted:
    """A mixture of known weights, means and covariances.

    Raises:
        DataError: they do not fit together.
    """
    covariance = covariance_of(covariance_type)
    weight, mean = _floats("weights", weights), _floats("means", means)
    if mean.ndim != 2 or not np.all(np.isfinite(mean)):
        raise DataError(f"`means` must be finite, of shape (n_components, n_features); got {mean.shape}. Give such means.")
    own = {"weights": _checked_weights("weights", weight, len(mean))}
    own["covariances"] = _checked_matrices("covariances", covariance, _floats("covariances", covariances), mean.shape)
    center = own["weights"] @ mean
    deviation = mean - center
    whole = np.einsum("k,kij->ij", own["weights"], own["covariances"]) + (own["weights"] * deviation.T) @ deviation
    whitening = Whitening(center, covariance.whitening(whole))
    mixture = Mixture(np.log(own["weights"]), mean, covariance.of_covariances(own["covariances"]))
    return Fitted(covariance, whitening, whitening.whitened(covariance, mixture), float("nan"), 0, True)


def judged(found: Fitted, table: Table) -> tuple[np.ndarray, np.ndarray]:
    """The log-density of each row (rows,) in nats and the components' shares (rows, components), in the rows' precision."""
    n_rows, n_components = len(table.x), len(found.mixture.mean)
    dtype = table.x.dtype
    density, shares = np.empty(n_rows, dtype), np.empty((n_rows, n_components), dtype)
    with in_precision(np.float64):
        mixture = jax.tree.map(jax.numpy.asarray, found.mixture)
        for rows, chunks in table.numbered_blocks(found.whitening, n_components, np.float64):
            own_density, own_shares = joint_of_chunks(found.covariance, mixture, chunks)
            there = rows >= 0
            density[rows[there]] = np.asarray(own_density)[there]
            shares[rows[there]] = np.moveaxis(np.asarray(own_shares), 1, 2)[there]
    factors = found.whitening.log_factors()
    density += (~np.isnan(table.x) @ factors if table.has_missing else factors.sum()).astype(dtype)
    return density, shares


def left_out(estimator: Any, found: Fitted, table: Table) -> np.ndarray:
    """The log-density of each row (rows,) in nats under the mixture without it, shares held.

    Raises:
        DataError: the covariances have no closed form, or values are missing.
    """
    if not found.covariance.has_left_out:
        raise DataError(
            f"{part_name(type(found.covariance))!r} covariances have no closed form of a row left out. Use cross-validation, as "
            "`isthmus.select_components` with criterion='cross_validation' does."
        )
    if table.has_missing:
        raise DataError("`leave_one_out` needs rows without missing values. Drop those that have any.")
    density = np.empty(len(table.x))
    with in_precision(np.float64):
        mixture = jax.tree.map(jax.numpy.asarray, found.mixture)
        numbers_ = prior_of(estimator, np.float64).rows, float(table.weight.sum())
        for rows, chunks in table.numbered_blocks(found.whitening, len(found.mixture.mean), np.float64):
            own = left_out_of_chunks(found.covariance, mixture, chunks, *numbers_)
            density[rows[rows >= 0]] = np.asarray(own)[rows >= 0]
    return density + found.whitening.log_factors().sum()


def _polished(setting: Setting, run: Run, table: Table, search: Search, fixed: Fixed) -> Run:
    """The run carried on in double precision, which sees the gains that are rounding in single, and needs no more ridge than was asked."""
    left = search.limits.max_iter - int(run.n_iter)
    if left < 1:
        return run
    mixture = jax.tree.map(functools.partial(np.asarray, dtype=np.float64), run.mixture)
    with in_precision(np.float64):
        further = finished(
            setting._replace(dtype=np.dtype(np.float64)), mixture, table, search._replace(limits=Limits(search.limits.tol, left)), fixed
        )
        return further._replace(n_iter=run.n_iter + further.n_iter)


def _found(covariance: AbstractCovariance, whitening: Whitening, run: Run, table: Table) -> Fitted:
    mixture = jax.tree.map(functools.partial(np.asarray, dtype=np.float64), run.mixture)
    if not np.isfinite(float(run.value)):
        raise DataError("The likelihood of the mixture is not finite. Give `covariance_prior` or `reg_covar` a larger value.")
    value = float(run.value) + table.mean_log_factor(whitening)
    n_rows = float(table.weight.sum())
    return Fitted(covariance, whitening, mixture, value, int(run.n_iter), bool(run.converged), table.x.dtype, n_rows)


def _check_columns(table: Table, covariance: AbstractCovariance, prior: Prior) -> None:
    """Refuse columns without values, and those without variance where nothing else gives them one."""
    if table.has_missing:
        empty = np.flatnonzero(np.isnan(table.x[table.weight > 0]).all(axis=0))
        if len(empty):
            raise DataError(f"Columns {empty.tolist()} have no value in any row that counts. Drop them.")
    if prior.rows == 0.0 and prior.ridge == 0.0:
        _, matrix = table.moments()
        modeled = covariance.expanded(covariance.compact(matrix[None]), 1, len(matrix))[0]
        constant = np.flatnonzero(np.diag(modeled) <= 0.0)
        if len(constant):
            raise DataError(
                f"Columns {constant.tolist()} do not vary, and the likelihood has no maximum. Drop them, or give `covariance_prior` or "
                f"`reg_covar` a value above 0."
            )


def _check_continued(before: Fitted, covariance: AbstractCovariance, shape: tuple[int, int]) -> None:
    if before.covariance != covariance or before.mixture.mean.shape != shape:
        n_components, n_features = before.mixture.mean.shape
        raise DataError(
            f"`warm_start` goes on from {n_components} components of {n_features} features and {before.covariance!r}; got {shape[0]} of "
            f"{shape[1]} and {covariance!r}. Use the same, or `warm_start=False`."
        )


def _search(estimator: Any, dtype: Any) -> Search:
    if estimator.acceleration not in (None, "squarem"):
        raise DataError(f"Unknown `acceleration`: {estimator.acceleration!r}. Choose 'squarem', or None for none.")
    n_init = checked_count("n_init", estimator.n_init, 1)
    tol = _checked_number("tol", estimator.tol)
    if np.dtype(dtype) == np.float32 and tol > 0.0:
        tol = max(tol, _LEAST_TOL)
    return Search(
        kinds=_kinds(estimator.init_params),
        n_starts=n_init,
        n_kept=min(_N_KEPT, n_init),
        n_swaps=checked_count("n_swaps", estimator.n_swaps, 0) if estimator.n_components > 1 else 0,
        n_refined=min(_N_REFINED, n_init),
        limits=Limits(tol, checked_count("max_iter", estimator.max_iter, 1)),
        prior=prior_of(estimator, dtype),
        accelerated=estimator.acceleration is not None,
    )


def prior_of(estimator: Any, dtype: Any) -> Prior:
    """What the estimator's parameters say of covariances."""
    ridge = _checked_number("reg_covar", estimator.reg_covar)
    if np.dtype(dtype) == np.float32:
        ridge = max(ridge, _LEAST_RIDGE)
    return Prior(_checked_number("covariance_prior", estimator.covariance_prior), ridge)


def _kinds(init_params: Any) -> tuple[tuple[bool, int, bool], ...]:
    if isinstance(init_params, str):
        names: Sequence[Any] = tuple(_STARTS) if init_params == "auto" else (init_params,)
    elif _has_names(init_params):
        names = init_params
    else:
        return (_STARTS["kmeans"],)  # labels, which have been looked at already
    unknown = [name for name in names if name not in tuple(_STARTS)]
    if unknown:
        raise DataError(f"Unknown `init_params`: {unknown[0]!r}. Choose among {', '.join(_STARTS)}; 'auto' is all of them.")
    return tuple(_STARTS[name] for name in names)


def _has_names(init_params: Any) -> bool:
    return isinstance(init_params, tuple | list) and any(isinstance(name, str) for name in init_params)


def _labels(estimator: Any, n_rows: int, n_components: int) -> np.ndarray | None:
    given = estimator.init_params
    if isinstance(given, str) or _has_names(given):
        return None
    labels = np.asarray(given)
    if labels.shape != (n_rows,) or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= n_components:
        raise DataError(
            f"`init_params` must be names of starts or whole numbers from 0 to {n_components - 1}, one for each of {n_rows} rows; got an "
            f"array of {labels.dtype} of shape {labels.shape}. Pass such labels, or 'auto'."
        )
    return labels


def _given(estimator: Any, n_components: int, n_dims: int, covariance: AbstractCovariance) -> dict[str, np.ndarray]:
    """Weights, means and covariance matrices to start from, as far as there are any."""
    found = {}
    if estimator.weights_init is not None:
        found["weights"] = _checked_weights("weights_init", _floats("weights_init", estimator.weights_init), n_components)
    if estimator.means_init is not None:
        means = _floats("means_init", estimator.means_init)
        if means.shape != (n_components, n_dims) or not np.all(np.isfinite(means)):
            raise DataError(f"`means_init` must have the shape {(n_components, n_dims)} and be finite; got {means.shape}. Give such means.")
        found["means"] = means
    if estimator.precisions_init is not None:
        given = _floats("precisions_init", estimator.precisions_init)
        found["covariances"] = np.linalg.inv(_checked_matrices("precisions_init", covariance, given, (n_components, n_dims)))
    return found


def _floats(name: str, given: Any) -> np.ndarray:
    try:
        return np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"`{name}` must be an array of numbers; got {given!r}. Give one.") from None


def _checked_weights(name: str, weights: np.ndarray, n_components: int) -> np.ndarray:
    if weights.shape != (n_components,) or not np.all(weights > 0.0) or not np.isclose(weights.sum(), 1.0):
        raise DataError(f"`{name}` must be {n_components} positive numbers that sum to 1; got {weights.tolist()}. Give such weights.")
    return weights / weights.sum()


def _checked_matrices(name: str, covariance: AbstractCovariance, given: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    try:
        matrices = covariance.expanded(given, *shape)
        if not np.allclose(matrices, np.swapaxes(matrices, -1, -2), atol=0.0):
            raise ValueError("not symmetric, or not finite")  # noqa: TRY301  # one message for all that cannot be used
        np.linalg.cholesky(matrices)
    except (ValueError, np.linalg.LinAlgError) as error:
        raise DataError(f"`{name}` cannot be used: {error}. Give positive definite matrices, in the shape of `covariances_`.") from None
    return matrices


def fixed_of(estimator: Any, covariance: AbstractCovariance, n_components: int, before: Fitted | None) -> Fixed:
    """What the estimator's parameters hold: of what they give, or of the mixture `before`.

    Raises:
        DataError: names or components that there are not, values that were not given, a part of what is shared.
    """
    given = (estimator.fixed,) if isinstance(estimator.fixed, str) else estimator.fixed
    if not isinstance(given, Mapping | tuple | list | set | frozenset):
        raise DataError(f"`fixed` must be names, or a mapping of names to components; got {given!r}. Choose among {', '.join(_FIXED)}.")
    if not given:
        return NOTHING_FIXED
    for name in given:
        if name not in tuple(_FIXED):
            raise DataError(f"Unknown name in `fixed`: {name!r}. Choose among {', '.join(_FIXED)}.")
        if before is None and getattr(estimator, _FIXED[name]) is None:
            raise DataError(f"`fixed` holds {name} that were not given. Give `{_FIXED[name]}`.")
    every = range(n_components)
    chosen = {name: _chosen(name, given[name] if isinstance(given, Mapping) else every, n_components) for name in given}
    nothing = np.zeros(n_components, bool)
    weight, mean, spread = (chosen.get(name, nothing) for name in _FIXED)
    if covariance.is_shared and spread.any() and not spread.all():
        raise DataError("A covariance that all components share can only be fixed as a whole. Name no components for it.")
    return Fixed(weight, mean, spread)


def _chosen(name: str, given: Any, n_components: int) -> np.ndarray:
    """Whether each component is among those that are given, (components,)."""
    numbers_ = np.atleast_1d(np.asarray(given))
    if numbers_.size and (numbers_.dtype.kind not in "iu" or numbers_.min() < 0 or numbers_.max() >= n_components):
        raise DataError(
            f"`fixed` must name components by numbers from 0 to {n_components - 1}; got {given!r} for {name}. Give such numbers, or the "
            f"name alone for all of them."
        )
    return np.isin(np.arange(n_components), numbers_)


def _preset(
    setting: Setting, table: Table, search: Search, given: dict[str, np.ndarray], labels: np.ndarray | None, rng: np.random.Generator
) -> Mixture:
    """The one start there is, of whitened rows."""
    if labels is None:
        labels = nearest_labels(setting, table, search, given.get("means"), rng)
    start = setting.whitening.restored(setting.covariance, labeled_mixture(setting, table, labels, search.prior))
    if "weights" in given:
        start = start._replace(log_weight=np.log(given["weights"]))
    if "means" in given:
        start = start._replace(mean=given["means"])
    if "covariances" in given:
        start = start._replace(spread=setting.covariance.of_covariances(given["covariances"]))
    return setting.whitening.whitened(setting.covariance, start)


def checked_count(name: str, value: Any, least: int, advice: str = "Give one.") -> int:
    """A count that is whole and large enough, or an error that says so."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise DataError(f"`{name}` must be an integer of at least {least}; got {value!r}. {advice}")
    return int(value)


def checked_components(n_components: Any, n_rows: int | None) -> int:
    """A number of components that so many rows can have, None for any, or an error that says why not."""
    n_components = checked_count("n_components", n_components, 1)
    if n_rows is not None and n_rows < n_components:
        raise DataError(f"n_components={n_components} is more than the {n_rows} rows that count. Use fewer components, or pass more rows.")
    return n_components


def _checked_number(name: str, value: Any) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not 0.0 <= float(value) < float("inf"):
        raise DataError(f"`{name}` must be a number of at least 0; got {value!r}. Give one.")
    return float(value)
