import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from isthmus.errors import DataError
from isthmus.mixtures import conditioned, log_density, marginalized, upper_roots

from . import _mixture_fits, _streams
from ._fitting import random_source
from ._mixture_fits import Fitted
from ._mixture_objective import MixtureObjective, mixture_objective

# The least weight that a component of a conditional mixture keeps, however far the given values are from it.
_LEAST_WEIGHT = float(np.finfo(np.float64).tiny)


class GaussianMixture(DensityMixin, BaseEstimator):
    """A mixture of normal distributions, found from many starts at once.

    `p(x) = sum_k w_k N(x; m_k, C_k)`, with weights, means and covariances that maximize the mean log-likelihood of the rows (and a weak
    prior) by expectation-maximization. One start ends in one of many local optima; here `n_init` starts run for a while on a few
    thousand rows as one program, the best go on and try to move single components, and the best of those are run on all rows. The one
    that is kept has the highest value on all rows. The interface is that of `sklearn.mixture.GaussianMixture`.

    Parameters
    ----------
    n_components : int, default=1
        How many normal distributions.
    covariance_type : {"full", "tied", "diag", "spherical", "low_rank"} or AbstractCovariance, default="full"
        How components may be spread: each freely; all alike; along the axes; as balls; freely in a few directions, as in
        ``isthmus.mixtures.LowRank(rank=3)``.
    tol : float, default=1e-5
        The gain of the mean log-likelihood, in nats a row, below which an iteration is the last. Float32 rows stop at 1e-5 or more, of two
        iterations in a row, and go on from there in float64. With 0, all iterations run, in the rows' precision.
    reg_covar : float, default=1e-6
        Added to variances, as a share of the variance of all rows in the same direction. (In scikit-learn it is in the data's unit.)
    covariance_prior : float, default=1e-3
        Rows with the covariance of all rows that each component is given on top of its own: what keeps a component that holds few rows
        from shrinking to a point. With 0 and `reg_covar=0` it is plain maximum likelihood.
    max_iter : int, default=500
        Iterations at most of each run on all rows.
    n_init : int, default=64
        Short runs to choose from. 1 for a single start that is run on all rows.
    n_swaps : int, default=60
        How often the best twelve of these try to move one component to another place; 0 for never.
    init_params : str, sequence of str, or array of int of shape (n_samples,), default="auto"
        Where runs start: "kmeans", "k-means++", "random_from_data", each also with "whitened_" before it, for distances that do not depend
        on the columns' scales and correlations; several are taken in turn, and "auto" is all of them. Or labels, from 0 to
        `n_components` - 1, of which there is one start.
    weights_init, means_init, precisions_init : array-like, default=None
        Where to start instead, in the shapes of `weights_`, `means_` and `precisions_`. With any of them there is one start, and those not
        given follow from the nearest means, or from k-means.
    fixed : sequence of str, or mapping of str to sequence of int, default=()
        Which of "weights", "means" and "covariances" stay as they were given; with a mapping, of which components.
    acceleration : {"squarem"} or None, default=None
        Whether the runs on all rows extrapolate: fewer passes where components overlap.
    refinement : str, AbstractOptimizer or None, default=None
        An optimizer that moves the mixture on by gradient, from where expectation-maximization has ended: "lbfgs" on all rows until ten
        steps gain less than a tenth of `tol`; "adam", "sgd" and others by random batches of rows, in some thousand steps, at a rate that
        falls along half a cosine; or an instance, such as ``isthmus.optimizers.Adam(1e-2)``. What it finds is kept if its value on all
        rows is higher. It pays where components overlap, so that expectation-maximization is slow.
    missing_values : {"error", "conditional"}, default="error"
        What NaN is. "conditional" fits each row by the values it has, and expects what it lacks from them, component by component. That is
        right where values are missing at random.
    random_state : int, RandomState or None, default=None
        Decides all random choices.
    warm_start : bool, default=False
        Whether another `fit` starts from the mixture of the one before, and from nowhere else.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
    means_ : ndarray of shape (n_components, n_features)
    covariances_ : ndarray
        Of shape (n_components, n_features, n_features), (n_features, n_features) if "tied", (n_components, n_features) if "diag" and
        (n_components,) if "spherical".
    precisions_, precisions_cholesky_ : ndarray
        The covariances' inverses, and upper triangular roots of those, `precision = root @ root.T`, in the same shapes.
    converged_ : bool
        Whether the run that was kept had converged.
    n_iter_ : int
        Its iterations on all rows.
    refined_gain_ : float
        What `refinement` has added to `lower_bound_`; 0.0 where it found nothing better.
    lower_bound_ : float
        What was maximized: the mean log-likelihood of the rows in nats, plus the prior's share.
    n_empty_ : int
        Components that ended without rows, at next to no weight.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)

    Notes
    -----
    Rows are whitened in float64 and then computed with in their own precision: float32 rows in float32, all others in float64. Where
    iterations in float32 see no more gain, the last ones run in float64, as do all scores: the result is that of float64. Large means or
    different units of columns cost no accuracy, and ``fit(a * X + b)`` finds the same clusters as ``fit(X)``. The shares of rows in
    components are never there at once, and a table larger than memory can be a `numpy.memmap`. A column that does not vary has no scale:
    `covariance_prior` and `reg_covar` give it a small variance in its own unit, and with neither it is refused.

    References
    ----------
    Biernacki, Celeux & Govaert, Choosing starting values for the EM algorithm, Computational Statistics & Data Analysis 41, 2003, for
    short runs. Zhao et al., Random swap EM algorithm for Gaussian mixture models, Pattern Recognition Letters 33, 2012. Chen & Tan,
    Inference for multivariate normal mixtures, Journal of Multivariate Analysis 100, 2009, for the prior.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import GaussianMixture
    >>> X = np.array([[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]])
    >>> mixture = GaussianMixture(2, random_state=0).fit(X)
    >>> mixture.means_[np.argsort(mixture.means_[:, 0])].round(3) + 0.0
    array([[ 1.,  2.],
           [10.,  2.]])
    >>> bool(mixture.predict([[0.0, 0.0]]) == mixture.predict(X)[0])
    True
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: Any = "full",
        tol: float = 1e-5,
        reg_covar: float = 1e-6,
        covariance_prior: float = 1e-3,
        max_iter: int = 500,
        n_init: int = 64,
        n_swaps: int = 60,
        init_params: Any = "auto",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        fixed: Any = (),
        acceleration: str | None = None,
        refinement: Any = None,
        missing_values: str = "error",
        random_state: Any = None,
        warm_start: bool = False,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.covariance_prior = covariance_prior
        self.max_iter = max_iter
        self.n_init = n_init
        self.n_swaps = n_swaps
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.fixed = fixed
        self.acceleration = acceleration
        self.refinement = refinement
        self.missing_values = missing_values
        self.random_state = random_state
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "GaussianMixture":
        """Find the mixture.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : object, default=None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts: a weight of 2 is that row twice. None for all the same.

        Returns
        -------
        self

        Raises
        ------
        DataError
            Parameters or rows that cannot be used; nothing of an earlier fit is lost.
        """
        with self._unchanged_by_failure():
            table = self._table(X, sample_weight, reset=True, n_least=2)
            before = getattr(self, "fitted_", None) if self.warm_start else None
            found = _mixture_fits.fitted(self, table, random_source(self.random_state), before)
        self._keep(found)
        self.__dict__.pop("stream_", None)
        self._warn()
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "GaussianMixture":
        """Learn from one more chunk of a stream of rows that is never there as a whole.

        The first chunk is fitted as `fit` does. With each later one, the moments of all rows so far move towards the chunk's by a share of
        `(t + 1)^-0.6` for chunk `t` (from 1), and the mixture follows them: stepwise EM (Cappe & Moulines, arXiv:0712.4273). Chunks should
        be mixed like the whole stream.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The chunk. The first must have at least as many rows as there are components.
        y : object, default=None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts.

        Returns
        -------
        self
        """
        first = not hasattr(self, "fitted_")
        with self._unchanged_by_failure():
            table = self._table(X, sample_weight, reset=first, n_least=2 if first else 1)
            if first:
                found = _mixture_fits.fitted(self, table, random_source(self.random_state), None)
                stream = _streams.begun(found, table)
            else:
                before = getattr(self, "stream_", None) or _streams.implied(self.fitted_)
                found, stream = _streams.continued(self, self.fitted_, before, table)
        self._keep(found)
        self.stream_ = stream
        self._warn()
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """Find the mixture, and the likeliest component of each row, (n_samples,).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : object, default=None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts.
        """
        return self.fit(X, y, sample_weight).predict(X)

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest component of each row, (n_samples,)."""
        return np.argmax(self._judged(X)[1], axis=1)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The share of each component in each row's density, (n_samples, n_components)."""
        return self._judged(X)[1]

    def score_samples(self, X: Any) -> np.ndarray:
        """The log-density of each row in nats, (n_samples,); of the values that it has."""
        return self._judged(X)[0]

    def score(self, X: Any, y: Any = None) -> float:
        """The mean log-density of the rows, in nats."""
        return float(np.mean(self._judged(X)[0], dtype=np.float64))

    def log_prob(self, x: Any) -> Any:
        """The log-density of rows as a JAX function, to be differentiated and compiled with others.

        Parameters
        ----------
        x : jax.Array of shape (n_samples, n_features)
            Rows without missing values.

        Returns
        -------
        jax.Array of shape (n_samples,)
            In nats, in the precision of `x`.

        Raises
        ------
        DataError
            `x` has another shape.

        Examples
        --------
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> mixture = GaussianMixture(1, covariance_prior=0.0, reg_covar=0.0).fit(np.array([[-1.0], [1.0]]))
        >>> jax.grad(lambda x: mixture.log_prob(x).sum())(jnp.array([[2.0]])).round(3)
        Array([[-2.]], dtype=float32)
        """
        check_is_fitted(self)
        x = jax.numpy.asarray(x)
        x = x if jax.numpy.issubdtype(x.dtype, jax.numpy.floating) else x.astype(float)
        if x.ndim != 2 or x.shape[1] != self.n_features_in_:
            raise DataError(f"`x` must be rows of {self.n_features_in_} features; got an array of shape {x.shape}. Give such rows.")
        found, dtype = self.fitted_, x.dtype
        factor = jax.numpy.asarray(found.whitening.factor, dtype)
        # In two steps: the first is exact where means are large, the second brings what rounding left of the center.
        center = found.whitening.center.astype(dtype)
        centered = (x - center) - (found.whitening.center - center.astype(np.float64)).astype(dtype)
        whitened = centered @ factor if factor.ndim == 2 else centered * factor
        mixture = jax.tree.map(lambda leaf: jax.numpy.asarray(leaf, dtype), found.mixture)
        return log_density(found.covariance, mixture, whitened) + float(found.whitening.log_factors().sum())

    def sample(self, n_samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Rows drawn from the mixture, (n_samples, n_features), and the component of each, in rising order.

        Parameters
        ----------
        n_samples : int, default=1
            How many.

        Raises
        ------
        DataError
            Fewer than one, or no whole number.
        """
        check_is_fitted(self)
        n_samples = _mixture_fits.checked_count("n_samples", n_samples, 1, "Give how many rows to draw.")
        rng = check_random_state(self.random_state)
        matrices = self.fitted_.matrices
        counts = rng.multinomial(n_samples, self.weights_ / self.weights_.sum())
        labels = np.repeat(np.arange(len(counts)), counts)
        roots = np.broadcast_to(np.linalg.cholesky(matrices), (len(counts), *matrices.shape[1:]))
        noise = rng.standard_normal((n_samples, self.n_features_in_))
        rows = [self.means_[index] + noise[labels == index] @ roots[index].T for index in range(len(counts))]
        return np.concatenate(rows), labels

    def bic(self, X: Any) -> float:
        """Schwarz's criterion, `-2 log L + n_parameters log n`: the lower the better.

        It tells the right number of components where rows come from normal distributions. From anything else, such as the code of an
        autoencoder, it asks for more and more of them as there are more rows, since each describes the shape a little better.
        """
        return self._criteria(X)["bic"]

    def aic(self, X: Any) -> float:
        """Akaike's criterion, `-2 log L + 2 n_parameters`: the lower the better."""
        return self._criteria(X)["aic"]

    def icl(self, X: Any) -> float:
        """The integrated completed likelihood, `bic + 2 sum entropy(shares of a row)`: BIC for clusters that are well apart.

        Biernacki, Celeux & Govaert, Assessing a mixture model for clustering with the integrated completed likelihood, IEEE Transactions
        on Pattern Analysis and Machine Intelligence 22, 2000.
        """
        return self._criteria(X)["icl"]

    def leave_one_out(self, X: Any, sample_weight: Any = None) -> np.ndarray:
        """The log-density of each row in nats under the mixture that is found without it, (n_samples,).

        The shares of all rows in the components are held, so that leaving one out is a closed form: of each component's weight, mean and
        covariance (a rank-one downdate). It is exact for one component with `covariance_prior=0`, and else what the mixture forgets of a
        row at first. The mean is the estimate of leave-one-out cross-validation at the price of one pass.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows that were fitted; others make no sense.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights in the fit. A row of weight 2 is left out with both.

        Raises
        ------
        DataError
            Low-rank covariances, which have no closed form, or missing values.
        """
        check_is_fitted(self)
        return _mixture_fits.left_out(self, self.fitted_, self._table(X, sample_weight, reset=False, n_least=2))

    def objective(self, X: Any, sample_weight: Any = None) -> MixtureObjective:
        """What a fit minimizes, as a function of a vector of which each number may take any value: for optimizers from elsewhere.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; they are held on the device.
        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts.

        Returns
        -------
        MixtureObjective
            A function of a vector to a value and its gradient, with ``start``, this mixture's vector, and ``mixture(vector)``.

        Examples
        --------
        >>> import numpy as np
        >>> from scipy.optimize import minimize
        >>> X = np.array([[0.0], [1.0], [2.0], [7.0], [8.0], [9.0]])
        >>> mixture = GaussianMixture(2, random_state=0).fit(X)
        >>> objective = mixture.objective(X)
        >>> found = minimize(objective, objective.start, jac=True, method="BFGS")
        >>> bool(found.fun <= objective(objective.start)[0])
        True
        >>> np.sort(objective.mixture(found.x).means_.ravel()).round(1)
        array([1., 8.])
        """
        check_is_fitted(self)
        return mixture_objective(self, self.fitted_, self._table(X, sample_weight, reset=False, n_least=1))

    def marginal(self, features: Any) -> "GaussianMixture":
        """The mixture of some of the features, in an order of choice.

        Parameters
        ----------
        features : sequence of int
            Numbers of columns.

        Returns
        -------
        GaussianMixture
            With free covariances, fitted already.
        """
        kept = self._columns(features)
        mean, matrices = marginalized(self.means_, self._matrices(), kept)
        return GaussianMixture.from_parameters(self.weights_, mean, matrices, random_state=self.random_state)

    def conditional(self, features: Any, values: Any) -> "GaussianMixture":
        """The mixture of all other features, where some have known values.

        Parameters
        ----------
        features : sequence of int
            Numbers of the columns whose values are known.
        values : array-like of shape (len(features),)
            Their values.

        Returns
        -------
        GaussianMixture
            With free covariances, fitted already; the other columns keep their order.
        """
        given = self._columns(features)
        known = np.asarray(values, np.float64)
        if known.shape != given.shape or not np.all(np.isfinite(known)):
            raise DataError(f"`values` must be {len(given)} finite numbers, one for each feature given; got {values!r}. Give those.")
        if len(given) == self.n_features_in_:
            raise DataError(
                "All features are given, and none is left to have a distribution. Leave some out; `score_samples` judges whole rows."
            )
        log_weight, mean, matrices = conditioned(np.log(self.weights_), self.means_, self._matrices(), given, known)
        weights = np.maximum(np.exp(log_weight), _LEAST_WEIGHT)
        return GaussianMixture.from_parameters(weights, mean, matrices, random_state=self.random_state)

    @classmethod
    def from_parameters(
        cls, weights: Any, means: Any, covariances: Any, *, covariance_type: Any = "full", random_state: Any = None
    ) -> "GaussianMixture":
        """A mixture that is known already, ready to judge and to draw rows.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Positive, of sum one.
        means : array-like of shape (n_components, n_features)
            Finite.
        covariances : array-like
            Positive definite, in the shape of `covariances_`.
        covariance_type : str or AbstractCovariance, default="full"
            Their structure.
        random_state : int, RandomState or None, default=None
            Decides what is drawn.

        Raises
        ------
        DataError
            Shapes that do not fit, weights that do not sum to one, covariances that are not positive definite.
        """
        mixture = cls(len(np.atleast_1d(weights)), covariance_type=covariance_type, random_state=random_state)
        found = _mixture_fits.stated(covariance_type, weights, means, covariances)
        mixture.n_features_in_ = found.mixture.mean.shape[1]
        mixture._keep(found)
        return mixture

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing_values == "conditional"
        return tags

    def _table(self, X: Any, sample_weight: Any, *, reset: bool, n_least: int) -> Any:
        if self.missing_values not in ("error", "conditional"):
            raise DataError(f"Unknown `missing_values`: {self.missing_values!r}. Choose 'error' or 'conditional'.")
        incomplete = self.missing_values == "conditional"
        dtype = [np.float64, np.float32]
        x = validate_data(self, X, reset=reset, dtype=dtype, ensure_all_finite="allow-nan", ensure_min_samples=n_least)
        return _mixture_fits.checked_table(x, sample_weight, incomplete=incomplete)

    @contextlib.contextmanager
    def _unchanged_by_failure(self) -> Iterator[None]:
        """A refused fit must not change what an earlier one says of its table."""
        known = {name: self.__dict__.get(name) for name in ("n_features_in_", "feature_names_in_")}
        try:
            yield
        except Exception:
            for name, value in known.items():
                if value is None:
                    self.__dict__.pop(name, None)
                else:
                    setattr(self, name, value)
            raise

    def _judged(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        check_is_fitted(self)
        return _mixture_fits.judged(self.fitted_, self._table(X, None, reset=False, n_least=1))

    def _keep(self, found: Fitted) -> None:
        own, matrices = found.own, found.matrices
        inverses = np.linalg.inv(matrices)
        compact = found.covariance.compact
        self.fitted_ = found
        self.weights_, self.means_ = np.exp(own.log_weight), own.mean
        self.covariances_, self.precisions_, self.precisions_cholesky_ = (
            compact(matrices),
            compact(inverses),
            compact(upper_roots(matrices)),
        )
        self.converged_, self.n_iter_, self.lower_bound_, self.refined_gain_ = found.converged, found.n_iter, found.value, found.gain
        self.n_empty_ = int(np.count_nonzero(found.empty))

    def _warn(self) -> None:
        if not self.converged_:
            warnings.warn(
                f"The mixture has not converged in {self.n_iter_} iterations. Give a larger `max_iter`, or a `tol` above {self.tol:g}.",
                ConvergenceWarning,
                stacklevel=3,
            )
        if self.n_empty_:
            warnings.warn(
                f"{self.n_empty_} of {len(self.weights_)} components have no rows: there may be fewer different rows than components. "
                f"Use fewer components.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _matrices(self) -> np.ndarray:
        matrices = self.fitted_.matrices
        return np.broadcast_to(matrices, (len(self.weights_), *matrices.shape[1:]))

    def _n_parameters(self) -> int:
        n_components, n_dims = self.means_.shape
        return self.fitted_.covariance.n_parameters(n_components, n_dims) + n_components * n_dims + n_components - 1

    def _criteria(self, X: Any) -> dict[str, Any]:
        """Free numbers, mean log-likelihood, and the criteria that follow from both, in one pass over the rows."""
        density, shares = self._judged(X)
        n_parameters = self._n_parameters()
        total = float(np.sum(density, dtype=np.float64))
        shares = np.maximum(shares.astype(np.float64), np.finfo(np.float64).tiny)
        bic = -2.0 * total + n_parameters * float(np.log(len(density)))
        icl = bic - 2.0 * float(np.sum(shares * np.log(shares)))
        aic = -2.0 * total + 2.0 * n_parameters
        return {"n_parameters": n_parameters, "log_likelihood": total / len(density), "bic": bic, "aic": aic, "icl": icl}

    def _columns(self, features: Any) -> np.ndarray:
        check_is_fitted(self)
        given = np.atleast_1d(np.asarray(features))
        n = self.n_features_in_
        if not len(given) or given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= n or len(np.unique(given)) < len(given):
            raise DataError(f"`features` must be different numbers of columns from 0 to {n - 1}; got {features!r}. Give at least one.")
        return given
