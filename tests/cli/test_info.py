import json
from pathlib import Path

import jax

from isthmus import load


def test_json_tells_parts_shapes_parameters_history_versions_and_date(run, model):
    told = json.loads(run("info", model, "--json").stdout)
    estimator = load(model)
    assert told["kind"] == "autoencoder"
    assert told["bytes"] == Path(model).stat().st_size
    assert told["n_weights"] == estimator.summary().n_parameters == sum(leaf.size for leaf in jax.tree.leaves(estimator.model_.weights))
    assert told["parameters"]["latent_dim"] == 2
    assert told["fitted"]["parts"]["fields"]["loss"]["part"] == "losses.squared_error"
    assert told["last_epoch"] == {name: values[-1] for name, values in estimator.history_.items()}
    assert told["versions"]["jax"] == jax.__version__
    assert told["created"].startswith("20")
    assert told["arrays"]["scaling.offset"] == {"dtype": "float64", "shape": [6]}


def test_the_tables_show_parts_with_their_fields_and_the_arrays(run, model):
    text = run("info", model).stdout
    for words in ("dense(layer_norm=", "squared_error()", "latent_dim", "val_loss", "weights.encoder", "float32", "height, width"):
        assert words in text
