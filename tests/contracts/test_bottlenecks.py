"""What every bottleneck must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, part_name
from isthmus.bottlenecks import AbstractBottleneck
from isthmus.errors import PartError
from isthmus.priors import BoundPrior, StandardNormal

BOTTLENECKS = list(choices(AbstractBottleneck).values())
LATENT = (3,)
PRIOR = BoundPrior(StandardNormal(), ())


def hidden_of(part, rows=6, seed=0):
    shape = part().hidden_shape(LATENT)
    return jnp.asarray(np.random.default_rng(seed).normal(size=(rows, *shape)), float)


def made(part):
    return part().init(LATENT, rng=np.random.default_rng(1))


@pytest.mark.parametrize("part", BOTTLENECKS, ids=part_name)
class TestEveryBottleneck:
    def test_gives_a_code_a_row(self, part):
        weights, state = made(part)
        latent, next_state = part()(weights, state, hidden_of(part), PRIOR, key=jax.random.key(0))
        assert latent.code.shape[-2:] == (6, *LATENT)
        assert jax.tree.structure(next_state) == jax.tree.structure(state)

    def test_gives_its_terms_row_by_row_and_weighs_each(self, part):
        weights, state = made(part)
        latent, _ = part()(weights, state, hidden_of(part), PRIOR, key=jax.random.key(0))
        assert all(term.shape[-1:] == (6,) for term in latent.terms.values())
        assert set(part().term_weights(0.5)) <= set(latent.terms)

    def test_encodes_without_chance(self, part):
        weights, _ = made(part)
        codes = part().encode(weights, hidden_of(part))
        assert codes.shape == (6, *LATENT)
        np.testing.assert_array_equal(part().encode(weights, hidden_of(part)), codes)

    def test_encodes_a_row_the_same_in_any_company(self, part):
        weights, _ = made(part)
        hidden = hidden_of(part)
        codes, order = part().encode(weights, hidden), np.random.default_rng(2).permutation(6)
        np.testing.assert_allclose(part().encode(weights, hidden[order]), codes[order], rtol=1e-6)
        np.testing.assert_allclose(part().encode(weights, hidden[:1]), codes[:1], rtol=1e-6)

    def test_draws_nothing_outside_training(self, part):
        weights, state = made(part)
        first, _ = part()(weights, state, hidden_of(part), PRIOR, key=None)
        again, _ = part()(weights, state, hidden_of(part), PRIOR, key=None)
        np.testing.assert_array_equal(first.code, again.code)

    def test_passes_the_gradient_to_the_encoder(self, part):
        weights, state = made(part)

        def size(hidden):
            return jnp.sum(part()(weights, state, hidden, PRIOR, key=jax.random.key(0))[0].code ** 2)

        slope = jax.grad(size)(hidden_of(part))
        assert jnp.all(jnp.isfinite(slope))
        assert jnp.any(slope != 0.0)

    def test_samples_codes_or_says_why_not(self, part):
        weights, _ = made(part)
        try:
            codes = part().sample(weights, PRIOR, 5, key=jax.random.key(0))
        except PartError as error:
            assert "no distribution" in str(error)
        else:
            assert codes.shape == (5, *LATENT)
