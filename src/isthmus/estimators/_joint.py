"""An autoencoder and a mixture of its codes learned together, in turns: the networks by gradient, the mixture by its closed forms.

```
stagewise     autoencoder ── codes ── mixture
each round    mixture ── into the model, as clusters of a penalty or as the prior ── some epochs ── codes ── mixture, from where it was
```
"""

import abc
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from isthmus._component import resolve
from isthmus.bottlenecks import AbstractBottleneck, Deterministic, Gaussian
from isthmus.errors import PartError
from isthmus.losses import AbstractLikelihood, AbstractLoss, Normal
from isthmus.mixtures import Diagonal, Spherical
from isthmus.model import Weights
from isthmus.priors import NormalMixture
from isthmus.regularizers import AbstractClusters, AbstractRegularizer

from ._autoencoder import Autoencoder
from ._gaussian_mixture import GaussianMixture
from ._mixture_fits import covariance_of

__all__ = ["VARIATIONAL", "Joint", "checked_joint", "default_autoencoder", "flat_codes", "rounds"]

VARIATIONAL = "variational"


class AbstractWay(abc.ABC):
    """How the networks are told of the mixture."""

    @abc.abstractmethod
    def before(self, autoencoder: Autoencoder) -> Autoencoder:
        """The autoencoder for the first stage, with weights of the form that they have later, and nothing charged for them yet."""

    @abc.abstractmethod
    def charged(self, autoencoder: Autoencoder) -> Autoencoder:
        """The autoencoder for the rounds."""

    @abc.abstractmethod
    def placed(self, weights: Weights, parameters: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Weights:
        """The model's weights with a mixture's shares, means and covariances among them."""

    @abc.abstractmethod
    def codes(self, autoencoder: Autoencoder, X: Any) -> np.ndarray:
        """What the mixture is fitted to, (n_rows, latent_dim)."""


@dataclass(frozen=True)
class ByPenalty(AbstractWay):
    """By a penalty beside the reconstruction, whose clusters stand still.

    Attributes:
        part: the penalty, with the right number of clusters.
    """

    part: AbstractClusters

    def before(self, autoencoder: Autoencoder) -> Autoencoder:
        return autoencoder.set_params(regularizers=(*_others(autoencoder), dataclasses.replace(self.part, weight=0.0)))

    def charged(self, autoencoder: Autoencoder) -> Autoencoder:
        return autoencoder.set_params(regularizers=(*_others(autoencoder)[:-1], self.part))

    def placed(self, weights: Weights, parameters: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Weights:
        return weights._replace(regularizers=(*weights.regularizers[:-1], self.part.of_mixture(*parameters)))

    def codes(self, autoencoder: Autoencoder, X: Any) -> np.ndarray:
        return flat_codes(autoencoder, X)


@dataclass(frozen=True)
class ByPrior(AbstractWay):
    """By the prior of a variational autoencoder: networks and mixture climb one bound.

    Attributes:
        part: the prior, with the right number of components.
        bottleneck: the posterior.
    """

    part: NormalMixture
    bottleneck: Gaussian

    def before(self, autoencoder: Autoencoder) -> Autoencoder:
        return autoencoder.set_params(prior=self.part, bottleneck=dataclasses.replace(self.bottleneck, beta=0.0))

    def charged(self, autoencoder: Autoencoder) -> Autoencoder:
        return autoencoder.set_params(bottleneck=self.bottleneck)

    def placed(self, weights: Weights, parameters: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Weights:
        return weights._replace(prior=self.part.of_mixture(*parameters))

    def codes(self, autoencoder: Autoencoder, X: Any) -> np.ndarray:
        # The mixture that maximizes the bound is that of codes as the decoder sees them, not of their means.
        return autoencoder.sample_posterior(X)[:, 0]


class Joint(NamedTuple):
    """How networks and mixture are learned together.

    Attributes:
        way: how the networks are told of the mixture.
        n_rounds: how often the mixture is found anew, at most.
        n_epochs: epochs of the networks in between.
        tol: the share of rows that change their cluster in a round below which it is the last.
    """

    way: AbstractWay
    n_rounds: int
    n_epochs: int
    tol: float


def checked_joint(given: Any, mixture: GaussianMixture, autoencoder: Any, numbers: tuple[int, int, float]) -> Joint:
    """What was meant.

    Args:
        given: "variational", a penalty or its name.
        mixture: that will be fitted.
        autoencoder: what is to be trained.
        numbers: rounds, epochs of each, and the share of rows below which a round is the last.

    Raises:
        PartError: the penalty is of another kind, the autoencoder is none of ours or of another kind, or numbers make no sense.
    """
    if not isinstance(autoencoder, Autoencoder):
        raise PartError(
            f"`joint` trains an Autoencoder on; {type(autoencoder).__name__} cannot be. Pass an Autoencoder that is not frozen."
        )
    way = _by_prior(mixture, autoencoder) if given == VARIATIONAL else _by_penalty(given, mixture)
    n_rounds, n_epochs, tol = numbers
    if n_rounds < 1 or n_epochs < 1 or not 0.0 <= tol < 1.0:
        raise PartError(
            f"`n_rounds` and `round_epochs` must be at least 1, and `tol` from 0 to 1; got {n_rounds!r}, {n_epochs!r}, {tol!r}. Give such."
        )
    return Joint(way, n_rounds, n_epochs, tol)


def default_autoencoder(latent_dim: int, joint: Any, seed: int) -> Autoencoder:
    """The autoencoder of those who give none: where a bound is climbed, with a likelihood as its loss."""
    options: dict[str, Any] = {"loss": Normal(spread="shared")} if joint == VARIATIONAL else {}
    return Autoencoder(latent_dim, random_state=seed, **options)


def rounds(
    joint: Joint, autoencoder: Autoencoder, mixture: GaussianMixture, X: Any, labels: np.ndarray, weights: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Train both on, in turns; the rows' codes and clusters in the end, and the share of rows that changed their cluster in each round.

    Args:
        joint: how.
        autoencoder: fitted, as `AbstractWay.before` has it; it is trained on.
        mixture: fitted to its codes; it is fitted again.
        X: the rows.
        labels: their clusters so far.
        weights: the rows' weights, as an argument of `fit`.
    """
    plan = {"max_epochs": joint.n_epochs, "patience": None, "validation_fraction": None, "target_loss": None}
    joint.way.charged(autoencoder).set_params(warm_start=True, pretraining=None, **plan)
    mixture.set_params(warm_start=True)
    changes: list[float] = []
    _place(joint.way, autoencoder, mixture)
    while True:
        codes = flat_codes(autoencoder.fit(X, None, **weights), X)
        found = mixture.fit(joint.way.codes(autoencoder, X), **weights).predict(codes)
        changes.append(float(np.mean(found != labels)))
        labels = found
        _place(joint.way, autoencoder, mixture)
        if changes[-1] < joint.tol or len(changes) == joint.n_rounds:
            return codes, labels, changes


def flat_codes(autoencoder: Any, X: Any) -> np.ndarray:
    """The code of each row as one vector, (n_rows, latent_dim)."""
    codes = np.asarray(autoencoder.transform(X))
    return codes.reshape(len(codes), -1)


def _by_penalty(given: Any, mixture: GaussianMixture) -> ByPenalty:
    part = resolve(AbstractRegularizer, given, "joint")
    if not isinstance(part, AbstractClusters):
        raise PartError(
            f"`joint` must be a penalty by clusters; got {part!r}. Choose 'variational', 'soft_assignment' or 'mixture_likelihood'."
        )
    return ByPenalty(dataclasses.replace(part, n_components=mixture.n_components, rate=0.0))


def _by_prior(mixture: GaussianMixture, autoencoder: Autoencoder) -> ByPrior:
    if not isinstance(resolve(AbstractLoss, autoencoder.loss, "loss"), AbstractLikelihood):
        raise PartError(
            f"`joint`='variational' climbs a bound on the likelihood of rows, which the loss {autoencoder.loss!r} is no part of. Give the "
            "autoencoder a likelihood, such as loss='normal' for numbers or 'bernoulli' for values in [0, 1]."
        )
    bottleneck = resolve(AbstractBottleneck, autoencoder.bottleneck, "bottleneck")
    if isinstance(bottleneck, Deterministic):
        bottleneck = Gaussian()
    if not isinstance(bottleneck, Gaussian):
        raise PartError(f"`joint`='variational' needs normal posteriors; got {bottleneck!r}. Leave `bottleneck` out, or use 'gaussian'.")
    if autoencoder.prior is not None:
        raise PartError(f"`joint`='variational' makes the mixture the prior; got prior={autoencoder.prior!r} as well. Leave it out.")
    kind = "diag" if isinstance(covariance_of(mixture.covariance_type), Diagonal | Spherical) else "full"
    return ByPrior(NormalMixture(mixture.n_components, covariance=kind), bottleneck)


def _others(autoencoder: Autoencoder) -> tuple[Any, ...]:
    given = autoencoder.regularizers
    return (given,) if isinstance(given, str | AbstractRegularizer) else tuple(given)


def _place(way: AbstractWay, autoencoder: Autoencoder, mixture: GaussianMixture) -> None:
    """Put the mixture into the model."""
    n_components, n_dims = mixture.means_.shape
    matrices = np.broadcast_to(mixture.fitted_.matrices, (n_components, n_dims, n_dims))
    model = autoencoder.model_
    autoencoder.model_ = model._replace(weights=way.placed(model.weights, (mixture.weights_, mixture.means_, matrices)))
