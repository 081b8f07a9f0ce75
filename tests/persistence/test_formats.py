"""Models saved by every released format load today and give the codes that they gave then."""

from pathlib import Path

import numpy as np
import pytest

import isthmus
from isthmus.persistence import FORMAT, read_header

FILES = Path(__file__).parent / "files"


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_a_model_of_every_format_gives_the_codes_that_it_gave_when_it_was_saved(number):
    path = FILES / f"format_{number}.isthmus"
    assert read_header(path).format == number
    rows, codes = (np.load(FILES / f"format_{number}_{name}.npy") for name in ("rows", "codes"))
    np.testing.assert_allclose(isthmus.load(path).transform(rows), codes, rtol=1e-5, atol=1e-5)


def test_no_file_is_there_that_no_test_loads():
    assert sorted(path.name for path in FILES.glob("*.isthmus")) == sorted(f"format_{number}.isthmus" for number in range(1, FORMAT + 1))
