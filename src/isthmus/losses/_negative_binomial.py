import numpy as np

from isthmus._numerics import sum_features
from isthmus._types import Data, Key, Outputs, PerRow, Shape, Tree

from ._base import Domain
from ._base_likelihood import AbstractLikelihood
from ._counts import check_counts, log_rates, rates
from ._overdispersion import Dispersion, cost_of_counts, draw_overdispersed, log_dispersion
from ._spread import learned_spread, location, location_shape, location_start


class NegativeBinomial(AbstractLikelihood):
    """Minus the log-likelihood of counts that vary more than Poisson's, in nats, summed over features.

    With raw outputs `l`, logarithms of means `m = exp(l)`, and an inverse dispersion `t`, which is learned:
    `-sum_j log(gamma(x_j + t) / (gamma(t) x_j!)) + t log(t / (t + m_j)) + x_j log(m_j / (t + m_j))`. It is Poisson's likelihood of a rate
    that is itself drawn, from a gamma distribution of shape `t`: the variance is `m + m^2 / t`, and `Poisson` is where `t` grows without
    end. For counts whose rates differ by more than the model can know: molecules in single cells, words in documents, claims. It sees
    the counts as they came, while the encoder sees them scaled. Counts up to 1e13, any mean and any dispersion cost what they should in
    float32: no large terms are subtracted. Means beyond exp(30) are given back as that. It costs some ten transcendental functions a value.

    Attributes:
        dispersion: "per_feature", one `t` for each feature, learned with the networks; "shared", one for all; or "per_value", which the
            decoder gives with each mean, after all the means. It begins at 1 and stays, softly, between exp(-10) and exp(20).

    References:
        Lopez, Regier, Cole, Jordan & Yosef, Deep generative modeling for single-cell transcriptomics, 2018,
        doi:10.1038/s41592-018-0229-2 (arXiv:1709.02082 is an earlier form). There the mean is a share of the row's total count, by a
        softmax, times a size that is a latent variable; here it is the exponential of an output. There `t` has no bounds.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> loss = NegativeBinomial("shared")
        >>> weights = loss.init((2,), rng=np.random.default_rng(0))
        >>> cost = loss(weights, jnp.zeros((1, 2)), jnp.asarray([[0.0, 2.0]]))
        >>> round(float(cost[0]), 3)  # mean 1 and dispersion 1 are a fair coin's: log 2 + log 8
        2.773
    """

    dispersion: Dispersion = "per_feature"

    @property
    def link(self) -> str:
        return "log_mean_and_log_dispersion" if self.dispersion == "per_value" else "exp"

    @property
    def domain(self) -> Domain:
        return "nonnegative"

    @property
    def is_density(self) -> bool:
        return False

    def init(self, shape: Shape, *, rng: np.random.Generator) -> Tree:
        return learned_spread(self.dispersion, shape)

    def output_shape(self, shape: Shape) -> Shape:
        return location_shape(self.dispersion, shape)

    def check_rows(self, rows: np.ndarray) -> None:
        check_counts(self, rows)

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        return sum_features(cost_of_counts(location(self.dispersion, outputs), log_dispersion(self.dispersion, weights, outputs), x))

    def mean(self, outputs: Outputs) -> Data:
        return rates(location(self.dispersion, outputs))

    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        return draw_overdispersed(location(self.dispersion, outputs), log_dispersion(self.dispersion, weights, outputs), key=key)

    def start(self, mean: np.ndarray) -> np.ndarray:
        return location_start(self.dispersion, log_rates(mean))
