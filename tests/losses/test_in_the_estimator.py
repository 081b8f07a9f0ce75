"""Each loss through the whole library: fitted, scored by hand in the user's unit, saved, and its fields reached."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from sklearn.base import clone

from isthmus import Autoencoder, load
from isthmus._component import choices, fields_of, part_name
from isthmus.errors import DataError, PartError
from isthmus.losses import (
    AbsoluteError,
    AbstractLoss,
    Bernoulli,
    Categorical,
    Charbonnier,
    Columns,
    ContinuousBernoulli,
    Correntropy,
    DiscretizedLogisticMixture,
    Huber,
    Laplace,
    LogCosh,
    MsSsim,
    NegativeBinomial,
    Normal,
    Poisson,
    Quantile,
    SquaredError,
    Ssim,
    StudentT,
    Weighted,
    ZeroInflatedNegativeBinomial,
)
from losses.similarity import ms_ssim, ssim

RNG = np.random.default_rng(0)
UNITS = np.asarray([1.0, 10.0, 0.1, 3.0])
TABLE = RNG.normal(size=(40, 4)) * UNITS + 5.0 * UNITS
COUNTS = RNG.poisson([0.3, 2.0, 8.0, 60.0], size=(40, 4))
CLASSES = np.concatenate([np.eye(2)[RNG.integers(2, size=40)], np.eye(3)[RNG.integers(3, size=40)]], axis=1)
IMAGES = np.repeat(np.repeat(RNG.integers(40, 200, size=(40, 2, 2)), 4, axis=1), 4, axis=2).astype(np.uint8)
MIXED = np.concatenate([RNG.normal(size=(40, 2)), CLASSES[:, 2:], COUNTS[:, 1:2]], axis=1)


def summed(values):
    return values.reshape(len(values), -1).sum(axis=1)


def half_squares(x, y):
    return 0.5 * np.square(x - y)


# The loss, rows, scaling, and what each value or row costs given its reconstruction, both in the unit of the rows.
CASES = [
    (SquaredError(), TABLE, "standard", lambda x, y: summed(2 * half_squares(x, y))),
    (AbsoluteError(), TABLE, "standard", lambda x, y: summed(np.abs(x - y))),
    (Huber(2.0), TABLE, "standard", lambda x, y: summed(scipy.special.huber(2.0, x - y))),
    (LogCosh(2.0), TABLE, "standard", lambda x, y: summed(4.0 * np.log(np.cosh((x - y) / 2.0)))),
    (Charbonnier(2.0), TABLE, "standard", lambda x, y: summed(np.hypot(x - y, 2.0) - 2.0)),
    (Correntropy(2.0), TABLE, "standard", lambda x, y: summed(4.0 - 4.0 * np.exp(-half_squares(x, y) / 4.0))),
    (StudentT(3.0, 2.0), TABLE, "standard", lambda x, y: -summed(scipy.stats.t(3.0, y, 2.0).logpdf(x))),
    (Normal(2.0), TABLE, "standard", lambda x, y: -summed(scipy.stats.norm(y, 2.0).logpdf(x))),
    (Laplace(2.0), TABLE, "standard", lambda x, y: -summed(scipy.stats.laplace(y, 2.0).logpdf(x))),
    (Quantile(0.9), TABLE, "standard", lambda x, y: summed(np.maximum(0.9 * (x - y), 0.1 * (y - x)))),
    (Bernoulli(), CLASSES, "auto", lambda x, y: -summed(np.log(np.where(x == 1, y, 1 - y)))),
    (Categorical((2, 3)), CLASSES, "auto", lambda x, y: -summed(x * np.log(y))),
    (Poisson(), COUNTS, "standard", lambda x, y: -summed(scipy.stats.poisson.logpmf(x, y))),
    (Poisson(), COUNTS.astype(np.float32), "standard", lambda x, y: -summed(scipy.stats.poisson.logpmf(x, y))),
    (Poisson(), COUNTS.astype(np.uint8), "standard", lambda x, y: -summed(scipy.stats.poisson.logpmf(x, y))),
    (Poisson(), COUNTS, "auto", lambda x, y: -summed(scipy.stats.poisson.logpmf(x, y))),
    (Poisson(), COUNTS, None, lambda x, y: -summed(scipy.stats.poisson.logpmf(x, y))),
    (Ssim(window=7), IMAGES, "auto", lambda x, y: np.asarray([64 - 64 * ssim(*pair, 7, 1.5, 255.0) for pair in zip(x, y, strict=True)])),
    (
        MsSsim((0.4, 0.6), Ssim(window=3)),
        IMAGES,
        "auto",
        lambda x, y: np.asarray([64 - 64 * ms_ssim(*pair, (0.4, 0.6), 3, 1.5, 255.0) for pair in zip(x, y, strict=True)]),
    ),
    (
        Weighted(("squared_error", Huber(2.0)), (0.5, 2.0)),
        TABLE,
        "standard",
        lambda x, y: summed(half_squares(x, y) + 2 * scipy.special.huber(2, x - y)),
    ),
    (
        Weighted(("poisson", "squared_error"), (1.0, 2.0)),
        COUNTS.astype(np.uint8),
        "standard",
        lambda x, y: summed(4 * half_squares(x, y) - scipy.stats.poisson.logpmf(x, y)),
    ),
    (
        Weighted((Ssim(window=7), Huber(0.1)), (1.0, 2.0)),
        IMAGES / 255.0,
        "auto",
        lambda x, y: (
            np.asarray([64 - 64 * ssim(*pair, 7) for pair in zip(x, y, strict=True)]) + 2.0 * summed(scipy.special.huber(0.1, x - y))
        ),
    ),
    (
        Columns((Huber(2.0), Quantile(0.2)), (1, 3)),
        TABLE,
        "standard",
        lambda x, y: summed(scipy.special.huber(2.0, x - y)[:, :1]) + summed(np.maximum(0.2 * (x - y), 0.8 * (y - x))[:, 1:]),
    ),
    (
        Columns(("huber", "categorical", "poisson"), (2, 3, 1)),
        MIXED,
        None,
        lambda x, y: (
            summed(scipy.special.huber(1.0, x - y)[:, :2])
            - summed(x[:, 2:5] * np.log(y[:, 2:5]))
            - summed(scipy.stats.poisson.logpmf(x[:, 5:], y[:, 5:]))
        ),
    ),
]


def negative_binomial(x, log_mean, log_dispersion):
    theta = np.exp(log_dispersion)
    return scipy.stats.nbinom.pmf(x, theta, theta / (theta + np.exp(log_mean)))


def lost_counts(x, raw, weights):
    log_mean, logit = np.split(raw, 2, axis=1)
    lost = scipy.special.expit(logit)
    return -summed(np.log(lost * (x == 0) + (1 - lost) * negative_binomial(x, log_mean, weights)))


def one_logistic(x, raw, weights):
    """A single component, whose scale is far from its bounds."""
    _, mean, log_scale = np.split(raw, 3, axis=2)
    edges = [np.where(x > 0, x - 0.5, -np.inf), np.where(x < 255, x + 0.5, np.inf)]
    scale = 127.5 * np.exp(3.0 - np.logaddexp(0.0, 10.0 - np.logaddexp(0.0, log_scale + 7.0)))
    low, high = ((edge - 127.5 * (1 + mean)) / scale for edge in edges)
    mirrored = low > 0  # in the lower tail a difference keeps its digits
    low, high = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    return -summed(np.log(scipy.special.expit(high) - scipy.special.expit(low)))


# The loss, rows, scaling, and what each row costs given the raw outputs and what the loss has learned.
LEARNED_CASES = [
    (
        ContinuousBernoulli(),
        TABLE,
        "min_max",
        lambda x, raw, _: summed(np.log(np.expm1(raw) / raw) - (x - x.min(0)) / np.ptp(x, axis=0) * raw + np.log(np.ptp(x, axis=0))),
    ),
    (NegativeBinomial(), COUNTS, "standard", lambda x, raw, weights: -summed(np.log(negative_binomial(x, raw, weights)))),
    (ZeroInflatedNegativeBinomial("shared"), COUNTS.astype(np.uint8), "standard", lost_counts),
    (DiscretizedLogisticMixture(1), IMAGES, "auto", one_logistic),
]


def autoencoder(loss, scaling="auto"):
    return Autoencoder(
        2, loss=loss, hidden_dims=(4,), max_epochs=3, batch_size=20, scaling=scaling, validation_fraction=None, random_state=0
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "rows", "scaling", "cost"),
    CASES,
    ids=[f"{part_name(type(loss))}-{rows.dtype}-{scaling}" for loss, rows, scaling, _ in CASES],
)
def test_is_fitted_scored_in_the_users_unit_and_saved(loss, rows, scaling, cost, tmp_path):
    fitted = autoencoder(loss, scaling).fit(rows)
    expected = -cost(rows.astype(float), fitted.reconstruct(rows).astype(float))
    np.testing.assert_allclose(fitted.score_samples(rows), expected, rtol=2e-4)
    assert_saved(fitted, loss, rows, tmp_path / "model.isthmus")


@pytest.mark.parametrize(("loss", "rows", "scaling", "cost"), LEARNED_CASES, ids=[part_name(type(loss)) for loss, *_ in LEARNED_CASES])
def test_is_fitted_and_scored_by_what_it_has_learned(loss, rows, scaling, cost, tmp_path):
    fitted = autoencoder(loss, scaling).fit(rows)
    raw = fitted.model_.outputs(jnp.asarray(fitted.transform(rows), jnp.float32), key=None)
    expected = -cost(rows.astype(float), np.asarray(raw, np.float64), fitted.model_.loss_weights)
    np.testing.assert_allclose(fitted.score_samples(rows), expected, rtol=1e-3)
    mean = np.asarray(loss.mean(raw))
    mean = mean if loss.domain == "nonnegative" else fitted.scaling_.unscaled(mean)
    np.testing.assert_allclose(fitted.reconstruct(rows), mean, rtol=1e-4)
    assert_saved(fitted, loss, rows, tmp_path / "model.isthmus")


def assert_saved(fitted, loss, rows, path):
    fitted.save(path)
    again = load(path)
    assert again.loss == loss
    np.testing.assert_array_equal(again.score_samples(rows), fitted.score_samples(rows))


def test_every_loss_is_among_them():
    assert {type(loss) for loss, *_ in CASES + LEARNED_CASES} == set(choices(AbstractLoss).values())


@pytest.mark.parametrize("part", choices(AbstractLoss).values(), ids=part_name)
def test_its_fields_are_parameters(part):
    estimator = Autoencoder(loss=part())
    fields = {f"loss__{field.name}": getattr(part(), field.name) for field in fields_of(part)}
    assert fields.items() <= estimator.get_params().items()
    assert clone(estimator).loss == part()
    by_name = Autoencoder(loss=part_name(part)).get_params()
    assert fields.items() <= by_name.items()


def test_a_field_is_set_by_its_name():
    assert Autoencoder(loss="quantile").set_params(loss__level=0.9).loss == Quantile(0.9)
    assert Autoencoder(loss="weighted").set_params(loss__weights=(1, 3)).loss == Weighted(weights=(1.0, 3.0))
    assert Autoencoder(loss=Columns()).set_params(loss__losses=("huber",)).loss == Columns((Huber(),))


@pytest.mark.parametrize(
    ("loss", "rows", "message"),
    [
        ("poisson", COUNTS - 5.0, "for values of 0 and more, such as counts; got values down to -5"),
        ("negative_binomial", COUNTS - 5.0, "for values of 0 and more, such as counts; got values down to -5"),
        ("discretized_logistic_mixture", IMAGES / 255.0, r"whole numbers from 0 to 255; got 0\.\d+\. Give images as they came"),
        ("poisson", np.full((8, 2), 1e15), "takes counts up to 1e\\+13"),
        ("categorical", COUNTS[:, :3].astype(float), r"group 0 \(columns 0 to 2, counted from 0\)"),
        (Categorical((2, 3)), np.roll(CLASSES, 1, axis=1), "sums to"),
        (Weighted(("bernoulli", "absolute_error")), TABLE[:, :1] * [[1.0, -1.0]], None),
    ],
)
def test_rows_that_it_is_not_for_are_refused_before_training(loss, rows, message):
    if message is None:
        # Any table can be brought to [0, 1]; one that is not to be is refused.
        with pytest.raises(DataError, match=r"is defined for values in \[0, 1\]"):
            autoencoder(loss, scaling=None).fit(rows)
    else:
        with pytest.raises(DataError, match=message):
            autoencoder(loss).fit(rows)


def test_a_mixed_table_asks_for_rows_as_they_are():
    loss = Columns(("squared_error", "categorical", "poisson"), (2, 3, 1))
    with pytest.raises((DataError, PartError), match="pass scaling=None"):
        autoencoder(loss).fit(MIXED)
    # Brought to [0, 1] column by column these rows look as if they were what each loss is for.
    with pytest.raises(PartError, match="pass scaling=None"):
        autoencoder(loss, scaling="min_max").fit(MIXED)
    outputs = autoencoder(loss, scaling=None).fit(MIXED).reconstruct(MIXED)
    np.testing.assert_allclose(outputs[:, 2:5].sum(axis=1), 1.0, rtol=1e-5)
    assert outputs[:, 5].min() >= 0.0


def test_images_given_as_a_table_are_asked_for_their_shape():
    with pytest.raises(PartError, match="pass sample_shape"):
        autoencoder(Ssim(window=7)).fit(IMAGES.reshape(40, 64))
    shaped = autoencoder(Ssim(window=7)).set_params(sample_shape=(8, 8)).fit(IMAGES.reshape(40, 64))
    np.testing.assert_allclose(shaped.score_samples(IMAGES.reshape(40, 64)), autoencoder(Ssim(window=7)).fit(IMAGES).score_samples(IMAGES))


def test_quantiles_enclose_the_data():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(400, 3))
    low, high = (
        Autoencoder(1, loss=Quantile(level), max_epochs=60, learning_rate=1e-2, random_state=0, architecture="linear")
        .fit(rows)
        .reconstruct(rows)
        for level in (0.1, 0.9)
    )
    assert 0.05 < np.mean(rows < low) < 0.15
    assert 0.85 < np.mean(rows < high) < 0.95
