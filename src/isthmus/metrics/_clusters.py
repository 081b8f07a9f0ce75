from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import check_consistent_length, column_or_1d

__all__ = ["matched_accuracy"]


def matched_accuracy(labels: Any, clusters: Any) -> float:
    """The share of rows in the cluster that the best one-to-one matching gives to their class.

    `max_m mean 1[labels = m(clusters)]` over one-to-one maps `m`, found by the Hungarian method. What deep clustering calls ACC. A cluster
    beyond the number of classes is matched with none.

    Args:
        labels: the class of each row, (rows,).
        clusters: its cluster, (rows,); names do not matter.

    Raises:
        ValueError: the two differ in length.

    References:
        Xie, Girshick & Farhadi, Unsupervised Deep Embedding for Clustering Analysis, 2016, arXiv:1511.06335, equation 10.

    Example:
        >>> matched_accuracy([0, 0, 1, 1, 2], ["b", "b", "a", "a", "a"])
        0.8
    """
    labels, clusters = column_or_1d(labels), column_or_1d(clusters)
    check_consistent_length(labels, clusters)
    counts = contingency_matrix(labels, clusters)
    rows, columns = linear_sum_assignment(-counts)
    return float(counts[rows, columns].sum() / np.sum(counts))
