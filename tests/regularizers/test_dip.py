import numpy as np
import pytest

from isthmus.errors import PartError
from isthmus.regularizers import Dip
from regularizers.views import codes_view, gaussian_codes, penalty


def value(mean, mask=None, log_scale=-0.5, **fields):
    return penalty(Dip(**fields), codes_view(mean, mask, log_scale=log_scale))


@pytest.mark.parametrize(("variant", "diagonal"), [("I", 10.0), ("II", 1.0), ("I", 0.0)])
def test_is_the_distance_of_numpys_covariance_from_the_identity(variant, diagonal):
    mean, log_scale, mask = gaussian_codes(9, (1.0, 2.0), (2.0, 0.5), 0.7), gaussian_codes(9, seed=4), np.arange(9) % 3 > 0
    covariance = np.cov(np.asarray(mean[mask], np.float64).T)
    if variant == "II":
        covariance += np.diag(np.mean(np.exp(2 * np.asarray(log_scale[mask], np.float64)), axis=0))
    expected = 2 * covariance[0, 1] ** 2 + diagonal * np.sum(np.square(np.diag(covariance) - 1))
    np.testing.assert_allclose(value(mean, mask, log_scale, variant=variant, diagonal=diagonal), expected, rtol=1e-5)


def test_of_codes_that_are_drawn_from_a_standard_normal_aggregate_is_zero():
    means = np.sqrt(0.75) * gaussian_codes(200_000)
    np.testing.assert_allclose(value(means, log_scale=np.log(0.5), variant="II"), 0.0, atol=1e-3)
    np.testing.assert_allclose(value(means, log_scale=np.log(0.5), variant="I"), 10 * 2 * 0.25**2, rtol=0.05)


def test_one_row_has_no_covariance():
    np.testing.assert_allclose(value(np.full((2, 3), 7.0), [1, 0]), 30.0, rtol=1e-6)


def test_an_unknown_variant_is_answered_with_the_known_ones():
    with pytest.raises(PartError, match=r"Unknown `dip\.variant` 'III'\. Choose one of: I, II\."):
        Dip(variant="III")
