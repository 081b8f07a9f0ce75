"""Whether neighbors stay neighbors, against brute force."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from isthmus.errors import DataError
from isthmus.metrics import continuity, mutual_neighbors, neighbor_overlap

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(60, 5))
CODES = ROWS[:, :2] + 0.3 * RNG.normal(size=(60, 2))


def ranks(table):
    """The rank of each row among the neighbors of each, 1 for the nearest."""
    distance = cdist(table, table)
    np.fill_diagonal(distance, -1.0)
    return np.argsort(np.argsort(distance, axis=1), axis=1)


@pytest.mark.parametrize("k", [1, 5, 12])
def test_continuity_by_its_definition(k):
    n = len(ROWS)
    near, after = ranks(ROWS), ranks(CODES)
    torn = (near >= 1) & (near <= k) & (after > k)
    expected = 1.0 - 2.0 / (n * k * (2 * n - 3 * k - 1)) * np.sum((after - k)[torn])
    assert continuity(ROWS, CODES, n_neighbors=k) == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 5, 12])
def test_overlap_and_mutual_pairs_by_their_definitions(k):
    before, after = ((ranks(table) >= 1) & (ranks(table) <= k) for table in (ROWS, CODES))
    assert neighbor_overlap(ROWS, CODES, n_neighbors=k) == pytest.approx((before & after).sum() / (len(ROWS) * k))
    pairs, kept = before & before.T, after & after.T
    assert mutual_neighbors(ROWS, CODES, n_neighbors=k) == pytest.approx((pairs & kept).sum() / pairs.sum())


def test_all_are_one_for_codes_that_are_the_rows_turned_and_stretched():
    turned = 3.0 * ROWS @ np.linalg.qr(RNG.normal(size=(5, 5)))[0]
    assert [measure(ROWS, turned) for measure in (continuity, neighbor_overlap, mutual_neighbors)] == [1.0, 1.0, 1.0]


def test_codes_without_meaning_share_few_neighbors():
    noise = RNG.normal(size=(60, 2))
    assert neighbor_overlap(ROWS, noise) == pytest.approx(10 / 59, abs=0.06)


@pytest.mark.parametrize(("measure", "k"), [(continuity, 30), (neighbor_overlap, 60), (mutual_neighbors, 60), (neighbor_overlap, 0)])
def test_too_many_neighbors_are_refused(measure, k):
    with pytest.raises(DataError, match=f"`n_neighbors`={k} of 60 rows"):
        measure(ROWS, CODES, n_neighbors=k)


def test_tables_of_other_rows_are_refused():
    with pytest.raises(DataError, match="`rows` has 60 rows, `codes` has 59"):
        continuity(ROWS, CODES[1:])
