from isthmus._types import PositiveInt

from ._base_codebook import AbstractCodebook


class ResidualQuantized(AbstractCodebook):
    """Each vector of the code is a sum of entries, one from each of several codebooks, every one for what those before left.

    `r_0 = z`, `e_s = nearest entry of codebook s to r_(s-1)`, `r_s = r_(s-1) - e_s`, and the code is `e_1 + ... + e_S`. So `n_stages`
    codebooks of `n_codes` entries tell `n_codes ** n_stages` vectors apart at the price of `n_stages * n_codes` distances. A row costs
    `commitment` times the sum over stages and vectors of `||z - sg(e_1 + ... + e_s)||^2`, and with update="gradient" that of `||sg(r_(s-1))
    - e_s||^2`. All else is as in `VectorQuantized`: the first codebook starts at the centers of clusters, each later one at those of what
    is left.

    `Autoencoder.codes` gives `n_groups * n_stages` numbers a row, those of the first vector first, from its coarsest to its finest.
    `nearest` finds entries in the same order, stage by stage, which need not be the nearest of all sums. The perplexity in the history is
    the mean of the stages'.

    Attributes:
        n_codes: entries of each codebook.
        n_stages: codebooks that a vector passes.
        n_groups: vectors in a code; it must divide `latent_dim`.
        commitment: weight of the term that keeps the encoder near its entries.
        update: how entries are learned, by "moving_average" or "gradient".
        decay: of the moving averages, a step.
        dead_below: the share of the mean count below which an entry is dead.
        revival: whether dead entries are put elsewhere.

    References:
        Lee et al., Autoregressive Image Generation using Residual Quantization, 2022, arXiv:2203.01941. Departures: each stage has a
        codebook of its own, where the paper shares one among the stages; the decoder is trained on whole sums alone; and those of
        `VectorQuantized`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().data
        >>> bottleneck = ResidualQuantized(16, n_stages=3, n_groups=2)
        >>> autoencoder = Autoencoder(8, bottleneck=bottleneck, max_epochs=3, random_state=0).fit(X)
        >>> autoencoder.codes(X).shape
        (1797, 6)
    """

    n_stages: PositiveInt = 4

    @property
    def depth(self) -> int:
        """A codebook for each stage."""
        return self.n_stages
