import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.architectures import Linear
from isthmus.errors import DataError, PartError
from isthmus.losses import AbsoluteError, Bernoulli, Categorical, Huber, Normal, Poisson, SquaredError, Ssim, Weighted
from isthmus.model import Parts
from model.stand_ins import LearnedScale


def weights_of(loss, shape):
    return loss.init(shape, rng=np.random.default_rng(0))


def data(shape=(5, 3)):
    return map(jnp.asarray, np.random.default_rng(0).uniform(0.1, 0.9, size=(2, *shape)))


def test_is_the_weighted_sum_of_its_losses():
    outputs, x = data()
    loss = Weighted((SquaredError(), Huber(0.1), AbsoluteError()), (1.0, 3.0, 0.2))
    expected = SquaredError()((), outputs, x) + 3.0 * Huber(0.1)((), outputs, x) + 0.2 * AbsoluteError()((), outputs, x)
    np.testing.assert_allclose(loss(weights_of(loss, (3,)), outputs, x), expected, rtol=1e-5)


def test_takes_names_and_fields():
    assert Weighted(["huber", SquaredError()], [1, 2]) == Weighted((Huber(), SquaredError()), (1.0, 2.0))


def test_losses_of_any_data_judge_the_reconstruction_of_the_others():
    outputs, x = data((5, 12, 12))
    loss = Weighted(("absolute_error", "ssim"), (0.16, 0.84))
    assert (loss.link, loss.domain) == ("sigmoid", "unit_interval")
    expected = 0.16 * AbsoluteError()((), jax.nn.sigmoid(outputs), x) + 0.84 * Ssim()((), outputs, x)
    np.testing.assert_allclose(loss(weights_of(loss, (12, 12)), outputs, x), expected, rtol=1e-5)
    np.testing.assert_allclose(loss.mean(outputs), jax.nn.sigmoid(outputs), rtol=1e-6)


def test_a_squared_error_beside_categories_is_brier_s_score():
    outputs, _ = data()
    x = jnp.eye(3)[jnp.asarray([0, 2, 1, 1, 0])]
    loss = Weighted((Categorical(), SquaredError()), (0.0, 1.0))
    np.testing.assert_allclose(loss(weights_of(loss, (3,)), outputs, x), jnp.sum((jax.nn.softmax(outputs) - x) ** 2, axis=1), rtol=1e-5)


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (("bernoulli", "poisson"), "must have one link, those of link 'identity' apart: Bernoulli() has 'sigmoid', Poisson() has 'exp'."),
        ((Categorical((2, 1)), "squared_error", Categorical((1, 2))), "Categorical(groups=(2, 1)) has 'softmax(2, 1)', Categorical"),
    ],
)
def test_losses_that_disagree_are_refused_by_name(losses, message):
    with pytest.raises(PartError, match=re.escape(message)):
        Weighted(losses, (1.0,) * len(losses))


@pytest.mark.parametrize(("losses", "weights"), [((), ()), (("huber",), (1.0, 2.0)), (("huber", "poisson"), (1.0,))])
def test_there_is_one_weight_for_each_loss(losses, weights):
    with pytest.raises(PartError, match=rf"one weight for each loss.* got {len(losses)} losses and {len(weights)} weights"):
        Weighted(losses, weights)


def test_what_one_of_its_losses_refuses_it_refuses():
    with pytest.raises(PartError, match="compares images"):
        Parts(Linear(), Weighted(("ssim", "absolute_error")), data_shape=(4,), latent_shape=(1,))
    with pytest.raises(DataError, match="sums to 2"):
        Weighted(("categorical", "squared_error")).check_rows(np.ones((1, 2)))
    with pytest.raises(DataError, match="down to -1"):
        Weighted(("absolute_error", "poisson")).check_rows(-np.ones((1, 2)))


def test_passes_on_a_scale_to_its_losses():
    outputs, x = data()
    scale = np.asarray([2.0, 0.5, 10.0])
    rescaled = Weighted((Huber(0.1), AbsoluteError()), (2.0, 1.0)).rescaled(scale)
    expected = 2.0 * Huber(0.1).rescaled(scale)((), outputs, x) + AbsoluteError()((), outputs, x)
    np.testing.assert_allclose(rescaled(((), ()), outputs, x), expected, rtol=1e-5)
    compiled = jax.jit(lambda loss, scale: loss.rescaled(scale)(((), ()), outputs, x))
    np.testing.assert_allclose(compiled(Weighted((Huber(0.1), AbsoluteError()), (2.0, 1.0)), scale), expected, rtol=1e-5)


def test_thresholds_beside_a_loss_of_values_in_0_1_are_in_that_unit():
    loss = Weighted((Bernoulli(), Huber(0.1)))
    assert loss.rescaled(np.full(3, 0.01)) == loss


def test_losses_keep_their_own_weights():
    loss = Weighted((SquaredError(), LearnedScale()))
    outputs, x = data()
    weights = weights_of(loss, (3,))
    assert jax.tree.structure(weights) == jax.tree.structure(((), weights_of(LearnedScale(), (3,))))
    expected = SquaredError()((), outputs, x) + LearnedScale()(weights[1], outputs, x)
    np.testing.assert_allclose(loss(weights, outputs, x), expected, rtol=1e-5)


def test_counts_and_squares_agree_on_the_rate():
    loss = Weighted((SquaredError(), Poisson()))
    assert (loss.link, loss.domain, loss.is_separable, loss.is_bounded) == ("exp", "nonnegative", True, False)
    np.testing.assert_allclose(loss.mean(jnp.asarray(loss.start(np.asarray([[3.0, 0.5]])))), [[3.0, 0.5]], rtol=1e-6)


def test_losses_keep_their_own_states():
    optimal = Normal(spread="optimal")
    loss = Weighted(("bernoulli", optimal), (1.0, 2.0))
    weights, state, mask = weights_of(loss, (3,)), loss.init_state((3,)), jnp.asarray([1.0, 1.0, 1.0, 1.0, 0.0])
    outputs, x = data()
    several = jnp.stack([outputs, -outputs])
    for given in (several, outputs):  # the optimal spread judges reconstructions, not logits
        after = loss.next_state(weights, state, given, x, mask)
        assert jax.tree.structure(after) == jax.tree.structure(state)
        alone = optimal.at_state((), optimal.next_state((), optimal.init_state((3,)), jax.nn.sigmoid(given), x, mask))
        np.testing.assert_allclose(loss.at_state(weights, after)[1], alone, rtol=1e-5)
    expected = Bernoulli()((), outputs, x) + 2.0 * optimal(alone, jax.nn.sigmoid(outputs), x)
    np.testing.assert_allclose(loss(loss.at_state(weights, after), outputs, x), expected, rtol=1e-5)
