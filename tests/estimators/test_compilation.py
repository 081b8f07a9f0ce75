"""What compiles a training program, and what does not."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.optimizers import Adam, Cosine
from isthmus.training import trace_count


def n_compiled(call):
    before = trace_count()
    call()
    return trace_count() - before


def test_a_grid_over_floats_compiles_the_training_program_once(table):
    autoencoder = Autoencoder(
        2,
        architecture=Dense((5,), dropout=0.1),
        optimizer=Adam(schedule=Cosine(0.1)),
        regularizers=("l1", "l2"),
        corruption="gaussian",
        max_epochs=2,
        random_state=0,
    )
    grid = {
        "learning_rate": [1e-3, 1e-2],
        "regularizers__l1__weight": [0.0, 1e-3],
        "architecture__dropout": [0.0, 0.5],
        "optimizer__schedule__end": [0.1],
        "corruption__sigma": [0.2],
        "regularizers__l2__weight": [1e-3],
    }
    search = GridSearchCV(autoencoder, grid, cv=3, refit=False)
    assert n_compiled(lambda: search.fit(table)) == 1
    assert len(search.cv_results_["params"]) * 3 == 24
    assert len(np.unique(search.cv_results_["mean_test_score"])) == 8


@pytest.fixture(scope="module")
def warm(small, table):
    """An estimator whose structure no other file has, fitted once."""
    warm = clone(small).set_params(hidden_dims=(7,))
    warm.fit(table)
    return clone(warm)


@pytest.mark.parametrize(
    "change",
    [
        {"max_epochs": 5},
        {"random_state": 1},
        {"learning_rate": 0.02},
        {"tol": 0.1, "patience": 2},
        {"target_loss": 0.5},
        {"max_seconds": 60.0},
        {"scaling": "standard"},
        {"scaling": None},
        {"validation_fraction": 0.15},
    ],
    ids=str,
)
def test_another_value_compiles_nothing(change, warm, table):
    assert n_compiled(lambda: clone(warm).set_params(**change).fit(table)) == 0


@pytest.mark.parametrize("change", [{"hidden_dims": (9,)}, {"loss": "huber"}, {"code_activation": "tanh"}], ids=str)
def test_another_structure_compiles_one_program(change, warm, table):
    assert n_compiled(lambda: clone(warm).set_params(**change).fit(table)) == 1


def test_folds_of_unlike_size_share_a_program(warm, digits):
    fit = clone(warm).set_params(validation_fraction=None, max_epochs=1).fit
    n_compiled(lambda: fit(digits[:1437]))
    assert n_compiled(lambda: fit(digits[:1438])) == 0


def test_data_of_another_type_share_a_program(warm, table):
    assert n_compiled(lambda: clone(warm).fit(table.tolist())) == 0


def test_a_second_call_of_partial_fit_compiles_nothing(warm, table):
    autoencoder = clone(warm).partial_fit(table)
    assert n_compiled(lambda: autoencoder.partial_fit(table[::-1])) == 0
