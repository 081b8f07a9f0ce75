import numpy as np

__all__ = ["LOWEST_MEAN", "logits"]

# A feature that never varied in the rows seen has mean 0 or 1 and an infinite logit. At one in a million its cost begins at
# 1e-6 nats a value, negligible beside the features that vary, while a first surprise costs 14 nats and a gradient of 1.
LOWEST_MEAN = 1e-6


def logits(mean: np.ndarray) -> np.ndarray:
    """The logits of means in [0, 1], finite at both ends."""
    inside = np.clip(mean, LOWEST_MEAN, 1.0 - LOWEST_MEAN)
    return np.log(inside) - np.log1p(-inside)
