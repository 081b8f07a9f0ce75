"""Drawn rows beside real ones, against closed forms and brute force."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from isthmus.errors import DataError
from isthmus.metrics import frechet_distance, precision_recall

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(80, 4)) @ RNG.normal(size=(4, 4))
DRAWN = RNG.normal(size=(60, 4)) @ RNG.normal(size=(4, 4)) + 1.0


class TestFrechetDistance:
    def test_it_is_the_formula_with_scipys_root(self):
        one, other = np.cov(REAL.T), np.cov(DRAWN.T)
        gap = np.sum((REAL.mean(axis=0) - DRAWN.mean(axis=0)) ** 2)
        expected = gap + np.trace(one + other - 2.0 * np.real(sqrtm(one @ other)))
        assert frechet_distance(REAL, DRAWN) == pytest.approx(expected, rel=1e-6)

    def test_commuting_covariances_have_a_closed_form(self):
        signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * np.sqrt(3 / 4)  # unbiased variances of 1
        assert frechet_distance(signs * [1.0, 2.0], signs * [4.0, 3.0]) == pytest.approx((1 - 4) ** 2 + (2 - 3) ** 2)

    def test_the_order_and_the_side_do_not_matter(self):
        assert frechet_distance(REAL[::-1], DRAWN) == pytest.approx(frechet_distance(DRAWN, REAL))

    def test_the_same_rows_are_no_way_apart_even_in_fewer_dimensions(self):
        flat = np.concatenate([REAL, REAL[:, :1]], axis=1)
        assert frechet_distance(flat, flat) == pytest.approx(0.0, abs=1e-5)


class TestPrecisionRecall:
    def test_both_by_their_definitions(self):
        def covered(members, others):
            radius = np.sort(cdist(members, members), axis=1)[:, 3]
            return np.mean(np.any(cdist(others, members) <= radius, axis=1))

        found = precision_recall(REAL, DRAWN)
        assert found.precision == pytest.approx(covered(REAL, DRAWN))
        assert found.recall == pytest.approx(covered(DRAWN, REAL))
        assert 0.0 < found.recall < 1.0

    def test_one_kind_drawn_of_two_is_precise_and_recalls_half(self):
        real = np.concatenate([RNG.normal(size=(100, 2)), RNG.normal(size=(100, 2)) + 50.0])
        found = precision_recall(real, RNG.normal(size=(200, 2)) * 0.5)
        assert found.precision > 0.95
        assert found.recall < 0.5

    def test_as_many_neighbors_as_rows_are_refused(self):
        with pytest.raises(DataError, match="must be from 1 to 59"):
            precision_recall(REAL, DRAWN, n_neighbors=60)


@pytest.mark.parametrize("measure", [frechet_distance, precision_recall])
def test_other_columns_are_refused(measure):
    with pytest.raises(DataError, match="`real` has 4 columns, `drawn` has 3"):
        measure(REAL, DRAWN[:, :3])
