"""Disentanglement where the answer is known."""

import numpy as np
import pytest

from isthmus.errors import DataError
from isthmus.metrics import disentanglement, matched_accuracy, mutual_information_gap, separated_attribute_predictability

RNG = np.random.default_rng(0)
DISCRETE = RNG.integers(4, size=(800, 2))
CONTINUOUS = RNG.uniform(size=(800, 2))
MIXED = np.array([[1.0, 1.0], [1.0, -1.0]])


class TestMutualInformationGap:
    def test_a_dimension_for_each_factor_leaves_a_gap_of_one(self):
        assert mutual_information_gap(DISCRETE, DISCRETE) == pytest.approx(1.0, abs=0.02)

    def test_a_factor_told_twice_leaves_none(self):
        codes = np.concatenate([DISCRETE, DISCRETE], axis=1)
        assert mutual_information_gap(codes, DISCRETE) == pytest.approx(0.0, abs=1e-12)

    def test_half_told_is_half_a_gap(self):
        first = DISCRETE[:, :1]
        half = np.concatenate([first // 2, RNG.normal(size=(800, 1))], axis=1)  # one of two bits
        assert mutual_information_gap(half, first) == pytest.approx(0.5, abs=0.05)


class TestSeparatedAttributePredictability:
    @pytest.mark.parametrize("factors", [DISCRETE > 1, CONTINUOUS], ids=["discrete", "continuous"])
    def test_turned_codes_score_lower(self, factors):
        codes = np.asarray(factors, float)
        straight, turned = (separated_attribute_predictability(table, factors) for table in (codes, codes @ MIXED))
        assert straight > 0.4
        assert turned < 0.15

    def test_a_continuous_factor_is_judged_by_squared_correlation(self):
        codes = np.stack([CONTINUOUS[:, 0], CONTINUOUS[:, 0] + CONTINUOUS[:, 1]], axis=1)
        expected = 1.0 - np.corrcoef(codes[:, 0], codes[:, 1])[0, 1] ** 2
        assert separated_attribute_predictability(codes, CONTINUOUS[:, :1]) == pytest.approx(expected)


class TestDisentanglement:
    def test_a_dimension_for_each_factor_is_perfect(self):
        found = disentanglement(CONTINUOUS, CONTINUOUS)
        assert min(found) > 0.95

    def test_turned_codes_are_informative_and_not_disentangled(self):
        found = disentanglement(CONTINUOUS @ MIXED, CONTINUOUS)
        assert found.disentanglement < 0.2
        assert found.completeness < 0.2
        assert found.informativeness > 0.8

    def test_a_factor_told_twice_is_disentangled_and_not_complete(self):
        codes = np.concatenate([CONTINUOUS, CONTINUOUS], axis=1)
        found = disentanglement(codes, CONTINUOUS)
        assert found.disentanglement > 0.95
        assert found.completeness < found.disentanglement - 0.2

    def test_one_factor_is_too_few(self):
        with pytest.raises(DataError, match="Give two or more"):
            disentanglement(CONTINUOUS, CONTINUOUS[:, :1])


@pytest.mark.parametrize("measure", [mutual_information_gap, separated_attribute_predictability, disentanglement])
class TestRefusals:
    def test_a_single_dimension(self, measure):
        with pytest.raises(DataError, match="`codes` has one column"):
            measure(CONTINUOUS[:, :1], DISCRETE)

    def test_a_factor_that_does_not_vary(self, measure):
        with pytest.raises(DataError, match=r"columns \[1\] do not vary"):
            measure(CONTINUOUS, np.stack([DISCRETE[:, 0], np.ones(800)], axis=1))


class TestMatchedAccuracy:
    def test_names_of_clusters_do_not_matter(self):
        labels = RNG.integers(3, size=50)
        assert matched_accuracy(labels, np.array(["c", "a", "b"])[labels]) == 1.0

    def test_more_clusters_than_classes_leave_some_unmatched(self):
        assert matched_accuracy([0, 0, 0, 0], [0, 0, 1, 2]) == 0.5

    def test_it_is_the_best_over_all_matchings(self):
        labels, clusters = RNG.integers(3, size=60), RNG.integers(3, size=60)
        orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
        assert matched_accuracy(labels, clusters) == max(np.mean(labels == np.array(order)[clusters]) for order in orders)
