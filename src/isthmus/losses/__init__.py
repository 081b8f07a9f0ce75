"""What a wrong reconstruction costs."""

from ._absolute_error import AbsoluteError as AbsoluteError
from ._base import AbstractLoss as AbstractLoss
from ._base_likelihood import AbstractLikelihood as AbstractLikelihood
from ._bernoulli import Bernoulli as Bernoulli
from ._categorical import Categorical as Categorical
from ._charbonnier import Charbonnier as Charbonnier
from ._columns import Columns as Columns
from ._continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from ._correntropy import Correntropy as Correntropy
from ._discretized_logistic_mixture import DiscretizedLogisticMixture as DiscretizedLogisticMixture
from ._huber import Huber as Huber
from ._in_user_unit import in_user_unit as in_user_unit
from ._laplace import Laplace as Laplace
from ._log_cosh import LogCosh as LogCosh
from ._ms_ssim import MsSsim as MsSsim
from ._negative_binomial import NegativeBinomial as NegativeBinomial
from ._normal import Normal as Normal
from ._poisson import Poisson as Poisson
from ._quantile import Quantile as Quantile
from ._squared_error import SquaredError as SquaredError
from ._ssim import Ssim as Ssim
from ._student_t import StudentT as StudentT
from ._weighted import Weighted as Weighted
from ._zero_inflated_negative_binomial import ZeroInflatedNegativeBinomial as ZeroInflatedNegativeBinomial

__all__ = [
    "AbsoluteError",
    "AbstractLikelihood",
    "AbstractLoss",
    "Bernoulli",
    "Categorical",
    "Charbonnier",
    "Columns",
    "ContinuousBernoulli",
    "Correntropy",
    "DiscretizedLogisticMixture",
    "Huber",
    "Laplace",
    "LogCosh",
    "MsSsim",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "Quantile",
    "SquaredError",
    "Ssim",
    "StudentT",
    "Weighted",
    "ZeroInflatedNegativeBinomial",
    "in_user_unit",
]
