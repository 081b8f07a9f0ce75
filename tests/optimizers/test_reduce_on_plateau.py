"""What the schedule says; what the trainer makes of it is in tests/training/test_plateau.py."""

import numpy as np
import pytest

from isthmus.errors import PartError
from isthmus.optimizers import ReduceOnPlateau


def test_reduces_at_every_so_many_epochs_of_waiting():
    schedule, scale, found = ReduceOnPlateau(ratio=0.5, patience=3, lowest=0.2), 1.0, []
    for waited in range(11):
        scale = float(schedule.plateau(scale, waited))
        found.append(scale)
    np.testing.assert_allclose(found, [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2])


def test_the_factor_over_the_run_is_one():
    assert [ReduceOnPlateau().factor(progress) for progress in (0.0, 0.5, 1.0)] == [1.0, 1.0, 1.0]


def test_a_ratio_of_zero_goes_to_the_lowest_at_once():
    np.testing.assert_allclose(ReduceOnPlateau(ratio=0, lowest=1e-3).plateau(1.0, 5), 1e-3)


def test_what_a_rollback_has_brought_below_the_lowest_stays_there():
    np.testing.assert_allclose(ReduceOnPlateau(lowest=0.5).plateau(0.01, 5), 0.01)


def test_a_ratio_of_one_would_reduce_nothing():
    with pytest.raises(PartError, match=r"`reduce_on_plateau\.ratio` must be in \[0, 1\); got 1\."):
        ReduceOnPlateau(ratio=1)
