from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from isthmus._component import resolve
from isthmus.corruptions import AbstractCorruption
from isthmus.errors import DataError
from isthmus.estimators import Autoencoder

from ._compare import Contest, compared
from ._comparison import Comparison
from ._subject import as_rows, table

__all__ = ["loss_by_corruption", "optimizer_study", "rate_quality"]


def rate_quality(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    latent_dims: Iterable[int] = (1, 2, 4, 8, 16),
    n_seeds: int = 3,
    test_size: float = 0.25,
    random_state: int = 0,
) -> Comparison:
    """How quality rises with the width of the code, beside PCA of the same widths.

    Args:
        model: an autoencoder; its `latent_dim` is replaced.
        X: rows, (rows, columns) or (rows, ...).
        y: the class of each row, or a quantity, (rows,).
        latent_dims: the widths; those above the number of columns are left out.
        n_seeds: splits for each.
        test_size: the share of rows held out.
        random_state: the first seed.

    Returns:
        A comparison, whose `curve("R2")` is the quality against the width.

    Raises:
        DataError: as of `compare`.

    Example:
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.preprocessing import scale
        >>> from isthmus import Autoencoder
        >>> found = rate_quality(Autoencoder(max_epochs=5), scale(load_wine().data), latent_dims=(1, 4), n_seeds=2)
        >>> found.curve("R2").x.tolist(), sorted(found.curve("R2").lines)
        ([1.0, 4.0], ['PCA', 'model'])
    """
    x = as_rows(X)
    n_columns = int(np.prod(x.shape[1:]))
    widths = sorted({int(width) for width in latent_dims if 0 < int(width) <= n_columns})
    contests = [Contest(f"model, {width} wide", clone(model).set_params(latent_dim=width), width) for width in widths]
    if x.ndim == 2:
        contests += [Contest(f"PCA, {width} wide", PCA(width), width) for width in widths]
    return compared(contests, X, y, n_seeds=n_seeds, test_size=test_size, random_state=random_state, x_name="width of the code")


def loss_by_corruption(
    X: Any,
    losses: Sequence[Any],
    corruptions: Sequence[Any],
    *,
    model: Any = None,
    n_seeds: int = 3,
    test_size: float = 0.25,
    random_state: int = 0,
) -> dict[str, Comparison]:
    """Which loss withstands which damage of the training rows, judged by rows that are whole.

    Columns are brought to variance 1, the training rows are damaged once and for good, as faulty data are, and each loss is trained on
    them as if they were whole. The error is measured on whole rows held out, the same for all losses.

    Args:
        X: whole rows, (rows, columns).
        losses: parts or their names.
        corruptions: likewise; None for whole training rows.
        model: an autoencoder; its `loss` and `scaling` are replaced. None for one of two dimensions.
        n_seeds: splits for each.
        test_size: the share of rows held out.
        random_state: the first seed.

    Returns:
        A comparison of the losses for each corruption, by its name.

    Raises:
        DataError: as of `compare`.

    Example:
        >>> from sklearn.datasets import load_wine
        >>> from isthmus import Autoencoder
        >>> model = Autoencoder(2, max_epochs=3)
        >>> found = loss_by_corruption(load_wine().data, ["squared_error", "huber"], ["salt_and_pepper"], model=model, n_seeds=2)
        >>> sorted(found["salt_and_pepper"].models)
        ['huber', 'squared_error']
    """
    x = as_rows(X)
    if x.ndim != 2 or len(losses) < 2:
        raise DataError(f"A table of rows and two losses or more are compared; got {x.ndim} axes and {len(losses)} losses. Give both.")
    x = table(x).astype(np.float64)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    base = Autoencoder() if model is None else model
    found = {}
    for corruption in corruptions:
        contests = [Contest(_name(loss), _Damaged(clone(base).set_params(loss=loss, scaling=None), corruption)) for loss in losses]
        name = "none" if corruption is None else _name(corruption)
        found[name] = compared(contests, x, n_seeds=n_seeds, test_size=test_size, random_state=random_state)
    return found


def optimizer_study(
    X: Any,
    optimizers: Sequence[Any],
    *,
    model: Any = None,
    n_seeds: int = 3,
    random_state: int = 0,
) -> dict[str, dict[str, np.ndarray]]:
    """How far each optimizer comes, in how many epochs and seconds.

    All train the same network on the same rows with the same seeds for as many epochs, and none stops early.

    Args:
        X: rows, (rows, columns) or (rows, ...).
        optimizers: parts or their names.
        model: an autoencoder; its `optimizer` and `patience` are replaced. None for one of two dimensions and 100 epochs.
        n_seeds: fits for each.
        random_state: the first seed.

    Returns:
        By optimizer: "loss", the monitored loss after each epoch, (seeds, epochs); "seconds", of a whole fit without compilation,
        (seeds,); "epochs_to_goal", until the loss is within 5 % of the lowest that any optimizer reached with that seed, NaN for
        never, (seeds,).

    Raises:
        DataError: fewer than one seed.

    Example:
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.preprocessing import scale
        >>> from isthmus import Autoencoder
        >>> found = optimizer_study(scale(load_wine().data), ["adam", "sgd"], model=Autoencoder(2, max_epochs=4), n_seeds=1)
        >>> found["adam"]["loss"].shape
        (1, 4)
    """
    if n_seeds < 1:
        raise DataError(f"`n_seeds`={n_seeds} must be 1 or more. Give 3, say.")
    base = Autoencoder(max_epochs=100) if model is None else model
    found: dict[str, dict[str, list[Any]]] = {}
    for seed in range(random_state, random_state + n_seeds):
        training, held_out = train_test_split(as_rows(X), test_size=0.2, random_state=seed)
        for optimizer in optimizers:
            fitted = clone(base).set_params(optimizer=optimizer, patience=None, tol=None, random_state=seed)
            fitted.fit(training, validation_data=held_out)
            own = found.setdefault(_name(optimizer), {"loss": [], "seconds": []})
            own["loss"].append(fitted.history_["val_loss"])
            own["seconds"].append(fitted.fit_seconds_ - fitted.compile_seconds_)
    lowest = np.min([np.min(own["loss"], axis=1) for own in found.values()], axis=0)
    result = {}
    for name, own in found.items():
        loss = np.array(own["loss"])
        reached = loss <= 1.05 * lowest[:, None]
        epochs = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.nan)
        result[name] = {"loss": loss, "seconds": np.array(own["seconds"]), "epochs_to_goal": epochs}
    return result


class _Damaged(BaseEstimator):
    """An autoencoder whose training rows are damaged before it sees them."""

    def __init__(self, model: Any, corruption: Any, random_state: int = 0) -> None:
        self.model = model
        self.corruption = corruption
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "_Damaged":
        """Damage the rows, and train on them."""
        rows = X
        if self.corruption is not None:
            part = resolve(AbstractCorruption, self.corruption, "corruption")
            rows = np.asarray(part(jnp.asarray(X, jnp.float32), key=jax.random.key(self.random_state)), np.float64)
        self.autoencoder_ = clone(self.model).set_params(random_state=self.random_state).fit(rows)
        return self

    def transform(self, X: Any) -> Any:
        """Codes."""
        return self.autoencoder_.transform(X)

    def reconstruct(self, X: Any) -> Any:
        """Rows, given back."""
        return self.autoencoder_.reconstruct(X)


def _name(part: Any) -> str:
    """Of a part, or as it was given."""
    return part if isinstance(part, str) else repr(part)
