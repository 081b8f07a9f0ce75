"""Where a fit begins: random weights, another model's, or layers that were trained one by one."""

import dataclasses
import os
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus.data import Affine, Moments
from isthmus.errors import DivergedError, PartError
from isthmus.model import Model, Parts
from isthmus.optimizers import AbstractOptimizer
from isthmus.training import Plan, Result

from . import _files, _inference
from ._callbacks import printing
from ._fitting import Problem, Training, form, run, scaled_by, start_model, started
from ._parameters import pretraining_of, scaling_of
from ._source import Source

__all__ = ["begun", "with_pretraining"]


def begun(
    estimator: Any, parts: Parts, problem: Problem, rng: np.random.Generator, pretrained: Any
) -> tuple[Affine | None, Moments, Model]:
    """The scaling, the moments of what is to be given back, and the model before its first step.

    Args:
        estimator: which is to be fitted.
        parts: the model's.
        problem: what it is to learn from.
        rng: the source of random weights.
        pretrained: a fitted estimator to take weights and the scaling from, or its path; None for none.
    """
    donor = None if pretrained is None else _donor(estimator, problem, pretrained)
    affine, goal = scaled_by(parts, None if donor else scaling_of(estimator, parts), problem)
    if donor is not None:
        affine = donor.scaling_
    model = start_model(parts, problem, affine, goal, rng)
    return affine, goal, model if donor is None else _with_weights_of(donor.model_, model)


def with_pretraining(
    estimator: Any, model: Model, problem: Problem, affine: Affine | None, plan: Plan, rng: np.random.Generator
) -> tuple[Model, Plan, list[Result]]:
    """The model after its pretraining where there is one, the plan for the rest of the time, and how the pretraining went."""
    pretraining = pretraining_of(estimator)
    if pretraining is None:
        return model, plan, []
    if model.parts.n_classes is not None:
        raise PartError("`pretraining` trains layers one by one, which know no classes. Leave it None in a conditional model.")
    begin, results = time.perf_counter(), []
    model = pretraining(model, _Table(problem, affine, plan, rng, estimator.verbose, begin, results))
    return model, _shortened(plan, time.perf_counter() - begin), results


class _Table(NamedTuple):
    """The level of the rows, or of their codes in the model below.

    Attributes:
        problem: with the rows.
        affine: how they are scaled.
        plan: of the whole fit.
        rng: the source of initial biases' samples and of seeds.
        verbose: print every so many epochs.
        begin: when pretraining began.
        results: of the levels so far, this one's to be added.
    """

    problem: Problem
    affine: Affine | None
    plan: Plan
    rng: np.random.Generator
    verbose: int
    begin: float
    results: list[Result]

    def trained(self, model: Model, *, optimizer: AbstractOptimizer, max_epochs: int) -> Model:
        number = len(self.results) + 1
        if self.verbose:
            print(f"pretraining {number}: {self.problem.source.shape} to {model.parts.latent_shape}")  # noqa: T201  # as `verbose` asks
        _, goal = scaled_by(model.parts, None, self.problem)
        model = started(model, self.problem, self.affine, goal, self.rng)
        plan = dataclasses.replace(self.plan, max_epochs=max_epochs, target_loss=None)
        plan = _shortened(plan, time.perf_counter() - self.begin)
        seed = self.rng.integers(2**32, size=2, dtype=np.uint32)
        try:
            result = run(model, self.problem, self.affine, Training(optimizer, plan, seed, printing(self.verbose)))
        except DivergedError as error:
            raise DivergedError(f"In `pretraining`, at pair {number} of layers, with {optimizer!r}: {error}") from error
        if result.status == "interrupted":
            raise KeyboardInterrupt("interrupted before the fit itself began")
        self.results.append(result)
        return model._replace(weights=result.weights, state=result.state)

    def encoded(self, model: Model) -> "_Table":
        held_out = self.problem.held_out and (self._codes(model, self.problem.held_out[0]), None)
        problem = self.problem._replace(source=self._codes(model, self.problem.source), target=None, held_out=held_out)
        return self._replace(problem=problem, affine=None)

    def _codes(self, model: Model, source: Source) -> Source:
        out = np.empty((source.n_rows, *model.parts.latent_shape), np.float32)
        return Source(_inference.map_rows(_inference.encode, model, source, self.affine, out), model.parts.latent_shape)


def _shortened(plan: Plan, seconds: float) -> Plan:
    """The plan for what is left of its time."""
    return plan if plan.max_seconds is None else dataclasses.replace(plan, max_seconds=max(1e-3, plan.max_seconds - seconds))


def _donor(estimator: Any, problem: Problem, donor: Any) -> Any:
    """The fitted estimator that weights are taken from."""
    if estimator.pretraining is not None:
        raise PartError("`pretrained` and the parameter `pretraining` both say where a fit begins. Give one of them.")
    if isinstance(donor, str | os.PathLike):
        donor = _files.load(donor, (), type(estimator))
    if not isinstance(getattr(donor, "model_", None), Model):
        raise PartError(f"`pretrained` must be a fitted `Autoencoder` or the path of a saved one; got {donor!r}. Fit it first.")
    if donor.sample_shape_ != problem.source.shape:
        raise PartError(
            f"`pretrained` was fitted to rows of shape {donor.sample_shape_}; these are of shape {problem.source.shape}. Give rows of "
            "the same kind, or leave `pretrained` None."
        )
    names, own = (getattr(each, "feature_names_in_", None) for each in (donor, estimator))
    if names is not None and own is not None and list(names) != list(own):
        raise PartError(
            f"`pretrained` was fitted to the columns {list(names)}; these are {list(own)}. Give the same columns, in the same order."
        )
    return donor


def _with_weights_of(donor: Model, model: Model) -> Model:
    """The model with the donor's encoder, and with what else of the donor is of its form."""
    if form(donor.weights.encoder) != form(model.weights.encoder) or not _encodes_alike(donor, model):
        there, here = donor.parts, model.parts
        raise PartError(
            f"`pretrained` has the encoder of {there.architecture!r} with codes of {there.latent_shape} and code_activation="
            f"{there.code_activation!r}; this one is of {here.architecture!r}, {here.latent_shape} and {here.code_activation!r}. Give "
            "both the same `architecture`, `hidden_dims`, `activation`, `latent_dim`, `code_activation` and `bottleneck`."
        )
    weights, state, parts = model.weights._replace(encoder=donor.weights.encoder), model.state, model.parts
    same_outputs = donor.parts.reconstruction_activation == parts.reconstruction_activation
    if same_outputs and form(donor.weights.decoder) == form(weights.decoder):
        weights = weights._replace(decoder=donor.weights.decoder)
        if donor.parts.loss == parts.loss:
            weights, state = weights._replace(loss=donor.weights.loss), state._replace(loss=donor.state.loss)
    there, here = (donor.weights.bottleneck, donor.state.bottleneck), (weights.bottleneck, state.bottleneck)
    if _same(donor.parts.bottleneck, parts.bottleneck) and form(there) == form(here):
        weights, state = weights._replace(bottleneck=there[0]), state._replace(bottleneck=there[1])
    if _same(donor.parts.prior, parts.prior) and form(donor.weights.prior) == form(weights.prior):
        weights = weights._replace(prior=donor.weights.prior)
    return model._replace(weights=weights, state=state)


def _encodes_alike(donor: Model, model: Model) -> bool:
    """Whether the donor's encoder computes the same in both models: weights of one form may stand before another activation."""
    row = jnp.asarray(np.random.default_rng(0).normal(size=(1, *donor.parts.data_shape)), jnp.float32)
    donor, model = (each.of_classes(jnp.zeros(1, int)) for each in (donor, model))
    weights = model.weights._replace(encoder=donor.weights.encoder)
    same = [each._replace(parts=dataclasses.replace(each.parts, precision="float32"), weights=weights) for each in (donor, model)]
    there, here = (np.asarray(each.hidden(row, key=None)) for each in same)
    return there.shape == here.shape and np.allclose(there, here, rtol=1e-4, atol=1e-5)


def _same(part: Any, other: Any) -> bool:
    """Whether two parts have one structure, whatever their floats."""
    return jax.tree.structure(part) == jax.tree.structure(other)
