"""From constructor arguments, names among them, to parts; and `part__field` for both."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from isthmus._component import Component, fields_of, part_name, resolve
from isthmus._types import Shape
from isthmus.architectures import AbstractArchitecture, Dense
from isthmus.bottlenecks import AbstractBottleneck
from isthmus.corruptions import AbstractCorruption
from isthmus.data import AbstractScaling, automatic_scaling
from isthmus.errors import PartError
from isthmus.losses import AbstractLoss
from isthmus.model import Parts
from isthmus.optimizers import AbstractOptimizer, Adam
from isthmus.pretraining import AbstractPretraining
from isthmus.priors import AbstractPrior, StandardNormal
from isthmus.regularizers import AbstractRegularizer
from isthmus.training import Plan

__all__ = ["ROLES", "is_auto", "nested_parameters", "optimizer_of", "parts_of", "plan_of", "pretraining_of", "scaling_of", "with_nested"]

ROLES: dict[str, type[Component]] = {
    "architecture": AbstractArchitecture,
    "bottleneck": AbstractBottleneck,
    "corruption": AbstractCorruption,
    "loss": AbstractLoss,
    "optimizer": AbstractOptimizer,
    "pretraining": AbstractPretraining,
    "prior": AbstractPrior,
    "regularizers": AbstractRegularizer,
    "scaling": AbstractScaling,
}

# Enough for the defaults to settle on every data set they were tried on (docs/benchmarks.md); patience ends most runs before.
_STEPS = 10_000
_FEWEST_EPOCHS, _MOST_EPOCHS = 20, 2_000
_PATIENT_STEPS = 3_000
_LEAST_PATIENCE, _MOST_PATIENCE = 10, 100
_RATE_A_ROW, _LOWEST_RATE, _HIGHEST_RATE = 1e-6, 1e-4, 1e-3
_STEPS_AN_EPOCH = 30
_SMALLEST_BATCH, _LARGEST_BATCH = 16, 256


def parts_of(estimator: Any, data_shape: Shape, n_classes: int | None = None) -> Parts:
    """The model's parts, for rows of `data_shape`, which are of `n_classes` classes where the model is told."""
    latent_dim = estimator.latent_dim
    if isinstance(latent_dim, bool) or not hasattr(latent_dim, "__index__") or latent_dim < 1:
        raise PartError(f"`latent_dim` must be an integer of at least 1; got {latent_dim!r}.")
    bottleneck = resolve(AbstractBottleneck, estimator.bottleneck, "bottleneck")
    prior = _optional(AbstractPrior, estimator.prior, "prior")
    regularizers = _regularizers_of(estimator.regularizers)
    if prior is None and any(part.needs_prior for part in (bottleneck, *regularizers)):
        prior = StandardNormal()
    return Parts(
        architecture=_architecture_of(estimator),
        loss=resolve(AbstractLoss, estimator.loss, "loss"),
        data_shape=data_shape,
        latent_shape=(int(latent_dim),),
        bottleneck=bottleneck,
        prior=prior,
        regularizers=regularizers,
        corruption=_optional(AbstractCorruption, estimator.corruption, "corruption"),
        code_activation=estimator.code_activation,
        output_activation=estimator.output_activation,
        precision=estimator.precision,
        n_classes=n_classes,
    )


def optimizer_of(estimator: Any, n_rows: int | None) -> AbstractOptimizer:
    """The optimizer, at `learning_rate` where that is given; "auto" looks at how many rows there are, None for no telling."""
    if is_auto(estimator.optimizer):
        rate = _HIGHEST_RATE if n_rows is None else min(_HIGHEST_RATE, max(_LOWEST_RATE, _RATE_A_ROW * n_rows))
        optimizer: AbstractOptimizer = Adam(rate)
    else:
        optimizer = resolve(AbstractOptimizer, estimator.optimizer, "optimizer")
    return optimizer if estimator.learning_rate is None else dataclasses.replace(optimizer, learning_rate=estimator.learning_rate)


def pretraining_of(estimator: Any) -> AbstractPretraining | None:
    """What is done before the fit itself; None for nothing."""
    return _optional(AbstractPretraining, estimator.pretraining, "pretraining")


def scaling_of(estimator: Any, parts: Parts) -> AbstractScaling | None:
    """How rows are scaled; None for not at all."""
    if estimator.scaling is None:
        return None
    if is_auto(estimator.scaling):
        return automatic_scaling(
            unit_interval=parts.loss.domain == "unit_interval" or parts.reconstruction_activation in ("clip", "sigmoid")
        )
    return resolve(AbstractScaling, estimator.scaling, "scaling")


def plan_of(estimator: Any, n_rows: int) -> Plan:
    """How long to train on `n_rows` rows; batches and epochs that are not given follow from that number."""
    batch_size, max_epochs = estimator.batch_size, estimator.max_epochs
    if batch_size is None:
        wanted = max(1, n_rows // _STEPS_AN_EPOCH)
        batch_size = min(_LARGEST_BATCH, max(_SMALLEST_BATCH, 1 << (wanted.bit_length() - 1)))
    plan = Plan(
        max_epochs=1 if max_epochs is None else max_epochs,
        batch_size=batch_size,
        patience=None if is_auto(estimator.patience) else estimator.patience,
        tol=0.0 if estimator.tol is None else estimator.tol,
        target_loss=estimator.target_loss,
        max_seconds=estimator.max_seconds,
    )
    n_batches = -(-n_rows // plan.batch_size)
    if max_epochs is None:
        plan = dataclasses.replace(plan, max_epochs=min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, _STEPS // n_batches)))
    if is_auto(estimator.patience):
        plan = dataclasses.replace(plan, patience=min(_MOST_PATIENCE, max(_LEAST_PATIENCE, _PATIENT_STEPS // n_batches)))
    return plan


def nested_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`part__field` for the fields of all parts among the parameters, those given by name included."""
    nested: dict[str, Any] = {}
    for role, base in ROLES.items():
        value = parameters.get(role)
        if role == "regularizers":
            try:
                for part in _regularizers_of(value):
                    nested |= _fields(f"{role}__{part_name(type(part))}", part)
            except PartError:
                continue
        elif (part := _known(base, value)) is not None:
            nested |= _fields(role, part)
    return nested


def with_nested(role: str, value: Any, path: str, new: Any) -> Any:
    """The value of the parameter `role` with the field at `path`, such as "schedule__end", replaced by `new`.

    Args:
        role: the parameter's name.
        value: its value: a part, a name, or a tuple of them for `regularizers`.
        path: names of fields, joined by double underscores; for `regularizers` the part's name comes first.
        new: the field's value.
    """
    if role == "optimizer" and is_auto(value):
        value = Adam()
    if role != "regularizers":
        return _replaced(resolve(ROLES[role], value, role), path, new, role)
    chosen, _, field = path.partition("__")
    parts = _regularizers_of(value)
    if chosen not in [part_name(type(part)) for part in parts] or not field:
        names = ", ".join(part_name(type(part)) for part in parts)
        raise PartError(f"`regularizers` has no field {path!r}. Write regularizers__NAME__FIELD, with a name of: {names or '(none)'}.")
    return tuple(_replaced(part, field, new, role) if part_name(type(part)) == chosen else part for part in parts)


def is_auto(value: Any) -> bool:
    """Whether a parameter is left to be chosen from the data."""
    return isinstance(value, str) and value == "auto"


def _architecture_of(estimator: Any) -> AbstractArchitecture:
    architecture = resolve(AbstractArchitecture, estimator.architecture, "architecture")
    overrides = {name: getattr(estimator, name) for name in ("hidden_dims", "activation") if getattr(estimator, name) is not None}
    known = {field.name for field in fields_of(type(architecture))}
    for name, value in overrides.items():
        if name not in known:
            raise PartError(
                f"`{name}`={value!r} was given, but the architecture {part_name(type(architecture))!r} has no such field. "
                f"Leave it None, or choose another architecture, such as {part_name(Dense)!r}."
            )
    return dataclasses.replace(architecture, **overrides)


def _regularizers_of(value: Any) -> tuple[AbstractRegularizer, ...]:
    if value is None:
        return ()
    values = value if isinstance(value, list | tuple) else (value,)
    return tuple(resolve(AbstractRegularizer, part, "regularizers") for part in values)


def _optional(base: type[Component], value: Any, name: str) -> Any:
    return None if value is None else resolve(base, value, name)


def _known(base: type[Component], value: Any) -> Component | None:
    try:
        return resolve(base, value, "")
    except PartError:
        return None


def _fields(prefix: str, part: Component) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields_of(type(part)):
        value = getattr(part, field.name)
        found[f"{prefix}__{field.name}"] = value
        if isinstance(value, Component):
            found |= _fields(f"{prefix}__{field.name}", value)
    return found


def _replaced(part: Any, path: str, new: Any, name: str) -> Any:
    field, _, rest = path.partition("__")
    names = [known.name for known in fields_of(type(part))]
    if field not in names:
        raise PartError(f"`{name}` is {part!r}, which has no field {field!r}. Choose one of: {', '.join(names) or '(it has none)'}.")
    value = _replaced(getattr(part, field), rest, new, f"{name}__{field}") if rest else new
    return dataclasses.replace(part, **{field: value})
