"""What an autoencoder whose codes have a distribution can do beside: draw, interpolate, and say how likely rows are."""

import abc
import functools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from isthmus._component import part_name
from isthmus.errors import DataError, PartError
from isthmus.losses import AbstractLikelihood
from isthmus.model import Model

from . import _densities, _inference
from ._density import fitted_density
from ._fitting import blocks_of_the_loss, random_source
from ._source import Source

__all__ = ["AbstractGenerative", "LogLikelihood", "NormalPosterior", "active_units", "warn_about_collapse"]

_ACTIVE_VARIANCE = 0.01
_CHUNK_VALUES = 2**22  # what one chunk of codes for one block of rows may decode to: 16 MB


class LogLikelihood(NamedTuple):
    """An estimate of the log-likelihood of rows.

    Attributes:
        value: (n_rows,), nats; in expectation a lower bound, which is tight for many samples.
        standard_error: (n_rows,), of `value`, from the spread of the importance weights; where it is large, more samples are needed.
    """

    value: np.ndarray
    standard_error: np.ndarray


class NormalPosterior(NamedTuple):
    """Diagonal normal distributions of codes, one a row.

    Attributes:
        mean: (n_rows, latent_dim).
        scale: (n_rows, latent_dim), standard deviations.
    """

    mean: np.ndarray
    scale: np.ndarray


class AbstractGenerative(abc.ABC):
    """The methods of `Autoencoder` that need a probabilistic bottleneck, a density of codes, or a likelihood."""

    model_: Any
    scaling_: Any
    sample_shape_: Any
    random_state: Any

    @abc.abstractmethod
    def transform(self, X: Any, y: Any = None) -> np.ndarray:
        """The code of each row."""

    @abc.abstractmethod
    def _read(self, X: Any, y: Any = None) -> Source:
        """Rows of the kind that was fitted."""

    @abc.abstractmethod
    def _labels(self, y: Any, n_rows: int) -> np.ndarray | None:
        """The numbers of the rows' classes, where the model is told them."""

    @abc.abstractmethod
    def _mapped(self, function: Callable[..., Any], source: Source, shape: tuple[int, ...], *extra: Any, key: Any = None) -> np.ndarray:
        """What a compiled function gives for rows, each of shape `shape`."""

    @abc.abstractmethod
    def _unscaled(self, rows: np.ndarray) -> np.ndarray:
        """Rows in the user's unit, in place."""

    def fit_density(self, X: Any, y: Any = None, *, n_components: int = 10, random_state: Any = None) -> Any:
        """Find the distribution of the codes of rows, a mixture of normal ones, from which `sample` draws from then on.

        With it rows can be drawn from any autoencoder, a plain one too; and from one with a prior better, for codes are seldom
        distributed as the prior says (Ghosh et al. 2020, From Variational to Deterministic Autoencoders, arXiv:1903.12436). Mixtures are
        `isthmus.GaussianMixture` by default. A conditional model has one for each class.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            Rows of the kind that was fitted, best those.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.
        n_components : int, default=10
            Normal distributions in a mixture, or as many as there are different codes.
        random_state : int, RandomState or None, default=None
            Decides where the search starts; None for the estimator's own.

        Returns
        -------
        Autoencoder
            The estimator itself, with ``density_``; another `fit` forgets it.
        """
        check_is_fitted(self, "model_")
        source = self._read(X, y)
        codes = self._mapped(_inference.encode, source, (self.model_.parts.latent_shape[-1],))
        labels = np.zeros(len(codes), int) if source.labels is None else source.labels
        self.density_ = fitted_density(codes, labels, n_components, self._rng(random_state))
        return self

    def sample(self, n: int = 1, y: Any = None, *, noise: bool = False, random_state: Any = None) -> np.ndarray:
        """New rows: codes drawn from the prior, or from what `fit_density` found, and decoded.

        Parameters
        ----------
        n : int, default=1
            How many.
        y : object or array-like of shape (n,), default=None
            The class that rows are to be of, one for all or one for each, of a conditional model; else ignored.
        noise : bool, default=False
            Whether a row is drawn from the likelihood of its code, as the model says rows come about; else it is its mean.
        random_state : int, RandomState or None, default=None
            Decides the draws; None for the estimator's own.

        Returns
        -------
        ndarray of shape (n, n_features) or (n, *sample_shape_)
            Rows in the user's unit, float32.

        Raises
        ------
        PartError
            The bottleneck's codes have no distribution, or `noise` is asked for and the loss is no likelihood.
        DataError
            The model is conditional and no class is given, or one that it does not know.
        """
        model, key = self._ready(n, "n"), self._key(random_state)
        if noise:
            self._checked_likelihood()
        code_key, row_key = jax.random.split(key)
        labels = self._labels(y, n)
        if hasattr(self, "density_"):
            codes = self.density_.sample(np.zeros(n, int) if labels is None else labels, self._rng(random_state))
        else:
            shape = (n, *model.parts.latent_shape)
            codes = np.asarray(model.parts.bottleneck.sample(model.weights.bottleneck, _bound_prior(model), shape, key=code_key))
        return self._decoded(codes, labels, row_key if noise else None)

    def sample_posterior(self, X: Any, n: int = 1, y: Any = None, *, random_state: Any = None) -> np.ndarray:
        """Codes that a row may have, drawn from its posterior.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            Rows of the kind that was fitted.
        n : int, default=1
            Codes for each row.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.
        random_state : int, RandomState or None, default=None
            Decides the draws; None for the estimator's own.

        Returns
        -------
        ndarray of shape (n_rows, n, latent_dim)
            Codes: float32 for rows of float32 or float16, else float64.
        """
        model = self._ready(n, "n")
        self._checked_posterior()
        function = functools.partial(_densities.posterior_codes, n=n)
        return self._mapped(function, self._read(X, y), (n, *model.parts.latent_shape), key=self._key(random_state))

    def posterior(self, X: Any, y: Any = None) -> NormalPosterior:
        """The posterior of each row's code, of a bottleneck whose posteriors are diagonal normal distributions.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            Rows of the kind that was fitted.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.

        Returns
        -------
        NormalPosterior
            ``mean``, as `transform` gives it, and ``scale``, the standard deviations.

        Raises
        ------
        PartError
            The bottleneck's posteriors are of another kind, or it has none; `sample_posterior` draws from any.
        """
        model = self._ready(1, "n")
        if not model.parts.bottleneck.has_normal_posterior:
            raise PartError(
                f"{model.parts.bottleneck!r} has no diagonal normal posterior. Use `sample_posterior` where the bottleneck is "
                "probabilistic, or fit with bottleneck='gaussian'."
            )
        both = self._mapped(_densities.posterior_moments, self._read(X, y), (2, *model.parts.latent_shape))
        return NormalPosterior(both[:, 0], both[:, 1])

    def interpolate(self, a: Any, b: Any, n: int = 8, y: Any = None, *, spherical: bool = False) -> np.ndarray:
        """Rows between two rows: their codes are joined by a line, or an arc, and points of it are decoded.

        Parameters
        ----------
        a : array-like of shape (n_features,) or (*sample_shape,)
            The first row.
        b : array-like of shape (n_features,) or (*sample_shape,)
            The last row.
        n : int, default=8
            How many rows, those of both ends included.
        y : object, default=None
            The class of all rows, of a conditional model; else ignored.
        spherical : bool, default=False
            Whether codes go along an arc about the origin (White 2016, arXiv:1609.04468), which stays where codes of a normal prior
            in many dimensions are, instead of a straight line.

        Returns
        -------
        ndarray of shape (n, n_features) or (n, *sample_shape_)
            Rows in the user's unit, float32.
        """
        self._ready(n, "n")
        first, last = (np.asarray(self.transform(np.asarray(row)[None], y)[0], np.float64) for row in (a, b))
        share = np.linspace(0.0, 1.0, n)[:, None]
        codes = _arc(first, last, share) if spherical else (1.0 - share) * first + share * last
        return self._decoded(codes, self._labels(y, n), None)

    def elbo(self, X: Any, n_samples: int = 1, y: Any = None, *, random_state: Any = None) -> dict[str, np.ndarray]:
        """The evidence lower bound of each row, `E_q log p(x | z) - KL(q(z | x) || p(z))`, by terms.

        Whatever `beta`, warm-up or other charges the training used, this is the bound itself, on rows in the user's unit.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            Rows of the kind that was fitted.
        n_samples : int, default=1
            Codes drawn for each row.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.
        random_state : int, RandomState or None, default=None
            Decides the draws; None for the estimator's own.

        Returns
        -------
        dict of str to ndarray of shape (n_rows,)
            "reconstruction", the mean log-likelihood; "kl"; and "elbo", their difference; in nats.

        Raises
        ------
        PartError
            The bottleneck is not probabilistic, or the loss is no likelihood.
        DataError
            Rows are outside of what the likelihood is defined for, such as negative counts.
        """
        self._ready(n_samples, "n_samples")
        self._checked_posterior()
        source = self._checked_rows(X, y)
        function = functools.partial(_densities.bound_terms, n=n_samples)
        reconstruction, kl = np.moveaxis(self._mapped(function, source, (2,), *self._unit(), key=self._key(random_state)), -1, 0)
        return {"reconstruction": reconstruction, "kl": kl, "elbo": reconstruction - kl}

    def log_likelihood(self, X: Any, n_samples: int = 1000, y: Any = None, *, random_state: Any = None) -> LogLikelihood:
        """log p(x) of each row by importance sampling, `log 1/n sum_k p(x | z_k) p(z_k) / q(z_k | x)` with `z_k` from the posterior.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            Rows of the kind that was fitted.
        n_samples : int, default=1000
            Codes for each row; published figures use 5000.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.
        random_state : int, RandomState or None, default=None
            Decides the draws; None for the estimator's own.

        Returns
        -------
        LogLikelihood
            Per-row ``value`` and ``standard_error``, in nats: of a density in the user's unit, or of a probability for discrete rows.

        Raises
        ------
        PartError
            The bottleneck is not probabilistic, or the loss is no likelihood.
        DataError
            Rows are outside of what the likelihood is defined for, such as negative counts.
        """
        model = self._ready(n_samples, "n_samples")
        self._checked_posterior()
        source = self._checked_rows(X, y)
        width = _inference.block_rows() * max(model.parts.n_features, *model.parts.latent_shape)
        function = functools.partial(_densities.importance, chunk=max(1, min(n_samples, _CHUNK_VALUES // width)))
        found = self._mapped(function, source, (2,), *self._unit(), np.int32(n_samples), key=self._key(random_state))
        return LogLikelihood(found[:, 0], found[:, 1])

    def kl_per_dimension(self, X: Any, y: Any = None) -> np.ndarray:
        """The mean over rows of the divergence from the prior, for each dimension of the code: near zero where it is not used.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            Rows of the kind that was fitted.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.

        Returns
        -------
        ndarray of shape (latent_dim,)
            Nats.

        Raises
        ------
        PartError
            Bottleneck and prior have no divergence in closed form; `elbo` estimates the sum over dimensions.
        """
        model = self._ready(1, "n")
        shape = _inference.shape_of_one(_densities.divergences, model) if model.parts.bottleneck.is_probabilistic else None
        if shape is None:
            raise PartError(
                f"{model.parts.bottleneck!r} with the prior {model.parts.prior!r} has no divergence in closed form. `elbo(X)['kl']` "
                "estimates its sum over dimensions, where the bottleneck is probabilistic."
            )
        return self._mapped(_densities.divergences, self._read(X, y), shape).mean(axis=0, dtype=np.float64)

    def _ready(self, count: int, name: str) -> Model:
        check_is_fitted(self, "model_")
        if not hasattr(count, "__index__") or count < 1:
            raise DataError(f"`{name}` must be an integer of at least 1; got {count!r}.")
        return self.model_

    def _checked_posterior(self) -> None:
        bottleneck = self.model_.parts.bottleneck
        if not bottleneck.is_probabilistic:
            raise PartError(
                f"Codes of the bottleneck {part_name(type(bottleneck))!r} have no posterior distribution. "
                "Fit with a probabilistic one, such as bottleneck='gaussian'."
            )

    def _checked_likelihood(self) -> None:
        loss = self.model_.parts.loss
        if not isinstance(loss, AbstractLikelihood):
            raise PartError(
                f"The loss {part_name(type(loss))!r} is no likelihood, so that rows have no probability. Fit with one that is: 'normal' is "
                "half of 'squared_error' with its constant; 'bernoulli' is for binary rows, 'poisson' for counts."
            )

    def _checked_rows(self, X: Any, y: Any) -> Source:
        """Rows whose likelihood can be given."""
        self._checked_likelihood()
        source, parts = self._read(X, y), self.model_.parts
        if parts.loss.domain == "real":
            return source
        is_whole = True
        for block in blocks_of_the_loss(parts, source, self.scaling_):
            parts.loss.check_rows(block)
            is_whole = is_whole and np.array_equal(block, np.round(block))
        if not (is_whole or parts.loss.is_density):
            warnings.warn(
                f"The likelihood {part_name(type(parts.loss))!r} is one of whole numbers, and these rows, as it sees them, hold values "
                "between them: what is returned is a cross-entropy and no log-likelihood. Fit whole numbers, or use a likelihood for "
                "values between.",
                UserWarning,
                stacklevel=3,
            )
        return source

    def _unit(self) -> tuple[np.ndarray, np.ndarray]:
        if self.scaling_ is None:
            return np.ones(self.sample_shape_, np.float32), np.zeros(self.sample_shape_, np.float32)
        return self.scaling_.scale.astype(np.float32), self.scaling_.offset.astype(np.float32)

    def _decoded(self, codes: np.ndarray, labels: np.ndarray | None, key: Any) -> np.ndarray:
        """Rows of codes, each moved to the nearest that the decoder knows."""
        source = Source(codes.astype(np.float32), codes.shape[1:], labels)
        out = np.empty((len(codes), *self.sample_shape_), source.dtype)
        if key is None:
            return self._unscaled(_inference.map_rows(_densities.row_means, self.model_, source, None, out))
        return self._unscaled(_inference.map_rows(_densities.row_draws, self.model_, source, None, out, self._unit()[0], key=key))

    def _rng(self, random_state: Any) -> np.random.Generator:
        return random_source(self.random_state if random_state is None else random_state)

    def _key(self, random_state: Any) -> Any:
        seed = self._rng(random_state).integers(2**32, size=2, dtype=np.uint32)
        return jax.random.wrap_key_data(jnp.asarray(seed), impl="threefry2x32")


def active_units(codes: np.ndarray, prior_variance: float) -> int:
    """How many dimensions of the posterior means vary over the rows by more than 0.01 of what they do under the prior.

    Burda et al. 2016, arXiv:1509.00519, whose prior varies by 1.
    """
    return int(np.sum(np.var(codes, axis=0, dtype=np.float64) > _ACTIVE_VARIANCE * prior_variance))


def warn_about_collapse(estimator: Any) -> None:
    """Tell the user when a variational code holds next to nothing."""
    n_dims = int(np.prod(estimator.model_.parts.latent_shape))
    n_active = getattr(estimator, "active_units_", n_dims)
    if n_active == 0 and estimator.model_.parts.bottleneck.is_probabilistic:
        warnings.warn(
            f"The posterior has collapsed: none of the {n_dims} dimensions of the code varies with the rows, and the decoder gives nearly "
            "the same for all. Lower `bottleneck__beta`, let it rise (bottleneck__warmup=0.3), grant `bottleneck__free_bits`, or give the "
            "likelihood a smaller spread (loss='normal' with loss__spread='shared').",
            ConvergenceWarning,
            stacklevel=3,
        )


@jax.jit
def _bound_prior(model: Model) -> Any:
    return model.bound_prior()


def _arc(first: np.ndarray, last: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Points of an arc about the origin whose radius changes evenly: of a line where both ends point the same or opposite ways."""
    lengths = np.linalg.norm(first), np.linalg.norm(last)
    cosine = first @ last / max(lengths[0] * lengths[1], np.finfo(float).tiny)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    if np.sin(angle) < 1e-6:
        return (1.0 - share) * first + share * last
    units = first / lengths[0], last / lengths[1]
    direction = (np.sin((1.0 - share) * angle) * units[0] + np.sin(share * angle) * units[1]) / np.sin(angle)
    return ((1.0 - share) * lengths[0] + share * lengths[1]) * direction
