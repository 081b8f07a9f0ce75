from ._base_codebook import AbstractCodebook


class VectorQuantized(AbstractCodebook):
    """Each vector of the code is the nearest entry of a learned codebook.

    The encoder's output is cut into `n_groups` vectors `z`, and each becomes `e_k` with `k = argmin_j ||z - e_j||^2`; the decoder's
    gradient is handed to `z` unchanged. A row costs `commitment` times the sum of `||z - sg(e)||^2` over its vectors, where `sg` stops the
    gradient: a term of the row alone, in the unit of the squared error, whatever the batch and however the code is cut. All vectors share
    one codebook; `Autoencoder.codes` gives the numbers `k`, of which a row has `n_groups`.

    Entries follow the vectors that chose them, `e <- e + (1 - decay) (sum of z - n e) / N` with the moving count `N <- decay N + (1 -
    decay) n`, or are learned by gradient from `||sg(z) - e||^2`, summed likewise. They begin at the centers of clusters of the encoder's
    first outputs. An entry whose moving count is below `dead_below` of the mean is dead: it is put on a random vector of the batch. The
    history has `perplexity`, the exponential of the entropy of a batch's choices (`n_codes` at most), `dead_codes`, the share of dead
    entries, and `revived_codes`, how many have been put elsewhere so far.

    For codes that are to be stored, counted or modelled as words. A step costs `n_groups * n_codes` distances a row.

    Attributes:
        n_codes: entries of the codebook.
        n_groups: vectors in a code; it must divide `latent_dim`.
        commitment: weight of the term that keeps the encoder near its entries.
        update: how entries are learned; "gradient" adds the term `codebook`, of weight 1.
        decay: of the moving averages, a step.
        dead_below: the share of the mean count below which an entry is dead.
        revival: whether dead entries are put elsewhere.

    References:
        van den Oord, Vinyals & Kavukcuoglu, Neural Discrete Representation Learning, 2017, arXiv:1711.00937. Departures: the averages are
        kept as entries and counts instead of sums and counts, so that an entry that nobody chooses stays where it is, without the
        smoothing of counts; counts begin at 1; the start by k-means and revival, after Lancucki et al., Robust Training of
        Vector Quantized Bottleneck Models, 2020, arXiv:2005.08520; with "gradient" the jump of a revived entry is kept in
        the state and added to what is learned.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().data
        >>> bottleneck = VectorQuantized(16, n_groups=4)
        >>> autoencoder = Autoencoder(8, bottleneck=bottleneck, max_epochs=3, random_state=0).fit(X)
        >>> autoencoder.codes(X).shape
        (1797, 4)
    """

    @property
    def depth(self) -> int:
        """One codebook."""
        return 1
