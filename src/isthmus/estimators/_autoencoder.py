import dataclasses
import os
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted

from isthmus.errors import DataError
from isthmus.model import Model, zero_share
from isthmus.optimizers import Constant

from . import _files, _inference
from ._callbacks import printing
from ._fitting import (
    Problem,
    Training,
    blocks_of_the_loss,
    checked_weights,
    continued,
    random_source,
    run,
    split_rows,
    warn_about,
    warn_about_columns,
)
from ._generative import AbstractGenerative, active_units, warn_about_collapse
from ._parameters import ROLES, is_auto, nested_parameters, optimizer_of, parts_of, plan_of, with_nested
from ._pretraining import begun, with_pretraining
from ._source import Source, labels_of, read_source
from ._summary import Summary, summarize


class Autoencoder(AbstractGenerative, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """An encoder to a few numbers and a decoder back, trained together so that little is lost.

    `z = f(x)`, `y = g(z)`, with the weights of `f` and `g` chosen to minimize the mean over rows of `loss(y, x)` plus penalties. Every
    part is given by name, with its own defaults, or as an object; a field of a part is reached as ``part__field``, as in
    ``optimizer__clip_norm``. What is left at None or "auto" is chosen from the shape of the data alone.

    Parameters
    ----------
    latent_dim : int, default=2
        Numbers in a code.
    architecture : str or AbstractArchitecture, default="dense"
        The networks of both halves.
    hidden_dims : tuple of int, default=None
        The architecture's hidden widths, from the data to the code; None leaves its own. `Dense` chooses its network itself when it has
        none either: see there.
    activation : str, default=None
        Of hidden layers; None leaves the architecture's own.
    code_activation : str, default=None
        Applied to the encoder's output, of a variational one to means alone and not to scales; None for a linear code.
    output_activation : str, default=None
        Applied to the decoder's output; None for what the loss calls for.
    loss : str or AbstractLoss, default="squared_error"
        What a wrong reconstruction costs.
    regularizers : sequence of str or AbstractRegularizer, default=()
        Penalties beside the loss.
    corruption : str or AbstractCorruption, default=None
        Damage to the encoder's input in training; the target stays whole.
    bottleneck : str or AbstractBottleneck, default="deterministic"
        How the encoder's output becomes a code.
    prior : str or AbstractPrior, default=None
        The density over codes, for bottlenecks that use one; where they need one, None is the standard normal one.
    optimizer : str or AbstractOptimizer, default="auto"
        How weights move. "auto" is `Adam` at a rate of 1e-6 for each row, between 1e-4 and 1e-3: the fewer rows, the less there is to
        gain over the start and the more to lose by large steps.
    learning_rate : float, default=None
        The optimizer's rate at schedule factor 1; None leaves its own.
    batch_size : int, default=None
        Rows a step; None for about 30 steps an epoch, between 16 and 256 rows.
    max_epochs : int, default=None
        Passes over the rows at most; None for about 10 000 steps, between 20 and 2000 epochs.
    max_seconds : float, default=None
        Stop after that time.
    target_loss : float, default=None
        Stop once the monitored loss (as in `history_`) is as low.
    scaling : str, AbstractScaling or None, default="auto"
        How rows are scaled before the network sees them. "auto" centers columns and divides all by one common scale, so that squared
        errors keep their proportions, and warns where one column then outweighs all others; where outputs live in [0, 1] it brings all
        values there. "standard" gives every column the same weight. None for no scaling.
    validation_fraction : float, default="auto"
        The share of rows that is watched and not trained on; None for none, and then the training loss is monitored. "auto" is a fifth
        of up to 500 rows, 100 of up to 1000, and a tenth of more.
    patience : int, default="auto"
        Epochs without improvement after which to stop; None for never. "auto" is about 3000 steps, between 10 and 100 epochs.
    tol : float, default=1e-4
        The smallest improvement that counts, as a share of the loss; None for any.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the operands of matrix products. Sums, weights and statistics are float32 in either case.
    sample_shape : tuple of int, default=None
        The shape of one row given as a flat table, such as (28, 28, 1); None for the shape in which rows come.
    random_state : int, RandomState or None, default=None
        Decides initial weights, the order of rows, and random draws in training. The same number gives the same bits on one machine.
    verbose : int, default=0
        Print every so many epochs; 0 for never.
    callbacks : sequence of callable, default=()
        Called with a `isthmus.training.Progress` after each epoch; one that raises ends the fit and leaves the estimator as it was.
    warm_start : bool, default=False
        Whether another `fit` goes on from the weights and the scaling of the one before, with no pretraining.
    pretraining : str or AbstractPretraining, default=None
        What is done with the first weights before `fit` trains the whole, such as "layer_wise"; None for nothing. `partial_fit` does
        without.
    conditional : bool, default=False
        Whether both networks are told the class of each row, the `y` of `fit`, so that a code need not hold it, and rows of a chosen class
        can be had: ``sample(n, y=...)``, ``inverse_transform(codes, y)``.

    Attributes
    ----------
    model_ : isthmus.model.Model
        Parts, weights and state: `model_.encode`, `model_.decode` and `model_.reconstruct` are JAX functions of scaled rows.
    scaling_ : isthmus.data.Affine or None
        The scaling that was found.
    history_ : dict of str to ndarray of shape (n_epochs_,)
        The terms of the objective by name, as the optimizer sees them: in the scaled rows' unit, "loss" divided by the number of
        features. Those of the validation rows begin with "val_".
    n_features_in_ : int
        Columns of the table that was fitted.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they had any.
    sample_shape_ : tuple of int
        The shape of one row.
    n_epochs_ : int
        Epochs finished.
    best_epoch_ : int
        The one whose weights were kept; 0 for those before the first step.
    stop_reason_ : str
        "max_epochs", "patience", "target_loss", "max_seconds" or "interrupted".
    zero_share_ : float
        The share of weights (biases apart) that are exactly zero.
    classes_ : ndarray of shape (n_classes,)
        The sorted classes, of a conditional model.
    active_units_ : int
        Dimensions of the code that are used, of a probabilistic bottleneck: those whose posterior means vary by more than 0.01 of what
        they do under the prior; those of a learned prior are measured by a standard normal one.
    density_ : CodeDensity
        The distribution of codes that `fit_density` found.
    fit_seconds_, compile_seconds_ : float
        Wall time of the fit, and how much of it was compilation.

    See Also
    --------
    sklearn.decomposition.PCA : what a linear autoencoder with a squared error amounts to.

    References
    ----------
    Hinton & Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, Science 313, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import Autoencoder
    >>> X = load_digits().data
    >>> autoencoder = Autoencoder(latent_dim=8, max_epochs=5, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 8)
    >>> autoencoder.reconstruct(X).shape
    (1797, 64)
    """

    def __init__(
        self,
        latent_dim: int = 2,
        *,
        architecture: Any = "dense",
        hidden_dims: Any = None,
        activation: str | None = None,
        code_activation: str | None = None,
        output_activation: str | None = None,
        loss: Any = "squared_error",
        regularizers: Any = (),
        corruption: Any = None,
        bottleneck: Any = "deterministic",
        prior: Any = None,
        optimizer: Any = "auto",
        learning_rate: float | None = None,
        batch_size: int | None = None,
        max_epochs: int | None = None,
        max_seconds: float | None = None,
        target_loss: float | None = None,
        scaling: Any = "auto",
        validation_fraction: Any = "auto",
        patience: Any = "auto",
        tol: float | None = 1e-4,
        precision: str = "float32",
        sample_shape: Any = None,
        random_state: Any = None,
        verbose: int = 0,
        callbacks: Iterable[Callable[[Any], object]] = (),
        warm_start: bool = False,
        pretraining: Any = None,
        conditional: bool = False,
    ) -> None:
        self.latent_dim = latent_dim
        self.architecture = architecture
        self.hidden_dims = hidden_dims
        self.activation = activation
        self.code_activation = code_activation
        self.output_activation = output_activation
        self.loss = loss
        self.regularizers = regularizers
        self.corruption = corruption
        self.bottleneck = bottleneck
        self.prior = prior
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.max_seconds = max_seconds
        self.target_loss = target_loss
        self.scaling = scaling
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.tol = tol
        self.precision = precision
        self.sample_shape = sample_shape
        self.random_state = random_state
        self.verbose = verbose
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.pretraining = pretraining
        self.conditional = conditional

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments.

        Parameters
        ----------
        deep : bool, default=True
            Whether the fields of parts are included, as ``part__field``.

        Returns
        -------
        dict
            Values by name.
        """
        parameters = super().get_params(deep=False)
        return parameters | nested_parameters(parameters) if deep else parameters

    def set_params(self, **params: Any) -> "Autoencoder":
        """Set constructor's arguments, and fields of parts as ``part__field``.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        Autoencoder
            The estimator itself.
        """
        nested = {name: value for name, value in params.items() if "__" in name and name.partition("__")[0] in ROLES}
        super().set_params(**{name: value for name, value in params.items() if name not in nested})
        for name, value in nested.items():
            role, _, path = name.partition("__")
            setattr(self, role, with_nested(role, getattr(self, role), path, value))
        return self

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        target: Any = None,
        validation_data: Any = None,
        sample_weight: Any = None,
        pretrained: Any = None,
    ) -> "Autoencoder":
        """Learn to give rows back.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            The rows: numbers of any real type, none missing.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.
        target : array-like of the shape of X, default=None
            What each row is to become, such as a clean copy of a noisy one; None for itself.
        validation_data : array-like, or tuple of rows and targets, default=None
            Rows to watch instead of a share of `X`; of a conditional model a tuple of rows and classes, or of rows, classes and targets.
        sample_weight : array-like of shape (n_rows,), default=None
            How much each row counts; those of weight zero are as good as absent.
        pretrained : Autoencoder, str or path-like, default=None
            A fitted estimator, or the path of a saved one, to begin with: its encoder, which must be of the same form as this one's, and
            its scaling, in the place of `scaling`; its decoder, bottleneck and prior as well where they are of the same form. With
            ``optimizer__frozen=("encoder",)`` that encoder stays as it is.

        Returns
        -------
        Autoencoder
            The estimator itself.

        Raises
        ------
        DataError
            Rows cannot be used: the message names the columns.
        PartError
            A parameter is not allowed, or two do not go together.
        DivergedError
            The loss did not stay finite at any rate tried.
        """
        continues = self.warm_start and hasattr(self, "model_")
        with _Restoring(self):
            problem, rng = self._problem(X, y, target, validation_data, sample_weight, reset=not continues)
            parts = parts_of(self, problem.source.shape, self._n_classes)
            optimizer = optimizer_of(self, len(problem.training) + len(problem.validation))
            plan = plan_of(self, len(problem.training))
            before = []
            if continues:
                affine, model = self.scaling_, continued(self.model_, parts, pretrained)
            else:
                affine, goal, model = begun(self, parts, problem, rng, pretrained)
                if is_auto(self.scaling) and pretrained is None:
                    warn_about_columns(goal, getattr(self, "feature_names_in_", None))
                model, plan, before = with_pretraining(self, model, problem, affine, plan, rng)
            callbacks = [*(self.callbacks or ()), *printing(self.verbose)]
            training = Training(optimizer, plan, _seed(rng), callbacks)
            result = run(model, problem, affine, training)
        self._keep(model, affine, problem.source, result)
        self.fit_seconds_ += sum(each.seconds for each in before)
        self.compile_seconds_ += sum(each.compile_seconds for each in before)
        warn_about(result, optimizer.learning_rate)
        if problem.source.n_rows > 1:  # the code of one row has nothing to vary with
            warn_about_collapse(self)
        return self

    def partial_fit(self, X: Any, y: Any = None, *, target: Any = None, sample_weight: Any = None) -> "Autoencoder":
        """Go on learning with one pass over more rows.

        The first call decides the scaling, from its rows; it is kept from then on, as is the optimizer's state. There are no
        validation rows, and the rate does not follow a schedule, whose length nobody knows.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            More rows.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored. The first call decides which classes
            there are.
        target : array-like of the shape of X, default=None
            What each row is to become; None for itself.
        sample_weight : array-like of shape (n_rows,), default=None
            How much each row counts.

        Returns
        -------
        Autoencoder
            The estimator itself.
        """
        first = not hasattr(self, "model_")
        with _Restoring(self):
            problem, rng = self._problem(X, y, target, None, sample_weight, reset=first, whole=True)
            optimizer = dataclasses.replace(optimizer_of(self, None), schedule=Constant())
            structure = str(jax.tree.structure(optimizer))  # another's state is of no use; a treedef is not pickled
            plan = dataclasses.replace(plan_of(self, len(problem.training)), max_epochs=1, patience=None, target_loss=None)
            if first:
                affine, _, model = begun(self, parts_of(self, problem.source.shape, self._n_classes), problem, rng, None)
                state, n_calls = None, 0
            else:
                affine, model = self.scaling_, self.model_
                state, n_calls = getattr(self, "_optimizer_state", {}).get(structure), getattr(self, "_n_partial_fits", 0)
            seed = _seed(np.random.default_rng([*_seed(rng).tolist(), n_calls]))
            callbacks = [*(self.callbacks or ()), *printing(self.verbose)]
            result = run(model, problem, affine, Training(optimizer, plan, seed, callbacks, state))
        earlier = {} if first else self.history_
        self._keep(model, affine, problem.source, result)
        self.history_ = {name: np.concatenate([earlier.get(name, values[:0]), values]) for name, values in self.history_.items()}
        self.n_epochs_ = self.best_epoch_ = len(self.history_["loss"])
        self._optimizer_state, self._n_partial_fits = {structure: result.optimizer_state}, n_calls + 1
        warn_about(result, optimizer.learning_rate)
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> np.ndarray:
        """`fit`, then `transform` of the same rows.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            The rows.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.
        **fit_params : dict
            Further arguments of `fit`.

        Returns
        -------
        ndarray of shape (n_rows, latent_dim)
            Codes.
        """
        return self.fit(X, y, **fit_params).transform(X, y)

    def transform(self, X: Any, y: Any = None) -> np.ndarray:
        """The code of each row; never random.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            Rows of the kind that was fitted.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.

        Returns
        -------
        ndarray of shape (n_rows, latent_dim)
            Codes: float32 for rows of float32 or float16, else float64.
        """
        source = self._read(X, y)
        return self._mapped(_inference.encode, source, (self._n_features_out,))

    def codes(self, X: Any, y: Any = None) -> np.ndarray:
        """The whole numbers that each row's code consists of, where the bottleneck quantizes; never random.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            Rows of the kind that was fitted.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.

        Returns
        -------
        ndarray of shape (n_rows, n_groups)
            Numbers from 0 on, int32. Of "vector_quantized" the entry of each vector, of "residual_quantized" those of its stages one
            after the other, of "finite_scalar" the level of each dimension; rows with the same numbers then have the same `transform`. Of
            "categorical" the likeliest category of each group.

        Raises
        ------
        PartError
            The bottleneck's codes are no whole numbers.
        """
        source = self._read(X, y)
        shape = _inference.shape_of_one(_inference.indices, self.model_)
        assert shape is not None
        out = np.empty((source.n_rows, *shape), np.int32)
        return _inference.map_rows(_inference.indices, self.model_, source, self.scaling_, out)

    def inverse_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """The row that each code stands for.

        Parameters
        ----------
        X : array-like of shape (n_rows, latent_dim)
            Codes.
        y : array-like of shape (n_rows,) or a class, default=None
            The class that each row is to be of, of a conditional model; else ignored.

        Returns
        -------
        ndarray of shape (n_rows, n_features) or (n_rows, *sample_shape_)
            Rows in the user's unit, of the codes' type.
        """
        check_is_fitted(self, "model_")
        codes = check_array(X, dtype=[np.float64, np.float32], input_name="codes")
        if codes.shape[1] != self._n_features_out:
            raise DataError(f"Codes have {codes.shape[1]} columns; this model's have {self._n_features_out}. Pass what `transform` gave.")
        source = Source(codes, (codes.shape[1],), self._labels(y, len(codes)))
        out = np.empty((source.n_rows, *self.sample_shape_), source.dtype)
        return self._unscaled(_inference.map_rows(_inference.decode, self.model_, source, None, out))

    def reconstruct(self, X: Any, y: Any = None) -> np.ndarray:
        """Each row as the decoder gives it back from its code.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            Rows of the kind that was fitted.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.

        Returns
        -------
        ndarray of shape (n_rows, n_features) or (n_rows, *sample_shape_)
            Rows in the user's unit: float32 for rows of float32 or float16, else float64.
        """
        return self._unscaled(self._mapped(_inference.reconstruct, self._read(X, y), self.sample_shape_))

    def predict(self, X: Any, y: Any = None) -> np.ndarray:
        """The same as `reconstruct`: what an autoencoder predicts is its input.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            Rows of the kind that was fitted.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.

        Returns
        -------
        ndarray of shape (n_rows, n_features) or (n_rows, *sample_shape_)
            Rows in the user's unit.
        """
        return self.reconstruct(X, y)

    def score_samples(self, X: Any, y: Any = None) -> np.ndarray:
        """Minus the reconstruction loss of each row, in the user's unit and without penalties: higher is better.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            Rows of the kind that was fitted.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.

        Returns
        -------
        ndarray of shape (n_rows,)
            For "squared_error" minus the sum of squared errors of the row; for "bernoulli" minus its cross-entropy in nats, taken on
            values as they were scaled to [0, 1], and carried on in a straight line beyond, where new rows may lie. For every likelihood
            it is the log-density or log-probability of the row given its code.

        Raises
        ------
        DataError
            The loss is one of counts, and rows hold others.
        """
        source = self._read(X, y)
        if self.model_.parts.loss.domain == "nonnegative":
            for block in blocks_of_the_loss(self.model_.parts, source, self.scaling_):
                self.model_.parts.loss.check_rows(block)
        unit, offset = np.ones(self.sample_shape_, np.float32), np.zeros(self.sample_shape_, np.float32)
        if self.scaling_ is not None:
            unit, offset = self.scaling_.scale.astype(np.float32), self.scaling_.offset.astype(np.float32)
        return -self._mapped(_inference.row_losses, source, (), unit, offset)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of `score_samples`.

        Parameters
        ----------
        X : array-like or sparse table of shape (n_rows, n_features), or array of shape (n_rows, *sample_shape)
            Rows of the kind that was fitted.
        y : array-like of shape (n_rows,), default=None
            The class of each row, of a conditional model; else ignored.

        Returns
        -------
        float
            Minus the mean reconstruction loss.
        """
        return float(np.mean(self.score_samples(X, y), dtype=np.float64))

    def summary(self) -> Summary:
        """Shapes, parameters, floating-point operations and bytes; `print` it.

        Returns
        -------
        Summary
            What the model is made of and what it costs.
        """
        check_is_fitted(self, "model_")
        return summarize(self.model_)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator as one safetensors file, at once or not at all.

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced. Callbacks and the optimizer's state are not kept.
        """
        check_is_fitted(self, "model_")
        _files.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], parts: Iterable[type] = ()) -> "Autoencoder":
        """Read a fitted estimator.

        Parameters
        ----------
        path : str or path-like
            A file that `save` wrote.
        parts : iterable of type, default=()
            The classes of parts of your own that the model uses.

        Returns
        -------
        Autoencoder
            As it was saved.
        """
        return _files.load(path, parts, cls)

    @property
    def _n_features_out(self) -> int:
        return int(np.prod(self.model_.parts.latent_shape))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.non_deterministic = False
        return tags

    def _problem(
        self, X: Any, y: Any, target: Any, validation_data: Any, sample_weight: Any, *, reset: bool, whole: bool = False
    ) -> tuple[Problem, np.random.Generator]:
        rng = random_source(self.random_state)
        source = read_source(self, X, reset=reset)
        if self.conditional:
            labels, self.classes_ = labels_of(y, None if reset else self.classes_, source.n_rows)
            source = source._replace(labels=labels)
        elif reset:
            self.__dict__.pop("classes_", None)
        if reset:
            self.sample_shape_ = source.shape
        goal = None if target is None else read_source(self, target, reset=False, name="target")
        if goal is not None and goal.n_rows != source.n_rows:
            raise DataError(f"`target` has {goal.n_rows} rows, but `X` has {source.n_rows}. Give one target for each row.")
        held_out = None
        if validation_data is not None:
            held_out = _held_out(self, validation_data, goal is not None)
        weight = checked_weights(sample_weight, source.values)
        fraction = None if whole or held_out else self.validation_fraction
        training, validation = split_rows(source.n_rows, weight, fraction, rng)
        return Problem(source, goal, weight, training, validation, held_out), rng

    def _keep(self, model: Model, affine: Any, source: Source, result: Any) -> None:
        self.model_ = model._replace(weights=result.weights, state=result.state)
        self.scaling_ = affine
        self.sample_shape_ = source.shape
        self.history_ = {name: values.astype(np.float64) for name, values in result.history.items()}
        self.n_epochs_, self.best_epoch_, self.stop_reason_ = result.n_epochs, result.best_epoch, result.status
        self.fit_seconds_, self.compile_seconds_ = result.seconds, result.compile_seconds
        self._n_partial_fits = 0
        self.__dict__.pop("density_", None)  # of codes that are no more
        self._optimizer_state = {}
        if model.parts.bottleneck.is_probabilistic:
            prior_variance = model.parts.bottleneck.prior_variance(model.parts.latent_shape)
            self.active_units_ = active_units(self._mapped(_inference.encode, source, (self._n_features_out,)), prior_variance)

    @property
    def zero_share_(self) -> float:
        """The share of weights (biases apart) that are exactly zero."""
        check_is_fitted(self, "model_")
        return zero_share(self.model_)

    @property
    def _n_classes(self) -> int | None:
        return len(self.classes_) if self.conditional else None

    def _read(self, X: Any, y: Any = None) -> Source:
        check_is_fitted(self, "model_")
        source = read_source(self, X, reset=False)
        return source._replace(labels=self._labels(y, source.n_rows))

    def _labels(self, y: Any, n_rows: int) -> np.ndarray | None:
        return None if self.model_.parts.n_classes is None else labels_of(y, self.classes_, n_rows)[0]

    def _mapped(self, function: Callable[..., Any], source: Source, shape: tuple[int, ...], *extra: Any, key: Any = None) -> np.ndarray:
        out = np.empty((source.n_rows, *shape), source.dtype)
        return _inference.map_rows(function, self.model_, source, self.scaling_, out, *extra, key=key)

    def _unscaled(self, rows: np.ndarray) -> np.ndarray:
        if self.scaling_ is not None and self.model_.parts.loss.domain != "nonnegative":
            np.multiply(rows, self.scaling_.scale, out=rows, casting="same_kind")
            np.add(rows, self.scaling_.offset, out=rows, casting="same_kind")
        return rows


class _Restoring:
    """Within it, an error leaves the estimator as it was before."""

    def __init__(self, estimator: Any) -> None:
        self.estimator, self.before = estimator, dict(vars(estimator))

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            vars(self.estimator).clear()
            vars(self.estimator).update(self.before)


def _seed(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(2**32, size=2, dtype=np.uint32)


def _held_out(estimator: Any, given: Any, has_target: bool) -> tuple[Source, Source | None]:
    """The rows to watch and their targets.

    Args:
        estimator: that is being fitted.
        given: rows; or a tuple of rows, of a conditional model their classes, and perhaps targets.
        has_target: whether there are targets for the training rows.
    """
    given = given if isinstance(given, tuple) else (given, None)
    if len(given) not in ((2, 3) if estimator.conditional else (2,)):
        wanted = "rows and classes, or rows, classes and targets" if estimator.conditional else "rows and their targets"
        raise DataError(f"`validation_data` must be rows, or a tuple of {wanted}; got a tuple of {len(given)}. Give one of these.")
    rows, y, goal = (*given, None)[:3] if estimator.conditional else (given[0], None, given[1])
    source = read_source(estimator, rows, reset=False, name="validation_data")
    if estimator.conditional:
        source = source._replace(labels=labels_of(y, estimator.classes_, source.n_rows)[0])
    if (not has_target and goal is None) or goal is rows:
        return source, None
    if goal is None:
        raise DataError("`validation_data` has no targets, but `fit` has. Pass a tuple of rows and their targets.")
    if not has_target:
        raise DataError("`validation_data` has targets of its own, but `fit` has none. Pass `target` too, or validation rows alone.")
    target = read_source(estimator, goal, reset=False, name="validation_data")
    if target.n_rows != source.n_rows:
        raise DataError(f"`validation_data` has {source.n_rows} rows, but {target.n_rows} targets. Give one target for each row.")
    return source, target
