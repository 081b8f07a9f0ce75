"""scikit-learn's own checks of an estimator, on the Gaussian mixture."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from isthmus import GaussianMixture

# Shapes differ from check to check, and each is compiled.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")]


@parametrize_with_checks([GaussianMixture(n_init=2, n_swaps=1)])
def test_scikit_learns_check(estimator, check):
    check(estimator)
