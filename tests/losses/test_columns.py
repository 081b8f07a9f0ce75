import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.architectures import Linear
from isthmus.errors import DataError, PartError
from isthmus.losses import Bernoulli, Categorical, Columns, Huber, Normal, Poisson, SquaredError, Ssim
from isthmus.model import Parts
from model.stand_ins import LearnedScale

MIXED = Columns(("huber", "categorical", "poisson"), sizes=(2, 3, 1))
ROWS = np.asarray([[0.3, -2.0, 0.0, 1.0, 0.0, 4.0], [1.3, 5.0, 1.0, 0.0, 0.0, 0.0]])


def weights_of(loss, shape):
    return loss.init(shape, rng=np.random.default_rng(0))


def test_is_the_sum_of_what_its_pieces_cost():
    outputs, x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6)), float), jnp.asarray(ROWS, float)
    expected = (
        Huber()((), outputs[:, :2], x[:, :2]) + Categorical()((), outputs[:, 2:5], x[:, 2:5]) + Poisson()((), outputs[:, 5:], x[:, 5:])
    )
    np.testing.assert_allclose(MIXED(weights_of(MIXED, (6,)), outputs, x), expected, rtol=1e-5)
    mean = np.concatenate([outputs[:, :2], jax.nn.softmax(outputs[:, 2:5]), jnp.exp(outputs[:, 5:])], axis=1)
    np.testing.assert_allclose(MIXED.mean(outputs), mean, rtol=1e-5)


def test_each_piece_starts_at_its_own_mean():
    mean = ROWS.mean(axis=0)
    np.testing.assert_allclose(MIXED.mean(jnp.asarray(MIXED.start(mean))[None])[0], mean, atol=2e-6)


def test_pieces_of_an_image_are_its_channels():
    loss = Columns((Ssim(window=7), SquaredError()), (2, 1))
    outputs, x = map(jnp.asarray, np.random.default_rng(1).uniform(size=(2, 3, 8, 9, 3)))
    expected = Ssim(window=7)((), outputs[..., :2], x[..., :2]) + SquaredError()((), outputs[..., 2:], x[..., 2:])
    np.testing.assert_allclose(loss(weights_of(loss, (8, 9, 3)), outputs, x), expected, rtol=1e-5)


def test_a_single_loss_needs_no_size():
    loss = Columns(("bernoulli",))
    outputs, x = map(jnp.asarray, np.random.default_rng(2).uniform(size=(2, 3, 4)))
    assert (loss.link, loss.domain) == ("sigmoid", "unit_interval")
    np.testing.assert_allclose(loss(((),), outputs, x), Bernoulli()((), outputs, x), rtol=1e-6)


def test_what_its_pieces_have_in_common_is_its_own():
    alike = Columns(("bernoulli", "bernoulli"), (1, 2))
    assert (alike.link, alike.domain, alike.is_separable) == ("sigmoid", "unit_interval", True)
    categories = Columns(("categorical", "bernoulli"), (2, 1))
    assert (categories.link, categories.domain, categories.is_separable) == ("softmax of 2, sigmoid of 1", "unit_interval", False)
    # Two groups are not one: a link that named both "softmax" would let another loss take them for one group of five.
    assert Columns(("categorical", "categorical"), (2, 3)).link != "softmax"
    assert MIXED.domain == "real"


def test_a_piece_that_refuses_its_rows_says_which_columns():
    MIXED.check_rows(ROWS)
    wrong = ROWS.copy()
    wrong[1, 2] = 0.5
    message = r"(?s)In columns 2 to 4, counted from 0: .*sums to 0\.5.*different domains take rows as they come: pass scaling=None\."
    with pytest.raises(DataError, match=message):
        MIXED.check_rows(wrong)
    with pytest.raises(DataError, match=r"In columns 5 to 5.*down to -4"):
        MIXED.check_rows(ROWS * np.asarray([1, 1, 1, 1, 1, -1]))


def test_a_scale_reaches_each_piece_where_all_are_of_one_domain():
    outputs, x = map(jnp.asarray, np.random.default_rng(3).normal(size=(2, 5, 3)))
    scale = np.asarray([2.0, 0.5, 10.0])
    rescaled = Columns((Huber(0.5), Huber(2.0)), (1, 2)).rescaled(scale)
    thresholds = Huber(1.0).rescaled(scale * np.asarray([0.5, 2.0, 2.0]))
    np.testing.assert_allclose(rescaled(((), ()), outputs, x), thresholds((), outputs, x), rtol=1e-5)


def test_a_scale_for_pieces_of_different_domains_is_refused():
    assert isinstance(MIXED.rescaled(np.ones(6)), Columns)
    message = "different domains, Huber(delta=1.0) for 'real', Categorical(groups=()) for 'unit_interval', Poisson() for 'nonnegative'"
    with pytest.raises(PartError, match=re.escape(message) + ".*pass scaling=None"):
        MIXED.rescaled(np.full(6, 0.5))


@pytest.mark.parametrize(("losses", "sizes"), [((), ()), (("huber",), (1, 2)), (("huber", "poisson"), ()), (("huber", "poisson"), (3,))])
def test_there_is_one_size_for_each_loss(losses, sizes):
    with pytest.raises(PartError, match=rf"one size for each loss.* got {len(losses)} losses and {len(sizes)} sizes"):
        Columns(losses, sizes)


def test_sizes_must_fill_the_last_axis_and_pieces_must_suit_their_losses():
    with pytest.raises(PartError, match=r"`columns\.sizes`=\(2, 3, 1\) takes 6 columns; the last axis of the rows has 7\."):
        Parts(Linear(), MIXED, data_shape=(7,), latent_shape=(1,))
    with pytest.raises(PartError, match=r"`categorical\.groups`=\(2, 2\) takes 4 columns; the last axis of the rows has 3\."):
        Parts(Linear(), Columns(("huber", Categorical((2, 2))), (2, 3)), data_shape=(5,), latent_shape=(1,))


def test_losses_keep_their_own_weights():
    loss = Columns((SquaredError(), LearnedScale()), (1, 2))
    weights = weights_of(loss, (3,))
    outputs, x = map(jnp.asarray, np.random.default_rng(4).normal(size=(2, 5, 3)))
    expected = SquaredError()((), outputs[:, :1], x[:, :1]) + LearnedScale()(weights[1], outputs[:, 1:], x[:, 1:])
    np.testing.assert_allclose(loss(weights, outputs, x), expected, rtol=1e-5)


def test_losses_keep_their_own_states():
    optimal = Normal(spread="optimal")
    loss = Columns(("poisson", optimal), (1, 2))
    weights, state, mask = weights_of(loss, (3,)), loss.init_state((3,)), jnp.asarray([1.0, 1.0, 0.0])
    rng = np.random.default_rng(5)
    outputs, x = jnp.asarray(rng.normal(size=(4, 3, 3))), jnp.asarray(rng.poisson(2.0, size=(3, 3)), float)
    for given in (outputs, outputs[0]):  # several samples, and one
        after = loss.next_state(weights, state, given, x, mask)
        assert jax.tree.structure(after) == jax.tree.structure(state)
        alone = optimal.at_state((), optimal.next_state((), optimal.init_state((2,)), given[..., 1:], x[:, 1:], mask))
        np.testing.assert_array_equal(loss.at_state(weights, after)[1], alone)
    expected = Poisson()((), outputs[0][:, :1], x[:, :1]) + optimal(alone, outputs[0][:, 1:], x[:, 1:])
    np.testing.assert_allclose(loss(loss.at_state(weights, after), outputs[0], x), expected, rtol=1e-5)
