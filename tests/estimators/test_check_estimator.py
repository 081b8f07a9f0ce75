"""scikit-learn's own checks."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from isthmus import Autoencoder

TINY = Autoencoder(2, max_epochs=5)

_ROWS_IN_ANOTHER_ORDER = "a repeated row takes part in other batches and may be watched instead of trained on; test_sample_weight.py says what holds"
_PREDICTS_ROWS = "an autoencoder predicts whole rows, of shape (n_samples, n_features); the check wants (n_samples,)"


def expected_failures(estimator):
    return {
        "check_sample_weight_equivalence_on_dense_data": _ROWS_IN_ANOTHER_ORDER,
        "check_sample_weight_equivalence_on_sparse_data": _ROWS_IN_ANOTHER_ORDER,
        "check_estimator_sparse_array": _PREDICTS_ROWS,
        "check_estimator_sparse_matrix": _PREDICTS_ROWS,
    }


@parametrize_with_checks([TINY], expected_failed_checks=expected_failures)
def test_scikit_learns_check(estimator, check):
    check(estimator)
