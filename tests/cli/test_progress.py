import pytest

from isthmus.cli._progress import _clock, _described

TERMS = {"reconstruction": 7.0, "l1": 2.0, "val_loss": 0.5, "loss": 0.25}


def test_the_objective_comes_first_and_terms_are_whole():
    line = "1:05 left  loss 0.25  val_loss 0.5  l1 2  reconstruction 7"
    assert _described(TERMS, 65.0, 200) == line
    for room in range(len("1:05 left"), len(line) + 1):
        told = _described(TERMS, 65.0, room)
        assert len(told) <= room
        assert line == told or line.startswith(f"{told}  ")


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (754, "12:34"), (3725, "1:02:05")])
def test_time_is_shown_as_on_a_clock(seconds, text):
    assert _clock(seconds) == text
