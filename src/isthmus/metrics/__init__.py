"""What scikit-learn, SciPy and scikit-image do not measure: codes, neighborhoods, clusters, drawn rows, disentanglement."""

from ._clusters import matched_accuracy as matched_accuracy
from ._codes import active_dimensions as active_dimensions
from ._codes import effective_rank as effective_rank
from ._codes import intrinsic_dimension as intrinsic_dimension
from ._codes import mean_absolute_correlation as mean_absolute_correlation
from ._factors import Disentanglement as Disentanglement
from ._factors import disentanglement as disentanglement
from ._factors import mutual_information_gap as mutual_information_gap
from ._factors import separated_attribute_predictability as separated_attribute_predictability
from ._neighbors import continuity as continuity
from ._neighbors import mutual_neighbors as mutual_neighbors
from ._neighbors import neighbor_overlap as neighbor_overlap
from ._samples import PrecisionRecall as PrecisionRecall
from ._samples import frechet_distance as frechet_distance
from ._samples import precision_recall as precision_recall

__all__ = [
    "Disentanglement",
    "PrecisionRecall",
    "active_dimensions",
    "continuity",
    "disentanglement",
    "effective_rank",
    "frechet_distance",
    "intrinsic_dimension",
    "matched_accuracy",
    "mean_absolute_correlation",
    "mutual_information_gap",
    "mutual_neighbors",
    "neighbor_overlap",
    "precision_recall",
    "separated_attribute_predictability",
]
