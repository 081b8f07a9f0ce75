import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.bottlenecks import Deterministic
from isthmus.errors import PartError
from isthmus.priors import BoundPrior, StandardNormal

HIDDEN = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)), float)


def test_learns_nothing_and_asks_for_as_many_numbers_as_the_code_has():
    assert Deterministic().init((3,), rng=np.random.default_rng(0)) == ((), ())
    assert Deterministic().hidden_shape((4, 4, 3)) == (4, 4, 3)


@pytest.mark.parametrize("prior", [None, BoundPrior(StandardNormal(), ())], ids=["no prior", "a prior"])
def test_the_code_is_the_hidden_value_and_costs_nothing(prior):
    latent, state = Deterministic()((), (), HIDDEN, prior, mask=jnp.ones(5), progress=1.0, key=jax.random.key(0))
    np.testing.assert_array_equal(latent.code, HIDDEN)
    assert dict(latent.terms) == {}
    assert not latent.is_importance_weighted
    assert state == ()


def test_encodes_as_it_trains():
    np.testing.assert_array_equal(Deterministic().encode((), (), HIDDEN), HIDDEN)


def test_weighs_no_terms():
    assert dict(Deterministic().term_weights(jnp.asarray(0.5))) == {}


def test_has_no_posterior_and_no_density():
    assert Deterministic().posterior((), HIDDEN) is None
    assert Deterministic().divergence((), HIDDEN, None) is None
    with pytest.raises(PartError, match="no posterior distribution to draw from"):
        Deterministic().draw((), HIDDEN, 2, key=jax.random.key(0))
    with pytest.raises(PartError, match="have no density"):
        Deterministic().log_prior(None, HIDDEN)


def test_has_no_distribution_to_draw_from():
    with pytest.raises(PartError, match=r"`Deterministic` codes have no distribution to sample from\. Call `fit_density\(X\)` first"):
        Deterministic().sample((), None, (3, 2), key=jax.random.key(0))
