from collections.abc import Sequence

import numpy as np

from isthmus._component import choices
from isthmus._types import PositiveInt
from isthmus.architectures import AbstractArchitecture, Stage
from isthmus.bottlenecks import Deterministic
from isthmus.corruptions import AbstractCorruption, Masking
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Model, Parts
from isthmus.optimizers import AbstractOptimizer, Adam

from ._base import AbstractPretraining, Level


class LayerWise(AbstractPretraining):
    """Each pair of layers is first trained alone, as a denoising autoencoder of the codes of the pair below.

    For `k = 1, 2, ...` and `h_0 = x`: `min mean loss(g_k(f_k(corrupted(h_{k-1}))), h_{k-1})` over the `k`-th layer `f_k` of the encoder and
    the layer `g_k` of the decoder that faces it, with their activations; then `h_k = f_k(h_{k-1})`, of rows that are not damaged. The first
    loss is the model's, the others are squared errors; the last pair has the model's bottleneck and prior. Penalties and dropout wait
    for the fit that follows, which trains all layers together.

    It pays in networks of three hidden layers and more: most of all with sigmoid units, which gradients barely move from random weights,
    and with relu; least with tanh and silu. `Residual` reaches as far without it. It is for architectures made of
    pairs of layers, `Dense` with given `hidden_dims` and `Tied`. Each pair costs `epochs` passes over the rows with two layers instead
    of all, the compilation of a program of its own, and the codes of all rows in memory.

    Attributes:
        epochs: passes over the rows, for each pair of layers.
        corruption: damage to what a pair is given, in the place of the model's own corruption; None for none.
        optimizer: how the weights of a pair move, in the place of the fit's own optimizer.

    References:
        Vincent, Larochelle, Lajoie, Bengio & Manzagol, Stacked Denoising Autoencoders, Journal of Machine Learning Research 11, 2010,
        section 3.4. There units are sigmoid, and their values' errors cross-entropies; and the decoders are thrown away. Here they
        become the decoder, as in Hinton & Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, Science 313,
        2006, who train each pair as a restricted Boltzmann machine by contrastive divergence.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().data
        >>> deep = Autoencoder(8, hidden_dims=(32, 16), activation="tanh", max_epochs=1, random_state=0)
        >>> plain = deep.fit(X).score(X)
        >>> deep.set_params(pretraining=LayerWise(epochs=5)).fit(X).score(X) > 0.8 * plain
        True
    """

    epochs: PositiveInt = 30
    corruption: AbstractCorruption | None = Masking(0.2)
    optimizer: AbstractOptimizer = Adam()

    def __call__(self, model: Model, rows: Level) -> Model:
        architecture, weights = model.parts.architecture, model.weights
        stages = architecture.stages(weights.encoder, weights.decoder)
        if not stages:
            able = [name for name, part in choices(AbstractArchitecture).items() if part.stages is not AbstractArchitecture.stages]
            raise PartError(
                f"`pretraining` by layers needs an architecture made of pairs of layers, and {architecture!r} is not. Choose one of: "
                f"{', '.join(able)}; or leave `pretraining` None."
            )
        networks = []
        for index in range(len(stages)):
            stage = rows.trained(self._autoencoder(model, stages, index), optimizer=self.optimizer, max_epochs=self.epochs)
            networks.append((stage.weights.encoder, stage.weights.decoder))
            model = _with_outer_weights(model, stage, bottom=index == 0, top=index == len(stages) - 1)
            if index < len(stages) - 1:
                rows = rows.encoded(stage)
        encoder, decoder = architecture.assembled(weights.encoder, weights.decoder, networks)
        return model._replace(weights=model.weights._replace(encoder=encoder, decoder=decoder))

    def _autoencoder(self, model: Model, stages: Sequence[Stage], index: int) -> Model:
        """One pair of layers as a model."""
        bottom, top, stage, whole = index == 0, index == len(stages) - 1, stages[index], model.parts
        parts = Parts(
            stage.architecture,
            whole.loss if bottom else SquaredError(),
            data_shape=whole.data_shape if bottom else (stages[index - 1].n_codes,),
            latent_shape=whole.latent_shape if top else (stage.n_codes,),
            bottleneck=whole.bottleneck if top else Deterministic(),
            prior=whole.prior if top else None,
            corruption=self.corruption,
            code_activation=whole.code_activation if top else stage.activation,
            output_activation=whole.output_activation if bottom else stages[index - 1].activation,
            precision=whole.precision,
        )
        pair = Model.init(parts, rng=np.random.default_rng(0))
        pair = pair._replace(weights=pair.weights._replace(encoder=stage.encoder, decoder=stage.decoder))
        return _with_outer_weights(pair, model, bottom=bottom, top=top)


def _with_outer_weights(model: Model, other: Model, *, bottom: bool, top: bool) -> Model:
    """`model` with what `other` has learned beside its networks: the loss at the bottom, bottleneck and prior at the top."""
    weights, state = model.weights, model.state
    if bottom:
        weights, state = weights._replace(loss=other.weights.loss), state._replace(loss=other.state.loss)
    if top:
        weights = weights._replace(bottleneck=other.weights.bottleneck, prior=other.weights.prior)
        state = state._replace(bottleneck=other.state.bottleneck)
    return model._replace(weights=weights, state=state)
