"""Every corruption does its work in a fit: with rows to watch, with bytes that are scaled on the device, in a population."""

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import Autoencoder
from isthmus._component import choices, part_name
from isthmus.architectures import Linear
from isthmus.corruptions import AbstractCorruption
from isthmus.losses import SquaredError
from isthmus.model import Model, Objective, Parts
from isthmus.optimizers import Adam
from isthmus.training import Plan, Rows, train

CORRUPTIONS = list(choices(AbstractCorruption).values())


@pytest.mark.slow
@pytest.mark.parametrize("part", CORRUPTIONS, ids=part_name)
def test_digits_are_fitted(part):
    digits = np.round(load_digits().data[:300] * 255 / 16).astype(np.uint8)
    options = {"hidden_dims": (16,), "max_epochs": 10, "learning_rate": 5e-3, "scaling": "unit_range", "random_state": 0}
    damaged = Autoencoder(8, corruption=part(), **options).fit(digits[:230], validation_data=digits[230:])
    losses, watched = damaged.history_["loss"], damaged.history_["val_loss"]
    assert np.all(np.isfinite(losses))
    assert losses[-1] < losses[0]
    assert watched[-1] < watched[0]
    assert damaged.score(digits) > -0.9 * np.sum(np.var(digits, axis=0))


@pytest.mark.slow
@pytest.mark.parametrize("part", CORRUPTIONS, ids=part_name)
def test_members_of_a_population_are_their_single_runs(part):
    rows = Rows({"x": np.random.default_rng(0).uniform(size=(20, 4)).astype(np.float32)}, 17)
    parts = [
        Parts(Linear(), SquaredError(), data_shape=(4,), latent_shape=(2,), corruption=corruption)
        for corruption in (part(), jax.tree.map(lambda leaf: 0.5 * leaf, part()))
    ]
    models = [Model.init(each, rng=np.random.default_rng(number)) for number, each in enumerate(parts)]
    keys = np.arange(4, dtype=np.uint32).reshape(2, 2)
    plan, optimizer = Plan(3, 20), Adam(0.01)

    def stacked(*leaves):
        return np.stack([np.asarray(leaf, np.float32) for leaf in leaves])

    objectives, starts, state = [Objective(each) for each in parts], [model.weights for model in models], models[0].state
    together = [jax.tree.map(stacked, *each) for each in (objectives, starts, [optimizer] * 2)]
    joined = train(*together[:2], state, rows, optimizer=together[2], plan=plan, seed=keys, members=2, shared={})
    for number, (objective, start) in enumerate(zip(objectives, starts, strict=True)):
        single = train(objective, start, state, rows, optimizer=optimizer, plan=plan, seed=keys[number], shared={})
        np.testing.assert_allclose(joined.history[number]["loss"], single.history["loss"], rtol=1e-4)
        for ours, theirs in zip(jax.tree.leaves(joined.weights), jax.tree.leaves(single.weights), strict=True):
            np.testing.assert_allclose(ours[number], theirs, rtol=1e-3, atol=1e-5)
