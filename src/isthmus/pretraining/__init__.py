"""Training before the training."""

from ._base import AbstractPretraining as AbstractPretraining
from ._base import Level as Level
from ._layer_wise import LayerWise as LayerWise

__all__ = ["AbstractPretraining", "LayerWise", "Level"]
