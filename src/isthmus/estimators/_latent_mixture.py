import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, DensityMixin, TransformerMixin, clone
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from isthmus._optional import optional
from isthmus.errors import PartError

from ._autoencoder import Autoencoder
from ._gaussian_mixture import GaussianMixture
from ._joint import checked_joint, default_autoencoder, flat_codes, rounds
from ._mixture_fits import checked_components

_MOST_DIMS = 10
# Measured on codes of MNIST, digits, iris and wine, of priors from 1e-3 rows to 4 % of them: docs/benchmarks.md.
_ROWS_A_PRIOR_ROW, _PRIOR_ROWS_A_DIM = 1000.0, 2.0
# With a seed UMAP runs on one core, and warns unless that was asked for.
_UMAP: dict[str, Any] = {"n_components": 10, "n_neighbors": 20, "min_dist": 0.0, "n_jobs": 1}


class LatentMixture(ClassNamePrefixFeaturesOutMixin, ClusterMixin, DensityMixin, TransformerMixin, BaseEstimator):
    """Clusters, densities and new rows by a Gaussian mixture on the code of an autoencoder.

    Stage by stage, each with its own objective: an autoencoder is trained on the rows and encodes them; on request a manifold is learned
    from the codes; a mixture is fitted to what came out, from many starts. Rows are clustered by the components that their codes belong
    to. Nothing in the first stage asks for groups: an autoencoder keeps what is needed to give rows back, and does not make their codes
    normal or set groups apart. Where groups are far apart in what it keeps, the mixture finds them.

    With `joint` the networks then learn from the clusters as well, in rounds: some epochs of the networks with the mixture in their
    objective; then expectation-maximization on the new codes, from where the mixture was. "variational" makes the mixture the prior of a
    variational autoencoder, and both climb one bound on the density of rows, `E_q log p(x | z) - beta KL(q(z | x) || mixture)`, the
    mixture by its closed forms on codes as they are drawn; the first stage goes without the divergence. A penalty stands beside
    the reconstruction, with clusters that stand still within a round. With a `manifold` the rounds begin with the clusters that were
    found there; afterwards it is not needed any more.

    Parameters
    ----------
    n_components : int, default=8
        Components of the mixture, each a cluster.
    autoencoder : estimator, default=None
        An `Autoencoder` of any architecture, or another transformer with ``inverse_transform``; a copy is fitted. None for
        ``Autoencoder(latent_dim)`` with as many dimensions as rows have columns, at most 10; with `joint="variational"` its loss is
        ``Normal(spread="shared")``. One that is fitted already is taken as it is
        within `sklearn.frozen.FrozenEstimator`.
    mixture : GaussianMixture, default=None
        A mixture, of which a copy with `n_components` is fitted; None for ``GaussianMixture()`` with a stronger prior: a `covariance_prior`
        of a thousandth of the rows, but no more than two for each dimension of a code. The likelihood alone would rather lay several
        components along one group that is flat or thin than tell two groups apart that touch (see `docs/benchmarks.md`). On a manifold,
        where groups are small beside the distances between them, it is ``GaussianMixture()``.
    manifold : {"umap"}, transformer or None, default=None
        What codes go through before the mixture sees them. "umap" is ``umap.UMAP(n_components=10, n_neighbors=20, min_dist=0.0)`` (at most
        as many dimensions as the code), of the extra ``isthmus[manifold]``: it keeps who is whose neighbor and pulls groups apart
        (McInnes, Healy & Melville, arXiv:1802.03426; McConville et al., N2D, arXiv:1908.05968). A transformer must be able to transform
        new codes.
    joint : {"variational", "soft_assignment", "mixture_likelihood"}, AbstractClusters or None, default=None
        How networks learn from the mixture: as the prior of a variational autoencoder, as in VaDE (`autoencoder` must have a likelihood as
        its loss; its bottleneck is `Gaussian`, by itself with `beta=1`), by soft assignment, as in DEC and IDEC, or by the likelihood
        of codes, as in DAGMM; None for stages only.
    n_rounds : int, default=10
        Rounds of `joint` at most.
    round_epochs : int, default=2
        Epochs of the networks in a round.
    tol : float, default=1e-3
        The share of rows that change their cluster in a round below which it is the last.
    random_state : int, RandomState or None, default=None
        Given to all steps that have none of their own.

    Attributes
    ----------
    labels_ : ndarray of shape (n_rows,)
        The cluster of each row of `fit`.
    autoencoder_, manifold_, mixture_ : estimators
        The fitted steps; `manifold_` is None without one, and after `joint`. With `joint="variational"`, ``autoencoder_.elbo`` and
        ``autoencoder_.log_likelihood`` are those of rows under the mixture.
    changes_ : list of float
        The share of rows that changed their cluster in each round of `joint`; empty without.
    generator_ : GaussianMixture
        The mixture that rows are drawn from: `mixture_`, or with a manifold the clusters' own means and covariances of codes.
    n_features_in_ : int

    References
    ----------
    Jiang et al., Variational Deep Embedding, 2017, arXiv:1611.05148; Dilokthanakul et al., arXiv:1611.02648. There the mixture is learned
    by gradient, with diagonal covariances, and shares `q(k | x)` enter the bound; here it is found by expectation-maximization between
    epochs (and moves by gradient within them), has any covariances, and the sum over components is in the bound, which is never lower.
    Xie, Girshick & Farhadi, arXiv:1511.06335; Zong et al., ICLR 2018: see the penalties.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import LatentMixture
    >>> X = load_iris().data
    >>> model = LatentMixture(3, random_state=0).fit(X)
    >>> model.predict(X[:2]).shape, model.transform(X[:2]).shape, model.sample(5)[0].shape
    ((2,), (2, 4), (5, 4))
    """

    def __init__(
        self,
        n_components: int = 8,
        *,
        autoencoder: Any = None,
        mixture: Any = None,
        manifold: Any = None,
        joint: Any = None,
        n_rounds: int = 10,
        round_epochs: int = 2,
        tol: float = 1e-3,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.autoencoder = autoencoder
        self.mixture = mixture
        self.manifold = manifold
        self.joint = joint
        self.n_rounds = n_rounds
        self.round_epochs = round_epochs
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "LatentMixture":
        """Train, encode, and find the mixture.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features), or what the autoencoder takes
            The rows.
        y : object, default=None
            Ignored.
        sample_weight : array-like of shape (n_rows,), default=None
            What each row counts, for the autoencoder and the mixture. A manifold takes no weights.

        Returns
        -------
        LatentMixture
            The estimator itself; a fit that fails leaves it as it was.
        """
        rng = check_random_state(self.random_state)
        mixture, manifold = self._mixture(rng), _named_manifold(self.manifold)
        checked_components(self.n_components, _known_rows(X))  # before networks are trained
        if sample_weight is not None and manifold is not None:
            raise PartError("A manifold takes no `sample_weight`. Drop the weights, or the manifold.")
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        autoencoder, joint = self._autoencoder(X, rng), None
        if self.joint is not None:
            joint = checked_joint(self.joint, mixture, autoencoder, (self.n_rounds, self.round_epochs, self.tol))
            autoencoder = joint.way.before(autoencoder)
        autoencoder.fit(X, None, **weights)
        codes, changes = flat_codes(autoencoder, X), []
        places, manifold = _placed(manifold, codes, rng)
        of_codes = {} if self.mixture is not None else {"covariance_prior": _prior_rows(*codes.shape)}
        if manifold is None:
            mixture.set_params(**of_codes)
        labels = mixture.fit_predict(places, **weights)
        if joint is not None:
            if manifold is not None:
                mixture, manifold = _carried(mixture.set_params(**of_codes), codes, labels), None
            codes, labels, changes = rounds(joint, autoencoder, mixture, X, labels, weights)
        self.autoencoder_, self.manifold_, self.mixture_, self.labels_ = autoencoder, manifold, mixture, labels
        self.changes_ = changes
        self.generator_ = mixture if manifold is None else _mixture_of_groups(codes, labels, mixture.n_components)
        self.n_features_in_ = autoencoder.n_features_in_
        self._n_features_out = codes.shape[1]
        names = getattr(autoencoder, "feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The code of each row, before any manifold, (n_rows, latent_dim)."""
        check_is_fitted(self)
        return flat_codes(self.autoencoder_, X)

    def inverse_transform(self, codes: Any) -> Any:
        """The row that each code stands for."""
        check_is_fitted(self)
        return self.autoencoder_.inverse_transform(codes)

    def predict(self, X: Any) -> np.ndarray:
        """The cluster of each row, (n_rows,); a new row is encoded and, with a manifold, put where its neighbors are."""
        places = self._places(X)
        return self.mixture_.predict(places)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The share of each component in the density of each row's code, (n_rows, n_components)."""
        places = self._places(X)
        return self.mixture_.predict_proba(places)

    def score_samples(self, X: Any) -> np.ndarray:
        """The log-density of each row's code, or of its place on the manifold, in nats, (n_rows,): low for rows unlike those of the fit.

        It is no density of rows: a decoder that changes volumes stands between.
        """
        places = self._places(X)
        return self.mixture_.score_samples(places)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of `score_samples`."""
        return float(np.mean(self.score_samples(X), dtype=np.float64))

    def sample(self, n_samples: int = 1) -> tuple[Any, np.ndarray]:
        """New rows, of codes drawn from the mixture, and the cluster of each.

        Parameters
        ----------
        n_samples : int, default=1
            How many.

        Returns
        -------
        tuple of ndarray of shape (n_samples, n_features) and ndarray of shape (n_samples,)
            Decoded rows and their clusters, in rising order.
        """
        check_is_fitted(self)
        codes, labels = self.generator_.sample(n_samples)
        return self.autoencoder_.inverse_transform(codes), labels

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.autoencoder if self.autoencoder is not None else Autoencoder())
        tags.input_tags, tags.transformer_tags = inner.input_tags, inner.transformer_tags
        return tags

    def _autoencoder(self, X: Any, rng: Any) -> Any:
        if self.autoencoder is not None:
            return _seeded(clone(self.autoencoder), rng)
        shape = np.shape(X)
        n_features = int(np.prod(shape[1:])) if len(shape) > 1 else 1
        return default_autoencoder(max(min(_MOST_DIMS, n_features), 1), self.joint, _seed(rng))

    def _mixture(self, rng: Any) -> GaussianMixture:
        mixture = GaussianMixture() if self.mixture is None else clone(self.mixture)
        if not isinstance(mixture, GaussianMixture):
            raise PartError(f"`mixture` must be a GaussianMixture; got {self.mixture!r}. Pass one, or None.")
        return _seeded(mixture.set_params(n_components=self.n_components), rng)

    def _places(self, X: Any) -> np.ndarray:
        codes = self.transform(X)
        return codes if self.manifold_ is None else np.asarray(self.manifold_.transform(codes))


def _known_rows(X: Any) -> int | None:
    """How many rows there are, where X tells; None for it to be seen, or refused, by the autoencoder."""
    shape = getattr(X, "shape", ())
    return shape[0] or None if shape else None


def _prior_rows(n_rows: int, n_dims: int) -> float:
    """How many rows with the covariance of all codes each component is given on top of its own."""
    return min(n_rows / _ROWS_A_PRIOR_ROW, _PRIOR_ROWS_A_DIM * n_dims)


def _placed(manifold: Any, codes: np.ndarray, rng: Any) -> tuple[np.ndarray, Any]:
    """What the mixture is to see, and what brought codes there."""
    if manifold is None:
        return codes, None
    fitted = _seeded(manifold, rng)
    if "n_components" in fitted.get_params() and fitted.get_params()["n_components"] > codes.shape[1]:
        fitted.set_params(n_components=codes.shape[1])
    return np.asarray(fitted.fit_transform(codes)), fitted


def _named_manifold(manifold: Any) -> Any:
    """The manifold that was meant, to be fitted."""
    if manifold is None:
        return None
    if isinstance(manifold, str):
        if manifold != "umap":
            raise PartError(f"Unknown `manifold`: {manifold!r}. Choose 'umap', pass a transformer, or None for none.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # of packages that UMAP itself can do without
            return optional("umap", "manifold").UMAP(**_UMAP)
    if not hasattr(manifold, "transform"):
        raise PartError(
            f"`manifold` must be able to transform new codes; {type(manifold).__name__} has no `transform`. Use one that has it."
        )
    return clone(manifold)


def _carried(mixture: GaussianMixture, codes: np.ndarray, labels: np.ndarray) -> GaussianMixture:
    """A mixture of codes that begins with the clusters of another place."""
    return clone(mixture).set_params(init_params=labels).fit(codes).set_params(init_params=mixture.init_params)


def _mixture_of_groups(codes: np.ndarray, labels: np.ndarray, n_components: int) -> GaussianMixture:
    """A mixture of one normal distribution for each cluster of codes; clusters without rows are left out of draws."""
    counts = np.bincount(labels, minlength=n_components)
    center, whole = codes.mean(axis=0), np.cov(codes.T, bias=True).reshape(codes.shape[1], -1)
    means = np.stack([codes[labels == index].mean(axis=0) if count else center for index, count in enumerate(counts)])
    # One row with the covariance of all, so that a cluster of few rows has a covariance of its own too.
    scatter = [(codes[labels == index] - means[index]).T @ (codes[labels == index] - means[index]) + whole for index in range(n_components)]
    least = np.finfo(np.float32).eps * max(float(np.trace(whole)), 1e-30) * np.eye(len(center))
    covariances = np.stack([sums / (count + 1) + least for sums, count in zip(scatter, counts, strict=True)])
    weights = np.maximum(counts, 1e-12)
    return GaussianMixture.from_parameters(weights / weights.sum(), means, covariances)


def _seeded(estimator: Any, rng: Any) -> Any:
    """The estimator with a seed, where it takes one and has none."""
    parameters = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
    return estimator.set_params(random_state=_seed(rng)) if parameters.get("random_state", 0) is None else estimator


def _seed(rng: Any) -> int:
    return int(rng.randint(2**31 - 1))
