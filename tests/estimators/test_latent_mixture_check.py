"""scikit-learn's own checks of an estimator, on an autoencoder and a mixture together."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from isthmus import Autoencoder, GaussianMixture, LatentMixture

# Two programs are compiled for each of forty checks.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")]


_OTHER_BATCHES = "a repeated row falls into other batches of the autoencoder"
_NO_CLASSIFIER = "the check asks for the classifier tags of whatever has predict_proba"


def expected_failures(estimator):
    return {
        "check_sample_weight_equivalence_on_dense_data": _OTHER_BATCHES,
        "check_sample_weight_equivalence_on_sparse_data": _OTHER_BATCHES,
        "check_estimator_sparse_array": _NO_CLASSIFIER,
        "check_estimator_sparse_matrix": _NO_CLASSIFIER,
    }


MODEL = LatentMixture(2, autoencoder=Autoencoder(2, max_epochs=2), mixture=GaussianMixture(n_init=2, n_swaps=0))


@parametrize_with_checks([MODEL], expected_failed_checks=expected_failures)
def test_scikit_learns_check(estimator, check):
    check(estimator)
