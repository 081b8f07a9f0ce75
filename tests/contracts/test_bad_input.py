"""What every part does with data that it is not made for: it works, or says what to do instead."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus._component import choices, part_name
from isthmus.architectures import AbstractArchitecture, Linear
from isthmus.bottlenecks import AbstractBottleneck
from isthmus.corruptions import AbstractCorruption
from isthmus.errors import DataError, PartError
from isthmus.losses import AbstractLoss, SquaredError
from isthmus.model import Model, Parts
from isthmus.priors import AbstractPrior, StandardNormal
from isthmus.regularizers import AbstractRegularizer

# A table, one column, a series, a series of one step, images of one pixel and of three, one channel and none, and a video.
SHAPES = [(5,), (1,), (7, 2), (1, 1), (1, 1, 1), (3, 3, 1), (4, 4), (2, 3, 4, 2)]
ROWS = {
    "of any sign": np.array([[-2.0, 0.5, 3.0], [1.0, -1.0, 0.0]]),
    "negative counts": np.array([[-1.0, 2.0, 3.0], [0.0, 1.0, 5.0]]),
    "above one": np.array([[0.0, 1.5, 1.0], [0.5, 0.25, 1.0]]),
    "two classes at once": np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    "no class": np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "huge": np.array([[1e12, 1e14, 1.0], [0.0, 0.0, 1.0]]),
}
ADVICE = re.compile(r"\b(Give|Pass|Use|Choose|Encode|Clip|Leave|Reshape|Let|Take|Set|Add|Lower|Raise|Drop|use|give|pass|choose)\b")


def advised(error):
    """The message of a refusal, which must say what to do."""
    message = str(error.value if hasattr(error, "value") else error)
    assert ADVICE.search(message), f"no advice in: {message}"
    return message


def parts_or_refusal(shape, **options):
    """The parts for rows of a shape; None where one refuses them and says what to do."""
    chosen = {"architecture": Linear(), "loss": SquaredError(), "latent_shape": (2,)} | options
    try:
        return Parts(chosen.pop("architecture"), chosen.pop("loss"), data_shape=shape, **chosen)
    except PartError as error:
        advised(error)
        return None


def values(parts):
    """What a model of these parts gives for two rows, by shape alone."""

    def run():
        model = Model.init(parts, rng=np.random.default_rng(0))
        x = jnp.zeros((2, *parts.data_shape))
        return model.encode(x), model.reconstruct(x)

    return jax.eval_shape(run)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("part", choices(AbstractArchitecture).values(), ids=part_name)
def test_an_architecture_takes_rows_of_a_shape_or_says_what_to_do(part, shape):
    parts = parts_or_refusal(shape, architecture=part())
    if parts is not None:
        code, reconstruction = values(parts)
        assert (code.shape, reconstruction.shape) == ((2, 2), (2, *shape))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("part", choices(AbstractLoss).values(), ids=part_name)
def test_a_loss_takes_rows_of_a_shape_or_says_what_to_do(part, shape):
    parts = parts_or_refusal(shape, loss=part())
    if parts is not None:
        assert values(parts)[1].shape == (2, *shape)


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS.keys())
@pytest.mark.parametrize("part", choices(AbstractLoss).values(), ids=part_name)
def test_a_loss_of_rows_is_finite_or_they_are_refused(part, rows):
    loss = part()
    parts = parts_or_refusal((3,), loss=loss)
    if parts is None:
        return
    caught = None
    try:
        loss.check_rows(rows)
    except DataError as error:
        caught = advised(error)
    if caught is None:
        weights = jax.tree.map(jnp.asarray, loss.init((3,), rng=np.random.default_rng(0)))
        cost = loss(weights, jnp.zeros((2, *loss.output_shape((3,)))), jnp.asarray(rows, jnp.float32))
        assert np.all(np.isfinite(cost))


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS.keys())
@pytest.mark.parametrize("part", choices(AbstractCorruption).values(), ids=part_name)
def test_a_corruption_of_rows_is_finite_or_they_are_refused(part, rows):
    corruption = part()
    if parts_or_refusal((3,), corruption=corruption) is None:
        return
    caught = None
    try:
        corruption.check_rows(rows)
    except DataError as error:
        caught = advised(error)
    if caught is None:
        assert np.all(np.isfinite(corruption(jnp.asarray(rows, jnp.float32), key=jax.random.key(0))))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("part", [*choices(AbstractRegularizer).values(), *choices(AbstractCorruption).values()], ids=part_name)
def test_another_part_takes_rows_of_a_shape_or_says_what_to_do(part, shape):
    place = {"regularizers": (part(),)} if issubclass(part, AbstractRegularizer) else {"corruption": part()}
    parts_or_refusal(shape, **place)


@pytest.mark.parametrize("latent", [(2,), (1,), (9,)], ids=str)
@pytest.mark.parametrize("prior", [None, *choices(AbstractPrior)])
@pytest.mark.parametrize("part", choices(AbstractBottleneck).values(), ids=part_name)
def test_a_bottleneck_takes_codes_of_any_width_even_wider_than_the_data_or_says_what_to_do(part, prior, latent):
    prior = None if prior is None else choices(AbstractPrior)[prior]()
    parts = parts_or_refusal((5,), bottleneck=part(), prior=prior, latent_shape=latent)
    if parts is not None:
        assert values(parts)[0].shape == (2, *latent)


def test_a_bottleneck_that_needs_a_prior_is_refused_without():
    for part in choices(AbstractBottleneck).values():
        assert (parts_or_refusal((5,), bottleneck=part()) is None) == part.needs_prior


ODD = {
    "one row": np.array([[1.0, 2.0, 3.0]]),
    "two rows": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]]),
    "constant columns": np.column_stack([np.full(30, 3.0), np.arange(30.0), np.zeros(30)]),
    "one column": np.arange(30.0)[:, None],
    "nothing but zeros": np.zeros((30, 3)),
}


@pytest.mark.slow
@pytest.mark.parametrize("part", choices(AbstractBottleneck).values(), ids=part_name)
@pytest.mark.filterwarnings("ignore:The posterior has collapsed")
@pytest.mark.filterwarnings("ignore:Column")
def test_few_rows_and_columns_without_news_are_fitted_or_refused_with_advice(part):
    for name, X in ODD.items():
        autoencoder = Autoencoder(4, bottleneck=part(), loss="normal", hidden_dims=(4,), max_epochs=3, random_state=0)
        autoencoder.fit(X)
        assert np.all(np.isfinite(autoencoder.reconstruct(X))), name
        assert autoencoder.transform(X).shape == (len(X), 4), name


@pytest.mark.parametrize("part", choices(AbstractBottleneck).values(), ids=part_name)
def test_missing_values_name_their_columns(part):
    X = np.ones((5, 3))
    X[2, 1] = np.nan
    with pytest.raises(DataError, match=r"missing cells in 1 of its columns: 1 \(1 cell\)"):
        Autoencoder(bottleneck=part()).fit(X)


def test_a_prior_of_a_plain_code_is_taken():
    assert parts_or_refusal((5,), prior=StandardNormal()) is not None
