"""What costs a compilation, counted."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.architectures import Dense
from isthmus.bottlenecks import Deterministic
from isthmus.corruptions import Gaussian
from isthmus.data import bucket
from isthmus.losses import Huber
from isthmus.model import Model, Objective, Parts
from isthmus.optimizers import Adam, Cosine, Warmup
from isthmus.regularizers import L1, L2
from isthmus.training import Plan, Rows, trace_count, train
from isthmus.training._program import Settings, program


def fit(
    *,
    width=6,
    n_rows=45,
    optimizer=None,
    plan=None,
    number=0,
    penalty=0.1,
    dropout=0.1,
    noise=0.2,
    delta=1.0,
    callbacks=(),
    n_validation=10,
    optimizer_state=None,
):
    parts = Parts(
        Dense(hidden_dims=(width,), dropout=dropout),
        Huber(delta),
        data_shape=(7,),
        latent_shape=(2,),
        bottleneck=Deterministic(),
        regularizers=(L2(penalty), L1(0.5 * penalty)),
        corruption=Gaussian(noise),
    )
    model = Model.init(parts, rng=np.random.default_rng(number))
    x = np.zeros((bucket(n_rows), 7), np.float32)
    x[:n_rows] = np.random.default_rng(0).normal(size=(n_rows, 7))
    return train(
        Objective(parts),
        model.weights,
        model.state,
        Rows({"x": x}, n_rows),
        optimizer=optimizer or Adam(1e-3),
        plan=plan or Plan(3, 8),
        seed=np.array([number, number + 1], np.uint32),
        validation=Rows({"x": x[:16]}, n_validation),
        shared={},
        callbacks=callbacks,
        optimizer_state=optimizer_state,
    )


def compiled(**changes):
    before = trace_count()
    result = fit(**changes)
    return trace_count() - before, result


@pytest.mark.parametrize(
    "changes",
    [
        {"plan": Plan(5, 8)},
        {"plan": Plan(300, 8)},
        {"plan": Plan(3, 8, patience=2, tol=0.1)},
        {"plan": Plan(3, 8, target_loss=-1.0)},
        {"plan": Plan(3, 8, max_seconds=100.0)},
        {"plan": Plan(3, 8, rollbacks=7)},
        {"number": 5},
        {"optimizer": Adam(0.01)},
        {"optimizer": Adam(1)},
        {"optimizer": Adam(0.01, beta1=0.0, epsilon=1e-3, encoder_rate=0.0, decoder_rate=2.0)},
        {"penalty": 0.0},
        {"penalty": 1},
        {"dropout": 0.0},
        {"noise": 0.0},
        {"delta": 2.5},
        {"n_rows": 44},
        {"n_validation": 16},
        {"callbacks": (print,)},
    ],
    ids=repr,
)
def test_no_number_compiles_anything(changes):
    assert bucket(45) == bucket(44)
    fit()
    n_programs, result = compiled(**changes)
    assert n_programs == 0
    assert result.compile_seconds == 0.0


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 5},
        {"n_rows": 200},
        {"plan": Plan(3, 9)},
        {"optimizer": Adam(clip_norm=1.0)},
        {"optimizer": Adam(schedule=Warmup(0.2, Cosine()))},
        {"optimizer": Adam(frozen=("encoder",))},
        {"noise": 0.1, "dropout": None},
    ],
    ids=repr,
)
def test_another_structure_compiles_once(changes):
    fit()
    n_programs, result = compiled(**changes)
    assert n_programs == 1
    assert result.compile_seconds > 0.0
    assert compiled(**changes)[0] == 0


def test_going_on_from_a_result_compiles_nothing():
    state = fit().optimizer_state
    fit(optimizer_state=state)
    assert compiled(optimizer_state=state, number=3)[0] == 0


def test_a_grid_over_floats_is_one_program():
    fit()
    n_programs = [
        compiled(optimizer=Adam(rate), penalty=penalty, noise=noise)[0]
        for rate in (1e-3, 3e-3, 1e-2)
        for penalty in (0.0, 0.1, 1.0, 2.0)
        for noise in (0.1, 0.3)
    ]
    assert n_programs == [0] * 24


def test_only_so_many_programs_are_kept():
    programs = [weakref.ref(program(Settings(number, 1, False), jax.tree.structure(Adam())).chunk) for number in range(1, 60)]
    gc.collect()
    information = program.cache_info()
    assert information.maxsize is not None
    assert information.currsize <= information.maxsize < len(programs)
    assert sum(reference() is not None for reference in programs) <= information.maxsize


def test_arguments_may_be_of_numpy_or_of_jax():
    fit()
    before = trace_count()
    parts = Parts(
        Dense(hidden_dims=(6,), dropout=0.1),
        Huber(),
        data_shape=(7,),
        latent_shape=(2,),
        regularizers=(L2(0.1), L1(0.05)),
        corruption=Gaussian(0.2),
    )
    model = jax.tree.map(jnp.asarray, Model.init(parts, rng=np.random.default_rng(0)).weights)
    rows = Rows({"x": jnp.zeros((bucket(45), 7))}, 45)
    validation = Rows({"x": jnp.zeros((16, 7))}, 10)
    seed = np.zeros(2, np.uint32)
    state = Model.init(parts, rng=np.random.default_rng(0)).state
    train(Objective(parts), model, state, rows, optimizer=Adam(1e-3), plan=Plan(3, 8), seed=seed, validation=validation, shared={})
    assert trace_count() == before
