"""The one place where the parts meet.

```
x ── corruption ── encoder ── hidden ── bottleneck ── code ── decoder ── outputs ── loss ── reconstruction, per row
                                          │  prior                                            │
                                          └── terms, per row ─────────────────────────────────┤
                                                       regularizers ── penalties ─────────────┴── objective
```

Parts return unweighted terms; here alone they are weighted, masked and averaged. The optimizer sees

    mean over rows of (reconstruction + sum of weight * term) / n_features + sum of weight * penalty

so that a rate, a clipping norm and a penalty's weight mean the same for 10 columns and for 10 000.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._activations import Activation, activate, deactivate
from isthmus._component import Component, part_name
from isthmus._types import Code, Data, Hidden, Key, Mask, Outputs, PositiveInt, Scalar, Shape, Tree
from isthmus.architectures import AbstractArchitecture
from isthmus.bottlenecks import AbstractBottleneck, Deterministic, Latent
from isthmus.corruptions import AbstractCorruption
from isthmus.errors import PartError
from isthmus.losses import AbstractLoss
from isthmus.priors import AbstractPrior, BoundPrior
from isthmus.regularizers import AbstractProximal, AbstractRegularizer, View

__all__ = ["Evaluation", "Model", "Objective", "Parts", "State", "Weights", "forward_flops", "scaled", "zero_share"]

_HIDDEN_ROWS = 20_000  # enough for a bottleneck to start from


class Parts(Component):
    """What was chosen; no arrays.

    Attributes:
        architecture: the networks of both halves.
        loss: what a wrong reconstruction costs.
        data_shape: the shape of one row.
        latent_shape: the shape of one code.
        bottleneck: how hidden values become a code.
        prior: the density over codes, for bottlenecks that use one.
        regularizers: penalties beside the loss.
        corruption: damage to the encoder's input in training.
        code_activation: applied to the encoder's output; where a bottleneck is given more numbers than a code has, to those of the code
            alone: means, and not scales.
        output_activation: applied to the decoder's output before the loss; None leaves it to the loss's link.
        precision: of the operands of matrix products; sums, weights and statistics are float32.
        n_classes: how many classes rows may be of, for a model that is told each row's; None for one that is not.

    Example:
        >>> from isthmus.architectures import Linear
        >>> from isthmus.losses import SquaredError
        >>> Parts(Linear(), SquaredError(), data_shape=(4,), latent_shape=(2,)).n_features
        4
    """

    architecture: AbstractArchitecture
    loss: AbstractLoss
    _: KW_ONLY
    data_shape: tuple[PositiveInt, ...]
    latent_shape: tuple[PositiveInt, ...]
    bottleneck: AbstractBottleneck = Deterministic()
    prior: AbstractPrior | None = None
    regularizers: tuple[AbstractRegularizer, ...] = ()
    corruption: AbstractCorruption | None = None
    code_activation: Activation | None = None
    output_activation: Activation | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    n_classes: PositiveInt | None = None

    def check(self) -> None:
        if not self.data_shape:
            raise PartError(
                "`data_shape`=() is the shape of a single number; a row has one axis at least. Give `(1,)` for rows of one feature."
            )
        link = self.loss.link
        if link != "identity" and self.output_activation not in (None, link):
            raise PartError(
                f"`output_activation`={self.output_activation!r} does not go with the loss {part_name(type(self.loss))!r}, which takes "
                f"its raw outputs through {link!r}. Leave it None, or choose another loss."
            )
        names = [part_name(type(regularizer)) for regularizer in self.regularizers]
        if len(set(names)) < len(names):
            raise PartError(f"`regularizers` holds the same kind twice: {names}. Give each once, with the sum of the weights.")
        self._check_classes()
        self._check_prior()
        for part in (self.architecture, self.loss, self.bottleneck, self.prior, *self.regularizers, self.corruption):
            if part is not None:
                part.check_parts(self)

    def _check_classes(self) -> None:
        """Refuse a part that a conditional model cannot have."""
        for part in (self.architecture, self.prior, *self.regularizers):
            if self.n_classes is not None and part is not None and not part.takes_classes:
                raise PartError(
                    f"{part_name(type(part))!r} does not work in a conditional model, whose networks are told the class of each row. "
                    "Use another part, or fit without `conditional`."
                )

    def _check_prior(self) -> None:
        """Refuse a part that needs a prior where there is none."""
        if self.prior is not None:
            return
        needs = [(f"The bottleneck {part_name(type(self.bottleneck))!r} needs a prior over codes", self.bottleneck)]
        needs += [(f"The penalty {part_name(type(part))!r} compares codes with draws from a prior", part) for part in self.regularizers]
        for need, part in needs:
            if part.needs_prior:
                raise PartError(f"{need}. Pass prior=StandardNormal(), or another one.")

    @property
    def n_features(self) -> int:
        """How many numbers one row has."""
        return math.prod(self.data_shape)

    @property
    def n_given(self) -> int:
        """How many numbers, one for each class, both networks are given along the last axis beside their input."""
        return self.n_classes or 0

    @property
    def reconstruction_activation(self) -> str:
        """The activation by which raw decoder outputs become data."""
        return self.output_activation or self.loss.link


class Weights(NamedTuple):
    """What is learned by gradient; arrays only."""

    encoder: Tree
    decoder: Tree
    bottleneck: Tree
    prior: Tree
    loss: Tree
    regularizers: tuple[Tree, ...]


class State(NamedTuple):
    """Arrays that training updates without a gradient."""

    bottleneck: Tree
    loss: Tree


class Model(NamedTuple):
    """An autoencoder: what was chosen and what was learned. Its methods are pure functions of arrays, batch first.

    Inputs and results are in the unit of the scaled data; reconstructions by a loss for values from 0 on are in the data's own.

    Attributes:
        parts: what was chosen.
        weights: what was learned by gradient.
        state: what was learned without one.
        condition: of a conditional model, the class of each row of the batch at hand, (rows, n_classes), as ones and zeros: see
            `of_classes`. Both networks see it beside their input, along the last axis.
    """

    parts: Parts
    weights: Weights
    state: State
    condition: Any = None

    @classmethod
    def init(cls, parts: Parts, *, rng: np.random.Generator) -> "Model":
        """A model with random weights.

        Args:
            parts: what was chosen.
            rng: the source of all random numbers, on the host.
        """
        latent, data = parts.latent_shape, parts.data_shape
        hidden_shape, output_shape = parts.bottleneck.hidden_shape(latent), parts.loss.output_shape(data)
        bottleneck_weights, bottleneck_state = parts.bottleneck.init(latent, rng=rng)
        weights = Weights(
            encoder=parts.architecture.encoder(_widened(data, parts.n_given), hidden_shape, rng=rng),
            decoder=parts.architecture.decoder(_widened(latent, parts.n_given), output_shape, rng=rng),
            bottleneck=bottleneck_weights,
            prior=() if parts.prior is None else parts.prior.init(latent, data, rng=rng),
            loss=parts.loss.init(data, rng=rng),
            regularizers=tuple(regularizer.init(latent, rng=rng) for regularizer in parts.regularizers),
        )
        return cls(parts, weights, State(bottleneck_state, parts.loss.init_state(data)))

    def of_classes(self, labels: Any) -> "Model":
        """The model for a batch of rows of these classes, whole numbers (rows,); itself when it is not conditional."""
        return self._replace(condition=jax.nn.one_hot(labels, self.parts.n_classes)) if self.parts.n_classes else self

    def started(self, rows: Callable[[], tuple[np.ndarray, ...]], mean: np.ndarray, *, rng: np.random.Generator) -> "Model":
        """The model with the weights that depend on data: output biases, and whatever else a part starts from data.

        Args:
            rows: gives a sample of rows as the encoder and as the loss will see them, float64, when a part asks for it; of a
                conditional model also their classes, as ones and zeros.
            mean: the mean of the loss's targets, of the data's shape.
            rng: for random choices.
        """
        parts = self.parts
        output_mean = deactivate(parts.output_activation, mean) if parts.output_activation else parts.loss.start(mean)
        rows = functools.cache(functools.partial(_seen_rows, rows))
        encoder, decoder = parts.architecture.start(self.weights.encoder, self.weights.decoder, rows, output_mean)
        model = self._replace(weights=self.weights._replace(encoder=encoder, decoder=decoder))

        def hidden() -> np.ndarray:
            x = rows()[0]
            chosen = np.sort(rng.choice(len(x), _HIDDEN_ROWS, replace=False)) if len(x) > _HIDDEN_ROWS else slice(None)
            return np.asarray(_hidden(model, jnp.asarray(x[chosen], jnp.float32)))

        bottleneck, state = parts.bottleneck.start(self.weights.bottleneck, self.state.bottleneck, hidden, rng=rng)
        prior = () if parts.prior is None else parts.prior.start(self.weights.prior, lambda: rows()[0], rng=rng)
        weights = model.weights._replace(bottleneck=bottleneck, prior=prior)
        return model._replace(weights=weights, state=self.state._replace(bottleneck=state))

    def hidden(self, x: Data, *, key: Key | None) -> Hidden:
        """The encoder's output for each row; `key` is None outside training."""
        return self.hidden_of(self._given(x), key=key)

    def hidden_of(self, seen: Any, *, key: Key | None) -> Hidden:
        """The encoder's output for what it sees of each row: the row, and of a conditional model its class along the last axis."""
        hidden, n = self._network(self.weights.encoder, seen, key), self.parts.latent_shape[-1]
        if self.parts.code_activation is None:
            return hidden
        code = activate(self.parts.code_activation, hidden[..., :n])
        # What a bottleneck is given beside the numbers of a code, such as logarithms of scales, an activation would only confine.
        return code if hidden.shape[-1] == n else jnp.concatenate([code, hidden[..., n:]], axis=-1)

    def encode(self, x: Data) -> Code:
        """The code of each row; never random."""
        return self.parts.bottleneck.encode(self.weights.bottleneck, self.state.bottleneck, self.hidden(x, key=None))

    def bound_prior(self) -> BoundPrior | None:
        """The prior with all that it needs, for one batch; None where the parts have none."""
        parts, weights = self.parts, self.weights
        if parts.prior is None:
            return None

        def posterior(x: Data) -> Any:
            return parts.bottleneck.posterior(weights.bottleneck, self.hidden(x, key=None))

        return BoundPrior(parts.prior, parts.prior.prepared(weights.prior, posterior))

    def outputs(self, code: Code, *, key: Key | None) -> Outputs:
        """The raw outputs for each code, after the output activation where one was asked for in the loss's stead."""
        decoder = self.parts.architecture.joined(self.weights.encoder, self.weights.decoder)
        outputs = self._network(decoder, self._given(code), key)
        chosen = self.parts.output_activation
        return outputs if chosen is None or chosen == self.parts.loss.link else activate(chosen, outputs)

    @property
    def loss_weights(self) -> Tree:
        """What the loss has learned, by gradient and without."""
        return self.parts.loss.at_state(self.weights.loss, self.state.loss)

    def decode(self, code: Code) -> Data:
        """The reconstruction for each code."""
        return self.parts.loss.mean(self.outputs(code, key=None))

    def reconstruct(self, x: Data) -> Data:
        """The reconstruction of each row."""
        return self.decode(self.encode(x))

    def _given(self, x: Any) -> Any:
        """`x` with the classes of its rows along the last axis, repeated along the others."""
        if self.parts.n_classes is None:
            return x
        assert self.condition is not None, "bind the classes of the rows first: `of_classes`"
        return _with_classes(x, self.condition, jnp)

    def _network(self, network: Tree, x: Any, key: Key | None) -> Any:
        architecture, precision = self.parts.architecture, self.parts.precision
        if key is None or not architecture.is_random:
            return jax.vmap(lambda row: architecture(network, row, precision=precision, key=None))(x)
        keys = jax.random.split(key, x.shape[0])
        return jax.vmap(lambda row, key: architecture(network, row, precision=precision, key=key))(x, keys)


class Evaluation(NamedTuple):
    """An objective's value on a batch.

    Attributes:
        loss: what is minimized.
        terms: its unweighted parts, by name, as means over the batch.
        state: the next state.
    """

    loss: Scalar
    terms: dict[str, Scalar]
    state: Any


class Objective(Component):
    """The objective of an autoencoder, as the trainer calls it.

    Attributes:
        parts: what was chosen.
    """

    parts: Parts

    @property
    def is_proximal(self) -> bool:
        """Whether weights are to be shrunk after each step."""
        return any(isinstance(regularizer, AbstractProximal) for regularizer in self.parts.regularizers)

    @property
    def is_adversarial(self) -> bool:
        """Whether some weights go up what others go down."""
        return any(regularizer.is_adversarial for regularizer in self.parts.regularizers)

    @property
    def has_own_rates(self) -> bool:
        """Whether some weights learn at a rate of their own."""
        return any(regularizer.has_own_rate for regularizer in self.parts.regularizers)

    def at_own_rates(self, steps: Weights) -> Weights:
        """The optimizer's steps, with those of the penalties' own weights at the rates that they ask for.

        Args:
            steps: of the form of the weights; None where they are frozen.
        """
        own = zip(self.parts.regularizers, steps.regularizers, strict=True)
        return steps._replace(regularizers=tuple(jax.tree.map(lambda step, rate=part.own_rate: rate * step, each) for part, each in own))

    def shrink(self, weights: Weights, step_sizes: Weights) -> Weights:
        """The proximal maps of the penalties that have one.

        Args:
            weights: after the optimizer's step.
            step_sizes: for each array the step size that the optimizer used there.
        """
        for regularizer in self.parts.regularizers:
            if isinstance(regularizer, AbstractProximal):
                amounts = jax.tree.map(lambda size, weight=regularizer.weight: size * weight, step_sizes)
                weights = regularizer.shrink(weights, amounts)
        return weights

    def __call__(
        self,
        weights: Weights,
        state: State,
        rows: dict[str, Any],
        shared: dict[str, Any],
        mask: Mask,
        *,
        key: Key,
        progress: Any,
        training: bool,
    ) -> Evaluation:
        """The objective on a batch.

        Args:
            weights: what the gradient is taken of.
            state: the state before the batch.
            rows: `x`, and where given `target` (a clean `x`), `weight` (of mean one over the data) and `label` (a class), first axis rows.
            shared: `n_rows` of the training data, where a penalty asks for it, and `offset` and `scale` of data that are not scaled yet.
            mask: 1 for rows that count, 0 for padding.
            key: for the batch's random draws.
            progress: the share of the training that is over, in [0, 1].
            training: whether dropout and all penalties apply; else only those that are monitored.
        """
        parts = self.parts
        noise_key, encoder_key, code_key, decoder_key, penalty_key = jax.random.split(key, 5)
        model = Model(parts, weights, state)
        if parts.n_classes is not None:
            model = model.of_classes(rows["label"].astype(jnp.int32))
        x = scaled(rows["x"], shared)
        target = scaled(rows["target"], shared) if "target" in rows else x
        seen = x if parts.corruption is None else parts.corruption(x, mask=mask, key=noise_key)
        hidden = model.hidden(seen, key=encoder_key if training else None)
        prior = model.bound_prior()
        options = {"mask": mask, "progress": progress, "key": code_key}
        latent, bottleneck_state = parts.bottleneck(weights.bottleneck, state.bottleneck, hidden, prior, **options)
        scored = None if parts.corruption is None else parts.corruption.scored(x, key=noise_key)
        row_weight = mask * rows["weight"] if "weight" in rows else mask
        outputs = _outputs(model, latent.code, decoder_key if training else None)
        if training:
            state = state._replace(loss=parts.loss.next_state(weights.loss, state.loss, outputs, target, row_weight))
        terms, costs = _row_terms(parts, parts.loss.at_state(weights.loss, state.loss), latent, outputs, (target, scored), progress)
        n_rows = jnp.maximum(jnp.sum(mask), 1.0)

        def average(values: Any) -> Any:
            return jnp.sum(row_weight * values) / n_rows

        loss = average(costs) / parts.n_features
        terms = {name: average(value) for name, value in terms.items()} | dict(latent.reports)
        if parts.bottleneck.reports_explained_variance:
            terms["explained_variance"] = _explained_variance(parts.loss.mean(outputs), target, mask)
        if parts.regularizers:
            view = _view(model, seen, mask, hidden, latent.code, prior, shared.get("n_rows"))
            for index, regularizer in enumerate(parts.regularizers):
                if not (training or regularizer.is_monitored):
                    continue
                penalty = regularizer(weights.regularizers[index], view, key=jax.random.fold_in(penalty_key, index))
                per_row = penalty.ndim > 0
                penalty = average(penalty) if per_row else penalty
                charged = jax.lax.stop_gradient(penalty) if isinstance(regularizer, AbstractProximal) else penalty
                loss = loss + regularizer.weight * (charged / parts.n_features if per_row else charged)
                terms[part_name(type(regularizer))] = penalty
        return Evaluation(loss, terms, state._replace(bottleneck=bottleneck_state))


def scaled(values: Any, shared: Mapping[str, Any]) -> Data:
    """Rows as float32, scaled here, in the compiled program, when `shared` holds `offset` and `scale`."""
    values = values.astype(jnp.float32)
    return (values - shared["offset"]) * (1.0 / shared["scale"]) if "scale" in shared else values


def _with_classes(x: Any, condition: Any, xp: Any) -> Any:
    """Rows `x` with the classes `condition` (rows, n_classes) along the last axis, repeated along the others.

    Args:
        x: (rows, *features).
        condition: ones and zeros.
        xp: the module of the arrays, `numpy` or `jax.numpy`.
    """
    spread = condition.reshape(len(condition), *(1,) * (x.ndim - 2), condition.shape[1])
    return xp.concatenate([x, xp.broadcast_to(spread, (*x.shape[:-1], condition.shape[1]))], axis=-1)


def _widened(shape: Shape, n_given: int) -> Shape:
    return (*shape[:-1], shape[-1] + n_given)


def _seen_rows(rows: Callable[[], tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """A sample of rows, with their classes beside them where there are any."""
    x, *others = rows()
    return (_with_classes(x, others[1], np), *others) if len(others) > 1 else (x, *others)


def _outputs(model: Model, code: Code, key: Key | None) -> Any:
    """The raw outputs of codes (rows, *latent), or (samples, rows, *latent)."""
    if code.ndim == len(model.parts.latent_shape) + 1:
        return model.outputs(code, key=key)
    return jax.vmap(lambda code: model.outputs(code, key=key))(code)


def _row_terms(
    parts: Parts, loss_weights: Tree, latent: Latent, outputs: Any, target: tuple[Data, Data | None], progress: Any
) -> tuple[dict[str, Any], Any]:
    """The unweighted terms of each row, and what the row costs."""
    several = latent.code.ndim > len(parts.latent_shape) + 1

    def reconstruction(outputs: Outputs) -> Any:
        return _judged(parts.loss, loss_weights, outputs, *target)

    terms = {"reconstruction": (jax.vmap(reconstruction) if several else reconstruction)(outputs), **latent.terms}
    cost = terms["reconstruction"]
    for name, weight in parts.bottleneck.term_weights(progress).items():
        cost = cost + weight * terms[name]
    if latent.is_importance_weighted:
        cost = math.log(latent.code.shape[0]) - jax.nn.logsumexp(-cost, axis=0)
        terms["bound"] = cost
    elif several:
        cost = jnp.mean(cost, axis=0)
    return {name: jnp.mean(value, axis=0) if value.ndim > 1 else value for name, value in terms.items()}, cost


def _explained_variance(reconstruction: Data, target: Data, mask: Mask) -> Scalar:
    """The share of the squared distances of a batch's rows from their mean that their reconstructions give back."""
    weight = mask.reshape(-1, *(1,) * (target.ndim - 1))
    mean = jnp.sum(weight * target, axis=0) / jnp.maximum(jnp.sum(mask), 1.0)
    error, total = (jnp.sum(weight * jnp.square(target - other)) for other in (reconstruction, mean))
    return 1.0 - error / jnp.maximum(total, jnp.finfo(total.dtype).tiny)


def _judged(loss: AbstractLoss, weights: Tree, outputs: Outputs, target: Data, scored: Data | None) -> Any:
    """The loss of each row, or what it would be if all values cost as much as those that are scored."""
    if scored is None:
        return loss(weights, outputs, target)
    # A value that is not scored is given an output of zero and the target that it stands for: the cost of that is known, and taken off.
    zeros = jnp.zeros_like(outputs)
    expected = loss.mean(zeros)
    cost = loss(weights, jnp.where(scored > 0, outputs, zeros), jnp.where(scored > 0, target, expected))
    share = jnp.mean(scored, axis=tuple(range(1, scored.ndim)))
    at_least_one = jnp.maximum(share, 1.0 / math.prod(scored.shape[1:]))
    return (cost - (1.0 - share) * loss(weights, zeros, expected)) / at_least_one


def _view(model: Model, x: Data, mask: Mask, hidden: Hidden, code: Code, prior: BoundPrior | None, n_rows: Any) -> View:
    return View(
        x=x,
        mask=mask,
        hidden=hidden,
        code=code,
        prior=prior,
        weights=model.weights,
        encode=lambda row: model.hidden(row[None], key=None)[0],
        decode=lambda row: model.outputs(row[None], key=None)[0],
        posterior=model.parts.bottleneck.posterior(model.weights.bottleneck, hidden),
        n_rows=n_rows,
    )


@jax.jit
def _hidden(model: Model, x: Any) -> Hidden:
    return model.hidden_of(x, key=None)


@jax.jit
def _reconstruct(model: Model, x: Data) -> Data:
    return model.reconstruct(x)


def forward_flops(parts: Parts) -> int:
    """Floating-point operations of one row's reconstruction, as XLA counts them before it optimizes."""
    model = jax.eval_shape(lambda: Model.init(parts, rng=np.random.default_rng(0)).of_classes(jnp.zeros(1, int)))
    row = jax.ShapeDtypeStruct((1, *parts.data_shape), jnp.float32)
    analysis: Any = _reconstruct.lower(model, row).cost_analysis()
    return int(analysis["flops"])


def zero_share(model: Model) -> float:
    """The share of a model's weight matrices and kernels, biases apart, that is exactly zero."""
    halves = (model.weights.encoder, model.weights.decoder)
    matrices = [np.asarray(leaf) for leaf in jax.tree.leaves(halves) if np.ndim(leaf) > 1]
    return float(sum(np.sum(matrix == 0.0) for matrix in matrices) / max(1, sum(matrix.size for matrix in matrices)))
