"""scikit-learn's own checks."""

import pytest
from sklearn.utils.estimator_checks import check_estimator_sparse_array, check_estimator_sparse_matrix, parametrize_with_checks

from isthmus import Autoencoder

_OTHER_BATCHES = "a repeated row falls into other batches and may be watched instead; see test_sample_weight.py for what holds"
_PREDICTS_ROWS = "the check wants predictions of shape (n_samples,), and an autoencoder predicts whole rows"


def expected_failures(estimator):
    return {
        "check_sample_weight_equivalence_on_dense_data": _OTHER_BATCHES,
        "check_sample_weight_equivalence_on_sparse_data": _OTHER_BATCHES,
        "check_estimator_sparse_array": _PREDICTS_ROWS,
        "check_estimator_sparse_matrix": _PREDICTS_ROWS,
    }


@parametrize_with_checks([Autoencoder(2, max_epochs=5)], expected_failed_checks=expected_failures)
def test_scikit_learns_check(estimator, check):
    check(estimator)


class PredictsOneNumber(Autoencoder):
    """With predictions of the shape that the sparse checks want."""

    def predict(self, X):
        return self.score_samples(X)


@pytest.mark.parametrize("check", [check_estimator_sparse_array, check_estimator_sparse_matrix])
def test_the_sparse_checks_fail_for_the_shape_of_predictions_alone(check):
    check("PredictsOneNumber", PredictsOneNumber(2, max_epochs=5))
