"""Small models and hand-made evaluations that pages are made of."""

import numpy as np
from sklearn.decomposition import PCA

from isthmus.evaluation import Curve, Evaluation, Finding, Score

__all__ = ["evaluation_of"]


def evaluation_of(model, X, **changes):
    """An evaluation of a few scores, computed the short way."""
    flat = np.asarray(X, float).reshape(len(X), -1)
    codes = np.asarray(model.transform(X)).reshape(len(X), -1)
    back = model.reconstruct(X) if hasattr(model, "reconstruct") else model.inverse_transform(codes)
    squares = np.square(np.asarray(back, float).reshape(flat.shape) - flat)
    width = min(codes.shape[1], *flat.shape)
    pca = PCA(width, random_state=0).fit(flat)
    rivals = {"mean": float(flat.var(axis=0).mean()), f"PCA, {width} wide": _mse(flat, pca.inverse_transform(pca.transform(flat)))}
    mse = float(squares.mean())
    call = "evaluate(model, X, y)['{}'].value"
    scores = (
        _score("reconstruction", "mean squared error", mse, "square of the data's unit", "lower", rivals, call),
        _score("reconstruction", "explained share", 1 - mse / rivals["mean"], "share", "higher", {"mean": 0.0}, call),
        _score("code", "trustworthiness", 0.96131, "share", "higher", {"PCA": 0.9402}, call),
        _score("code", "active units", float(codes.shape[1]), "dimensions", "neither", {}, call),
        _score("labels", "accuracy of neighbors", 0.9422, "share", "higher", {"raw": 0.9633, "PCA": 0.9122}, call),
        _score("clusters", "adjusted mutual information", float("nan"), "share", "higher", {}, call),
        _score("cost", "learned numbers", 12345.0, "numbers", "lower", {}, call),
    )
    findings = (
        Finding("better than PCA", "good", f"The error is {mse:.3g}; that of PCA of the same width is {rivals[f'PCA, {width} wide']:.3g}."),
        Finding("under-training", "problem", "The loss still falls at the last epoch.", "Give it more epochs: `max_epochs=200`."),
        Finding("unscaled data", "notice", "One column <x> has 80 % of the variance & more.", 'Try scaling="standard".'),
    )
    noise = np.array([0.0, 0.5, 1.0, 2.0])
    lines = {"this model": mse * (1 + noise), "PCA": mse * (2 + noise)}
    curves = (
        Curve("Noise", "noise, in standard deviations", "mean squared error", noise, lines, "Ten draws."),
        Curve("Missing features", "share missing", "mean squared error", noise / 4, {"this model": mse * (1 + noise**2)}),
    )
    names = getattr(X, "columns", [f"x{column}" for column in range(flat.shape[1])])
    values = {
        "model": str(model),
        "scores": scores,
        "curves": curves,
        "findings": findings,
        "omitted": {"structural similarity": "`X` holds no images"},
        "feature_names": tuple(names),
        "feature_errors": squares.mean(axis=0),
        "row_errors": squares.mean(axis=1),
        "rows": np.arange(min(len(flat), 100)),
    }
    return Evaluation(**{**values, **changes})


def _mse(rows, back):
    return float(np.mean(np.square(rows - back)))


def _score(group, name, value, unit, better, baselines, call):
    return Score(group, name, value, unit, better, baselines, "on all rows", call.format(name))
