"""An autoencoder and a mixture of its codes learned together, in turns: the networks by gradient, the mixture by its closed forms.

```
stagewise     autoencoder ── codes ── mixture
each round    mixture ── clusters of a penalty of the networks, standing still ── some epochs ── codes ── mixture, from where it was
```
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from isthmus._component import resolve
from isthmus.errors import PartError
from isthmus.regularizers import AbstractClusters, AbstractRegularizer

from ._autoencoder import Autoencoder
from ._gaussian_mixture import GaussianMixture

__all__ = ["Joint", "checked_joint", "flat_codes", "prepared", "rounds"]


class Joint(NamedTuple):
    """How networks and mixture are learned together.

    Attributes:
        part: the penalty, with the right number of clusters, which stand still.
        n_rounds: how often the mixture is found anew, at most.
        n_epochs: epochs of the networks in between.
        tol: the share of rows that change their cluster in a round below which it is the last.
    """

    part: AbstractClusters
    n_rounds: int
    n_epochs: int
    tol: float


def checked_joint(given: Any, n_components: int, autoencoder: Any, numbers: tuple[int, int, float]) -> Joint:
    """What was meant.

    Args:
        given: a penalty or its name.
        n_components: of the mixture.
        autoencoder: what is to be trained.
        numbers: rounds, epochs of each, and the share of rows below which a round is the last.

    Raises:
        PartError: the penalty is of another kind, the autoencoder is none of ours, or numbers make no sense.
    """
    part = resolve(AbstractRegularizer, given, "joint")
    if not isinstance(part, AbstractClusters):
        raise PartError(f"`joint` must be a penalty by clusters; got {part!r}. Choose 'soft_assignment' or 'mixture_likelihood'.")
    if not isinstance(autoencoder, Autoencoder):
        raise PartError(
            f"`joint` trains an Autoencoder on; {type(autoencoder).__name__} cannot be. Pass an Autoencoder that is not frozen."
        )
    n_rounds, n_epochs, tol = numbers
    if n_rounds < 1 or n_epochs < 1 or not 0.0 <= tol < 1.0:
        raise PartError(
            f"`n_rounds` and `round_epochs` must be at least 1, and `tol` from 0 to 1; got {n_rounds!r}, {n_epochs!r}, {tol!r}. Give such."
        )
    return Joint(dataclasses.replace(part, n_components=n_components, rate=0.0), n_rounds, n_epochs, tol)


def prepared(autoencoder: Autoencoder, joint: Joint) -> Autoencoder:
    """The autoencoder with the penalty among its parts, at no weight yet, so that its weights have one form in both stages."""
    return autoencoder.set_params(regularizers=(*_others(autoencoder), dataclasses.replace(joint.part, weight=0.0)))


def rounds(
    joint: Joint, autoencoder: Autoencoder, mixture: GaussianMixture, X: Any, labels: np.ndarray, weights: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Train both on, in turns; the rows' codes and clusters in the end, and the share of rows that changed their cluster in each round.

    Args:
        joint: how.
        autoencoder: fitted, as `prepared` has it; it is trained on.
        mixture: fitted to its codes; it is fitted again.
        X: the rows.
        labels: their clusters so far.
        weights: the rows' weights, as an argument of `fit`.
    """
    penalties = (*_others(autoencoder)[:-1], joint.part)
    plan = {"max_epochs": joint.n_epochs, "patience": None, "validation_fraction": None, "target_loss": None}
    autoencoder.set_params(regularizers=penalties, warm_start=True, pretraining=None, **plan)
    mixture.set_params(warm_start=True)
    changes: list[float] = []
    while True:
        _place(autoencoder, joint.part, mixture)
        codes = flat_codes(autoencoder.fit(X, None, **weights), X)
        found = mixture.fit_predict(codes, **weights)
        changes.append(float(np.mean(found != labels)))
        labels = found
        if changes[-1] < joint.tol or len(changes) == joint.n_rounds:
            return codes, labels, changes


def flat_codes(autoencoder: Any, X: Any) -> np.ndarray:
    """The code of each row as one vector, (n_rows, latent_dim)."""
    codes = np.asarray(autoencoder.transform(X))
    return codes.reshape(len(codes), -1)


def _others(autoencoder: Autoencoder) -> tuple[Any, ...]:
    given = autoencoder.regularizers
    return (given,) if isinstance(given, str | AbstractRegularizer) else tuple(given)


def _place(autoencoder: Autoencoder, part: AbstractClusters, mixture: GaussianMixture) -> None:
    """Put the mixture into the penalty's weights."""
    n_components, n_dims = mixture.means_.shape
    matrices = np.broadcast_to(mixture.fitted_.matrices, (n_components, n_dims, n_dims))
    own = part.of_mixture(mixture.weights_, mixture.means_, matrices)
    model = autoencoder.model_
    penalties = (*model.weights.regularizers[:-1], own)
    autoencoder.model_ = model._replace(weights=model.weights._replace(regularizers=penalties))
