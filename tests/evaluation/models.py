"""Models that are made up, and so take no training."""

from sklearn.base import BaseEstimator

__all__ = ["Made"]


class Made(BaseEstimator):
    """A model of two functions."""

    def __init__(self, encode, decode):
        self.encode = encode
        self.decode = decode
        self.is_fitted_ = True

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return self.encode(X)

    def inverse_transform(self, codes):
        return self.decode(codes)
