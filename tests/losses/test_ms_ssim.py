import ast
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.architectures import Linear
from isthmus.errors import PartError
from isthmus.losses import MsSsim, Ssim
from isthmus.model import Parts
from losses.examples import cost_of
from losses.similarity import ms_ssim


def pictures(shape, n_rows=2, seed=0):
    """Smooth images, and noisy copies of them; all inside (0, 1)."""
    rng = np.random.default_rng(seed)
    lines = [np.cumsum(rng.normal(size=(n_rows, side)), axis=1) for side in shape[:2]]
    x = 0.5 + 0.4 * np.sin(lines[0][:, :, None] + lines[1][:, None])
    x = x if len(shape) == 2 else np.stack([x ** (power + 1) for power in range(shape[2])], axis=-1)
    return x, np.clip(x + 0.1 * rng.normal(size=x.shape), 0.01, 0.99)


def cost_between(loss, x, y):
    return cost_of(loss, (), jnp.asarray(loss.start(y), float), jnp.asarray(x, float))


@pytest.mark.parametrize("shape", [(176, 176), (44, 53), (46, 44, 2)], ids=str)
def test_is_one_minus_the_similarity_that_the_paper_writes(shape):
    x, y = pictures(shape)
    exponents = MsSsim().exponents[: 5 if shape[0] == 176 else 3]
    expected = [1.0 - ms_ssim(*pair, exponents) for pair in zip(x, y, strict=True)]
    np.testing.assert_allclose(cost_between(MsSsim(exponents=exponents), x, y) / np.prod(shape), expected, rtol=1e-4)


def test_of_one_scale_it_is_the_similarity_of_one_scale():
    x, y = pictures((16, 14), seed=1)
    loss = MsSsim((1.0,), Ssim(7, 1.0, 0.5))
    np.testing.assert_allclose(cost_between(loss, x, y), cost_between(Ssim(7, 1.0, 0.5), x, y), rtol=1e-5)


def test_the_papers_exponents_add_up_to_one():
    np.testing.assert_allclose(sum(MsSsim().exponents), 1.0, atol=2e-4)


def test_a_negative_still_has_a_cost_and_a_slope():
    # The structure is below zero at every scale, where it has no power.
    x, _ = pictures((24, 24), seed=2)
    loss = MsSsim(exponents=(0.5, 0.5))
    cost, slope = jax.value_and_grad(lambda logits: jnp.sum(cost_of(loss, (), logits, jnp.asarray(x, float))))(
        jnp.asarray(loss.start(1.0 - x))
    )
    assert 0.9 * x.size < cost < x.size
    assert jnp.all(jnp.isfinite(slope))
    assert jnp.max(jnp.abs(slope)) > 1e-6


def test_below_a_hundredth_it_goes_on_with_the_same_value_and_slope():
    from isthmus.losses import _ms_ssim

    value, slope = (jax.vmap(function) for function in (_ms_ssim._log_rest, jax.grad(_ms_ssim._log_rest)))
    above, below = jnp.asarray([0.5, 0.9899]), jnp.asarray([0.9901, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(value(above), np.log1p(-np.asarray(above)), rtol=1e-4)
    np.testing.assert_allclose(value(below), np.log(1e-4 / (0.02 - (1.0 - np.asarray(below)))), rtol=1e-4)
    np.testing.assert_allclose(slope(jnp.asarray([0.98999, 0.99001])), [-100.0, -100.0], rtol=1e-2)


@pytest.mark.parametrize(
    ("loss", "shape", "message"),
    [
        (MsSsim(), (784,), "compares images"),
        (
            MsSsim(),
            (28, 28),
            "needs images of at least 176 by 176; got 28 by 28. Give fewer scales, as in exponents=(0.5, 0.5), or a smaller window.",
        ),
        (MsSsim(), (200, 90, 3), "got 200 by 90. Give fewer scales, as in exponents=(0.25, 0.25, 0.25, 0.25)"),
        (
            MsSsim(ssim=Ssim(window=9)),
            (8, 8),
            "needs images of at least 144 by 144; got 8 by 8. Give a smaller window, as in MsSsim(ssim=Ssim(window=3)), and one exponent",
        ),
    ],
)
def test_images_too_small_for_its_scales_are_refused_with_advice(loss, shape, message):
    with pytest.raises(PartError, match=re.escape(message)):
        Parts(Linear(), loss, data_shape=shape, latent_shape=(1,))


@pytest.mark.parametrize(("side", "n_scales"), [(22, 2), (28, 2), (43, 2), (44, 3), (90, 4), (175, 4)])
def test_its_advice_can_be_followed(side, n_scales):
    with pytest.raises(PartError) as caught:
        Parts(Linear(), MsSsim(), data_shape=(side, side), latent_shape=(1,))
    exponents = ast.literal_eval(re.search(r"as in exponents=(\(.*?\))", str(caught.value)).group(1))
    assert len(exponents) == n_scales
    Parts(Linear(), MsSsim(exponents), data_shape=(side, side), latent_shape=(1,))


def test_no_scale_at_all_is_refused():
    with pytest.raises(PartError, match=r"`ms_ssim\.exponents` must name at least one scale; got \(\)"):
        MsSsim(exponents=())
