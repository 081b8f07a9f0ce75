import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.architectures import Linear
from isthmus.corruptions import Gaussian
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts
from isthmus.priors import StandardNormal
from isthmus.regularizers import ReconstructionJacobian
from model.stand_ins import Normal
from regularizers.views import model, model_view


def rows(n_rows=4, shape=(5,)):
    return jnp.asarray(np.random.default_rng(3).normal(size=(n_rows, *shape)), float)


def squared_norms(made, x):
    found = jax.vmap(jax.jacrev(lambda row: made.reconstruct(row[None])[0]))(x)
    return np.sum(np.square(found).reshape(len(x), -1), axis=1)


@pytest.mark.parametrize(("data_shape", "latent_shape"), [((5,), (3,)), ((2, 3), (2, 2)), ((3,), (6,))], ids=str)
def test_is_the_squared_norm_of_the_whole_jacobian(data_shape, latent_shape):
    made, x = model(data_shape=data_shape, latent_shape=latent_shape), rows(shape=data_shape)
    np.testing.assert_allclose(ReconstructionJacobian()((), model_view(made, x), key=None), squared_norms(made, x), rtol=1e-5)


def test_the_estimate_is_right_on_average():
    made, x = model(), jnp.tile(rows(1), (4000, 1))
    estimates = np.asarray(ReconstructionJacobian(n_samples=2)((), model_view(made, x), key=jax.random.key(0)))
    assert 0 < abs(estimates.mean() - squared_norms(made, x[:1])[0]) < 5 * estimates.std() / np.sqrt(4000)


def test_small_noise_charges_its_square_times_this():
    made, row, sigma = model(), rows(1), 0.01
    reconstruction = made.reconstruct(row)
    noisy = Gaussian(sigma)(jnp.tile(row, (100_000, 1)), key=jax.random.key(1))
    moved = np.sum(np.square(np.asarray(made.reconstruct(noisy) - reconstruction)), axis=1)
    expected = sigma**2 * float(ReconstructionJacobian()((), model_view(made, row), key=None)[0])
    assert abs(moved.mean() - expected) < 5 * moved.std() / np.sqrt(100_000) + 0.01 * expected


def test_a_bottleneck_between_encoder_and_code_is_refused():
    options = {"data_shape": (4,), "latent_shape": (2,), "bottleneck": Normal(), "prior": StandardNormal()}
    with pytest.raises(PartError, match=r"the bottleneck 'normal' lies between\. Use 'contractive' and 'decoder_jacobian'"):
        Parts(Linear(), SquaredError(), regularizers=(ReconstructionJacobian(),), **options)
