from collections.abc import Hashable, Iterable, Sequence

import numpy as np

_NAMED = 10


def place(index: Sequence[int] | np.ndarray) -> Hashable:
    """What an error calls the feature at `index`: a number in a table, a tuple in an image."""
    numbers = tuple(int(number) for number in index)
    return numbers[0] if len(numbers) == 1 else numbers


def places(mask: np.ndarray) -> str:
    """The features where `mask` is true, as an error lists them."""
    return listed(repr(place(index)) for index in np.argwhere(np.atleast_1d(mask)))


def listed(labels: Iterable[str]) -> str:
    """The first ten labels, and how many more there are."""
    labels = list(labels)
    more = len(labels) - _NAMED
    return ", ".join(labels[:_NAMED]) + (f" and {more} more" if more > 0 else "")
