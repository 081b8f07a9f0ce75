"""Measures of codes against values that can be had by hand."""

import numpy as np
import pytest

from isthmus.errors import DataError
from isthmus.metrics import active_dimensions, effective_rank, intrinsic_dimension, mean_absolute_correlation

RNG = np.random.default_rng(0)


class TestActiveDimensions:
    def test_a_dimension_below_the_threshold_is_not_used(self):
        codes = RNG.normal(size=(500, 3)) * [3.0, 0.31, 0.29]
        codes = (codes - codes.mean(axis=0)) / codes.std(axis=0) * [3.0, 0.31, 0.29]
        assert active_dimensions(codes) == 2
        assert active_dimensions(codes, threshold=0.02) == 1

    def test_codes_that_are_all_the_same_use_none(self):
        assert active_dimensions(np.ones((5, 2))) == 0


class TestCorrelation:
    def test_it_is_the_mean_over_pairs(self):
        a, b = np.array([1.0, -1.0, 1.0, -1.0]), np.array([1.0, 1.0, -1.0, -1.0])
        codes = np.stack([a, b, a + b], axis=1)  # correlations 0, sqrt(1/2), sqrt(1/2)
        assert mean_absolute_correlation(codes) == pytest.approx(np.sqrt(0.5) * 2 / 3)

    def test_a_constant_dimension_is_left_out(self):
        a = RNG.normal(size=20)
        assert mean_absolute_correlation(np.stack([a, -a, np.ones(20)], axis=1)) == pytest.approx(1.0)
        assert mean_absolute_correlation(np.stack([a, np.ones(20)], axis=1)) == 0.0


class TestEffectiveRank:
    @pytest.mark.parametrize("strengths", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.0), (5.0, 0.0, 0.0)])
    def test_it_is_the_exponential_of_the_entropy_of_singular_values(self, strengths):
        turned = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
        codes = np.concatenate([np.diag(strengths), -np.diag(strengths)]) @ turned + 7.0
        share = np.array(strengths)[np.array(strengths) > 0] / sum(strengths)
        assert effective_rank(codes) == pytest.approx(np.exp(-np.sum(share * np.log(share))))

    def test_codes_that_are_all_the_same_have_none(self):
        assert effective_rank(np.ones((4, 3))) == 0.0


class TestIntrinsicDimension:
    @pytest.mark.parametrize("dimension", [1, 3, 5])
    def test_it_is_that_of_the_manifold(self, dimension):
        flat = RNG.uniform(size=(3000, dimension))
        curved = np.concatenate([flat, np.sin(flat)], axis=1) @ RNG.normal(size=(2 * dimension, 12))
        assert intrinsic_dimension(curved) == pytest.approx(dimension, rel=0.12)

    def test_repeated_rows_count_once(self):
        rows = RNG.normal(size=(50, 2))
        assert intrinsic_dimension(np.concatenate([rows, rows])) == pytest.approx(intrinsic_dimension(rows))

    def test_two_different_rows_are_too_few(self):
        with pytest.raises(DataError, match="has 2 different rows"):
            intrinsic_dimension([[0.0], [1.0], [1.0]])


@pytest.mark.parametrize("measure", [active_dimensions, effective_rank, intrinsic_dimension, mean_absolute_correlation])
class TestRefusals:
    def test_missing_values(self, measure):
        with pytest.raises(DataError, match="missing or infinite"):
            measure([[0.0, 1.0], [np.nan, 2.0], [1.0, 1.0]])

    @pytest.mark.parametrize("values", [np.ones(4), np.ones((1, 3)), np.ones((4, 0))], ids=["flat", "one row", "no column"])
    def test_what_is_no_table(self, measure, values):
        with pytest.raises(DataError, match="must be a table of 2 rows or more"):
            measure(values)
