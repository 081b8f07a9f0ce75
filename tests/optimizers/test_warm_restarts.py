import numpy as np
import pytest

from isthmus.errors import PartError
from isthmus.optimizers import Cosine, WarmRestarts


def at(schedule, *progress):
    return np.asarray([schedule.factor(p) for p in progress], float)


@pytest.mark.parametrize(("cycles", "multiplier", "end"), [(3, 2.0, 0.0), (4, 1.0, 0.1), (2, 0.5, 0.3), (1, 7.0, 0.2)])
def test_every_cycle_is_a_cosine_of_its_share(cycles, multiplier, end):
    lengths = multiplier ** np.arange(cycles)
    ends = np.cumsum(lengths) / lengths.sum()
    inside = np.linspace(0.02, 0.98, 7)
    for begin, finish in zip([0.0, *ends[:-1]], ends, strict=True):
        found = at(WarmRestarts(cycles, multiplier, end), *(begin + inside * (finish - begin)))
        np.testing.assert_allclose(found, at(Cosine(end), *inside), atol=1e-5)


def test_leaps_back_to_the_full_rate():
    schedule = WarmRestarts(2, 3.0, end=0.1)
    np.testing.assert_allclose(at(schedule, 0.0, 0.2499, 0.2501, 1.0), [1.0, 0.1, 1.0, 0.1], atol=1e-4)


def test_the_run_ends_with_its_last_cycle_however_many_there_are():
    for schedule in (WarmRestarts(7, 1.3), WarmRestarts(100, 10.0), WarmRestarts(100, 0.1), WarmRestarts(1)):
        np.testing.assert_allclose(at(schedule, 0.0, 1.0), [1.0, 0.0], atol=1e-6)
        assert np.all(np.isfinite(at(schedule, *np.linspace(0, 1, 50))))


def test_there_is_at_least_one_cycle():
    with pytest.raises(PartError, match=r"`warm_restarts\.cycles` must be in \[1, inf\); got 0\."):
        WarmRestarts(cycles=0)
