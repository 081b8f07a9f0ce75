import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.architectures import Linear
from isthmus.corruptions import BlindSpot
from isthmus.errors import PartError
from isthmus.losses import AbstractLoss, SquaredError
from isthmus.model import Model, Objective, Parts
from isthmus.optimizers import Adam
from isthmus.training import Plan, Rows, train


class TwoOutputs(AbstractLoss):
    """A stand-in with a mean and a width for each value."""

    def output_shape(self, shape):
        return (*shape, 2)

    def __call__(self, weights, outputs, x):
        return jnp.sum(jnp.square(outputs[..., 0] - x) + jnp.square(outputs[..., 1]), axis=-1)

    def mean(self, outputs):
        return outputs[..., 0]


def test_a_value_is_hidden_or_as_it_was_and_hidden_ones_are_scored():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(400, 25)), float)
    seen, scored = (f(x, key=jax.random.key(0)) for f in (BlindSpot(0.3), BlindSpot(0.3).scored))
    np.testing.assert_array_equal(seen != x, scored == 1.0)
    assert abs(float(scored.mean()) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / x.size)


def test_what_takes_its_place_is_of_its_column_and_tells_nothing_of_it():
    x = jnp.asarray(np.random.default_rng(1).normal(size=(20_000, 2)) * [1.0, 50.0] + [3.0, 0.0], float)
    seen, scored = BlindSpot(0.5)(x, key=jax.random.key(1)), np.asarray(BlindSpot(0.5).scored(x, key=jax.random.key(1)))
    for column in range(2):
        hidden = scored[:, column] == 1.0
        shown, true = np.asarray(seen)[hidden, column], np.asarray(x)[hidden, column]
        assert abs(np.corrcoef(shown, true)[0, 1]) < 5 / np.sqrt(hidden.sum())
        np.testing.assert_allclose([shown.mean(), shown.std()], [true.mean(), true.std()], atol=0.06 * true.std())


@pytest.mark.parametrize("share", [0, 1])
def test_a_share_that_leaves_nothing_to_score_or_to_see_is_refused(share):
    with pytest.raises(PartError, match=rf"`blind_spot\.share` must be in \(0, 1\); got {share}\."):
        BlindSpot(share)


def test_a_loss_of_several_outputs_a_value_is_refused():
    message = (
        r"judges single values, and the loss 'two_outputs' has outputs of shape \(4, 2\) for rows of shape \(4,\)\. Choose a loss with"
    )
    with pytest.raises(PartError, match=message):
        Parts(Linear(), TwoOutputs(), data_shape=(4,), latent_shape=(2,), corruption=BlindSpot())


def test_noise_that_no_other_value_shares_is_not_learned():
    # One signal in six columns, noise of its own in each: the mean of five columns is the best guess of the sixth. A linear model that
    # may copy does, and leaves all of the noise; one that may not comes near the least error that is possible without looking.
    rng, sigma = np.random.default_rng(2), 1.0
    clean = np.repeat(rng.normal(size=(512, 1)), 6, axis=1)
    noisy = (clean + sigma * rng.normal(size=clean.shape)).astype(np.float32)
    errors = {}
    for corruption in (None, BlindSpot(0.3)):
        parts = Parts(Linear(), SquaredError(), data_shape=(6,), latent_shape=(6,), corruption=corruption)
        model = Model.init(parts, rng=np.random.default_rng(0))
        options = {"optimizer": Adam(0.01), "plan": Plan(60, 64), "seed": np.zeros(2, np.uint32), "shared": {}}
        weights = train(Objective(parts), model.weights, model.state, Rows({"x": noisy}, 512), **options).weights
        denoised = model._replace(weights=weights).reconstruct(jnp.asarray(noisy))
        errors[corruption] = float(np.mean((np.asarray(denoised) - clean) ** 2))
    assert errors[None] > 0.9 * sigma**2
    assert errors[BlindSpot(0.3)] < 1.2 * sigma**2 / 5
