import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from sklearn.metrics import log_loss

from isthmus.architectures import Linear
from isthmus.errors import DataError, PartError
from isthmus.losses import Bernoulli, Categorical
from isthmus.model import Parts


def cost_of(loss, logits, x):
    return loss((), jnp.asarray(logits, float), jnp.asarray(x, float))


def one_hot(*groups, n_rows=30, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([np.eye(size)[rng.integers(size, size=n_rows)] for size in groups], axis=1)


def test_of_one_group_it_is_scikit_learns_log_loss():
    logits, x = np.random.default_rng(0).normal(size=(30, 4), scale=2.0), one_hot(4)
    expected = log_loss(x.argmax(axis=1), scipy.special.softmax(logits, axis=1), labels=range(4))
    np.testing.assert_allclose(jnp.mean(cost_of(Categorical(), logits, x)), expected, rtol=1e-5)


@pytest.mark.parametrize("groups", [(2, 3), (3, 3, 3), (1, 4, 4, 2), (5,)])
def test_is_the_sum_of_its_groups_cross_entropies(groups):
    x = one_hot(*groups)
    logits = np.random.default_rng(1).normal(size=x.shape, scale=2.0)
    cuts = np.cumsum(groups)[:-1]
    pairs = list(zip(np.split(logits, cuts, axis=1), np.split(x, cuts, axis=1), strict=True))
    expected = sum(-(part * scipy.special.log_softmax(raw, axis=1)).sum(axis=1) for raw, part in pairs)
    np.testing.assert_allclose(cost_of(Categorical(groups), logits, x), expected, rtol=1e-5)
    shares = np.concatenate([scipy.special.softmax(raw, axis=1) for raw, _ in pairs], axis=1)
    np.testing.assert_allclose(Categorical(groups).mean(jnp.asarray(logits)), shares, rtol=1e-5)


def test_the_labels_of_an_images_pixels_are_its_last_axis():
    logits = np.random.default_rng(2).normal(size=(6, 2, 2, 3))
    x = one_hot(3, n_rows=24).reshape(6, 2, 2, 3)
    expected = -(x * scipy.special.log_softmax(logits, axis=-1)).reshape(6, -1).sum(axis=1)
    np.testing.assert_allclose(cost_of(Categorical(), logits, x), expected, rtol=1e-5)


def test_of_two_classes_it_is_bernoulli_of_the_difference_of_logits():
    logits, x = np.random.default_rng(3).normal(size=(30, 2)), one_hot(2)
    expected = Bernoulli()((), jnp.asarray(logits[:, 1:] - logits[:, :1]), jnp.asarray(x[:, 1:]))
    np.testing.assert_allclose(cost_of(Categorical(), logits, x), expected, rtol=1e-5)


def test_the_best_constant_guess_is_the_mean_and_costs_the_entropy():
    x = one_hot(2, 3, n_rows=101)
    loss, mean = Categorical((2, 3)), x.mean(axis=0)
    start = jnp.asarray(loss.start(mean))

    def cost(outputs):
        return jnp.mean(loss((), jnp.broadcast_to(outputs, x.shape), jnp.asarray(x, float)))

    np.testing.assert_allclose(jax.grad(cost)(start), 0.0, atol=1e-6)
    np.testing.assert_allclose(cost(start), scipy.stats.entropy(mean[:2]) + scipy.stats.entropy(mean[2:]), rtol=1e-5)


def test_is_finite_where_a_probability_rounds_to_zero():
    np.testing.assert_allclose(cost_of(Categorical(), [[500.0, 0.0, -500.0]], [[0.0, 0.0, 1.0]]), [1000.0])
    assert cost_of(Categorical(), [[500.0, 0.0, -500.0]], [[1.0, 0.0, 0.0]])[0] == 0.0


def test_a_class_that_never_came_up_starts_unlikely_yet_can_be_unlearned():
    start = jnp.asarray(Categorical().start(np.asarray([0.0, 0.25, 0.75])))[None]
    np.testing.assert_allclose(Categorical().mean(start), [[0.0, 0.25, 0.75]], atol=1e-5)
    slope = jax.grad(lambda start: cost_of(Categorical(), start, [[1.0, 0.0, 0.0]])[0])(start)
    np.testing.assert_allclose(slope, [[-1.0, 0.25, 0.75]], atol=1e-5)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (3, 2.0, r"group 1 \(columns 2 to 4, counted from 0\) holds values from 0 to 2\. Encode categories one-hot"),
        (0, -0.5, r"group 0 \(columns 0 to 1, counted from 0\) holds values from -0\.5 to 1\."),
        (3, 0.5, r"group 1 \(columns 2 to 4, counted from 0\) has a row that sums to 0\.5\."),
        (4, 0.5, r"group 1 \(columns 2 to 4, counted from 0\) has a row that sums to 1\.5\."),
    ],
)
def test_a_group_that_is_not_one_hot_is_refused_by_its_number(column, value, message):
    rows = np.asarray([[1.0, 0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0, 0.0]])
    Categorical((2, 3)).check_rows(rows)
    rows[1, column] = value
    with pytest.raises(DataError, match=message):
        Categorical((2, 3)).check_rows(rows)


def test_class_numbers_in_place_of_one_hot_rows_are_refused():
    with pytest.raises(DataError, match="holds values from 0 to 3"):
        Categorical().check_rows(np.asarray([[0.0, 3.0, 1.0]]))
    with pytest.raises(DataError, match=r"has a row that sums to 0\."):
        Categorical().check_rows(np.zeros((2, 3)))


def test_probabilities_will_do_even_when_they_were_rounded():
    shares = np.random.default_rng(4).dirichlet(np.ones(5), size=50)
    Categorical().check_rows(shares.astype(np.float16).astype(float))


def test_groups_must_fill_the_last_axis():
    Parts(Linear(), Categorical((2, 3)), data_shape=(4, 5), latent_shape=(1,))
    with pytest.raises(PartError, match=r"`categorical\.groups`=\(2, 3\) takes 5 columns; the last axis of the rows has 6\."):
        Parts(Linear(), Categorical((2, 3)), data_shape=(6,), latent_shape=(1,))
