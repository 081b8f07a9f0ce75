from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ._reconstruction import Errors
from ._scores import Finding, Score
from ._subject import Subject, table, unnamed

__all__ = ["findings"]

_ORDER = {"problem": 0, "notice": 1, "good": 2}
_GAP, _SHARE, _TAIL, _FALLING, _USED = 1.25, 0.5, 0.25, 0.01, 0.25


def findings(subject: Subject, scores: Mapping[str, Score], errors: Errors, codes: np.ndarray) -> tuple[Finding, ...]:
    """What stands out about a model, problems first.

    Args:
        subject: whose.
        scores: by name.
        errors: of reconstructions.
        codes: of some rows, (rows, dims).
    """
    found = [
        *_reconstruction(scores, errors),
        *_code(subject, scores, codes),
        *_codebook(subject),
        *_training(subject, scores),
        *_data(subject),
    ]
    return tuple(sorted(found, key=lambda each: _ORDER[each.level]))


def _reconstruction(scores: Mapping[str, Score], errors: Errors) -> Iterator[Finding]:
    mse = scores["mean squared error"]
    pca = next(name for name in mse.baselines if name != "mean")
    if "R2" in scores and scores["R2"].value < 0.05:
        text = f"The model explains {max(scores['R2'].value, 0.0):.0%} of the variance: it gives back little more than the mean row."
        yield Finding("mean rows", "problem", text, "Train longer or with another `learning_rate`, and check `scaling` and the loss.")
    elif mse.value > 1.02 * mse.baselines[pca]:
        worse = mse.value / max(mse.baselines[pca], 1e-300) - 1.0
        text = f"The squared error is {worse:.0%} above that of {pca}, which is linear and takes no training."
        yield Finding(
            "behind PCA", "notice", text, "If reconstruction is what matters, train longer, use wider layers, or drop penalties one by one."
        )
    elif mse.value < 0.98 * mse.baselines[pca]:
        text = f"The squared error is {1.0 - mse.value / mse.baselines[pca]:.0%} below that of {pca}."
        yield Finding("beside PCA", "good", text)
    if "sharpness" in scores and scores["sharpness"].value < 0.6:
        text = f"Reconstructions are blurred: they hold {scores['sharpness'].value:.0%} of the originals' detail."
        advice = (
            "A squared error pays for the mean of what is possible. Use a larger `latent_dim`, longer training, or the losses `ssim` or "
            "`ms_ssim`."
        )
        yield Finding("blur", "notice", text, advice)
    worst = np.sort(errors.rows)[::-1][: max(1, len(errors.rows) // 100)]
    if len(errors.rows) >= 200 and worst.sum() > _TAIL * errors.rows.sum() > 0.0:
        text = f"1 % of the rows carry {worst.sum() / errors.rows.sum():.0%} of the squared error."
        advice = "Look at the worst rows. If they are faulty, drop them or use a loss that forgives: `huber`, `student_t`, `correntropy`."
        yield Finding("outliers", "notice", text, advice)
    total = errors.features.sum()
    if len(errors.features) >= 5 and errors.features.max() > _SHARE * total > 0.0:
        name_share = errors.features.max() / total
        text = f"One column carries {name_share:.0%} of the squared error."
        yield Finding(
            "one column", "notice", text, "If it is no more important than others, bring columns to one scale with scaling='standard'."
        )


def _code(subject: Subject, scores: Mapping[str, Score], codes: np.ndarray) -> Iterator[Finding]:
    width = codes.shape[1]
    active = int(scores["active units"].value)
    if active < width:
        unused = width - active
        level = "problem" if active == 0 else "notice"
        text = f"{unused} of {width} dimensions of the code are not used."
        if getattr(subject.core, "active_units_", None) is not None:
            advice = (
                "A variational model drops what the likelihood does not pay for. Lower `bottleneck__beta`, warm it up, or accept a smaller "
                "code."
            )
            yield Finding("collapse", level, text, advice)
        else:
            yield Finding("dead units", level, text, "Use a smaller `latent_dim`, or another `activation` if you need all of them.")
        return
    rank = scores["effective rank"].value
    if width >= 4 and rank < 0.5 * width:
        text = f"The code of {width} dimensions spreads over about {rank:.1f} directions."
        yield Finding(
            "wide code", "notice", text, f"A `latent_dim` of about {max(round(rank), 1)} may do as well; compare a few with `rate_quality`."
        )
    data = scores["intrinsic dimension"].baselines.get("data", 0.0) if "intrinsic dimension" in scores else 0.0
    # A model behind PCA, which has the same width, loses by something else.
    mse = scores["mean squared error"]
    is_as_good = mse.value <= 1.02 * min(mse.baselines.values())
    if is_as_good and "R2" in scores and scores["R2"].value < 0.8 and np.isfinite(data) and data > width + 1:
        lost = 1.0 - scores["R2"].value
        text = f"The rows seem to vary in about {data:.0f} ways, the code has {width} dimensions, and {lost:.0%} of the variance is lost."
        yield Finding("narrow code", "notice", text, "If that is too much, use a larger `latent_dim`.")


def _codebook(subject: Subject) -> Iterator[Finding]:
    if subject.core is None:
        return
    bottleneck = subject.core.model_.parts.bottleneck
    n_codes = getattr(bottleneck, "n_codes", 0)
    if not n_codes:
        return
    with unnamed():
        chosen = subject.core.codes(subject.x[subject.rows], subject.labels(subject.rows)).reshape(-1, bottleneck.depth)
    used = float(np.mean([len(np.unique(stage)) for stage in chosen.T]))
    if len(chosen) >= 4 * n_codes and used < _USED * n_codes:
        text = f"Of the {n_codes} entries of a codebook {len(chosen)} vectors use {used:.0f}."
        advice = "Use a smaller `bottleneck__n_codes`, or bottleneck__revival=True, which puts unused entries where vectors are."
        yield Finding("collapse", "notice", text, advice)


def _training(subject: Subject, scores: Mapping[str, Score]) -> Iterator[Finding]:
    history: dict[str, Any] = getattr(subject.core, "history_", {})
    if "generalization gap" in scores and scores["generalization gap"].value > _GAP:
        gap = scores["generalization gap"].value
        text = f"The error on these rows is {gap:.2f} times that on the training rows."
        yield Finding("overfitting", "notice", text, _ADVICE_OVERFITTING)
    elif "val_loss" in history and len(history["loss"]) >= 1:
        best = max(subject.core.best_epoch_ - 1, 0)
        learned, seen = history["loss"][best], history["val_loss"][best]
        if learned > 0.0 and seen > _GAP * learned:
            text = f"The validation loss is {seen / learned:.2f} times the training loss."
            yield Finding("overfitting", "notice", text, _ADVICE_OVERFITTING)
    watched = history.get("val_loss", history.get("loss", np.empty(0)))
    if getattr(subject.core, "stop_reason_", "") in ("max_epochs", "max_seconds", "interrupted") and len(watched) >= 2:
        tail = max(len(watched) // 10, min(2, len(watched) - 1))
        before, after = np.min(watched[:-tail]), np.min(watched)
        if before - after > _FALLING * abs(before) and not _slows_down(subject):
            fall = (before - after) / abs(before)
            share = f"by {fall:.1%} in the last {tail} of {len(watched)} epochs"
            text = f"The loss was still falling when training ended ({subject.core.stop_reason_}): {share}."
            yield Finding("under-training", "notice", text, "Use more `max_epochs`, or `warm_start=True` and fit again.")


def _slows_down(subject: Subject) -> bool:
    """Whether the rate went to zero in the end, so that falling to the last is how it should be."""
    optimizer = getattr(subject.core, "optimizer", None)
    schedule = getattr(optimizer, "schedule", None)
    return schedule is not None and type(schedule).__name__ not in ("Constant", "ReduceOnPlateau")


def _data(subject: Subject) -> Iterator[Finding]:
    some = table(subject.x[subject.rows]).astype(np.float64)
    variance = some.var(axis=0)
    affine = getattr(subject.core, "scaling_", None)
    seen = variance if affine is None else variance / np.square(np.broadcast_to(affine.scale, subject.shape)).ravel()
    is_table = len(variance) >= 3 and not subject.is_image
    if is_table and subject.core is not None and seen.max() > 0.8 * seen.sum() > 0.0:
        name = subject.feature_names[int(seen.argmax())] if len(subject.feature_names) == len(variance) else "one column"
        share = seen.max() / seen.sum()
        text = f"{name!r} holds {share:.0%} of the variance of all columns, and so most of what the model is paid for."
        yield Finding("unscaled data", "notice", text, "Unless its unit is meant to count that much, fit with scaling='standard'.")
    constant = int(np.count_nonzero(variance == 0.0))
    if constant and not subject.is_image and constant > len(variance) // 2:
        text = f"{constant} of {len(variance)} columns do not vary in the rows that were looked at."
        yield Finding("constant columns", "notice", text, "They cost time and tell nothing. Drop them.")


_ADVICE_OVERFITTING = "Use more rows, a smaller network, `regularizers`, `corruption`, or a smaller `patience`."
