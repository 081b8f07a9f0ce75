"""What a recurrent cell does in one step, and its derivatives.

A step is given the inputs of the gates, the state's product with the recurrent weights, and the state, whose first array are the
hidden values. Its derivatives are written out, so that training keeps five or six numbers of a unit and step. Left to JAX it keeps ten
and more; and traffic to memory, not arithmetic, is what so small a step waits for. They are tangents, linear maps of tangents, from
which JAX makes the reverse mode.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

__all__ = ["KINDS", "Kind", "State"]

State: TypeAlias = tuple[Any, ...]


class Kind(NamedTuple):
    """A kind of cell.

    Attributes:
        step: the next state from the inputs of the gates, the state's product with the recurrent weights, and the state.
        n_states: how many arrays a state has.
        biases: where those of the gates begin.
    """

    step: Callable[[Any, Any, State], State]
    n_states: int
    biases: tuple[float, ...]


@jax.custom_jvp
def _gru_step(inputs: Any, product: Any, state: State) -> State:
    (hidden,) = state
    _, update, candidate = _gru_gates(inputs, product)
    return (candidate + update * (hidden - candidate),)


def _gru_gates(inputs: Any, product: Any) -> tuple[Any, Any, Any]:
    seen_by_reset, seen_by_update, seen = jnp.split(inputs, 3)
    known_to_reset, known_to_update, known = jnp.split(product, 3)
    reset, update = jax.nn.sigmoid(seen_by_reset + known_to_reset), jax.nn.sigmoid(seen_by_update + known_to_update)
    return reset, update, jnp.tanh(seen + reset * known)


@_gru_step.defjvp
def _gru_tangents(primals: Any, tangents: Any) -> tuple[State, State]:
    inputs, product, (hidden,) = primals
    d_inputs, d_product, (d_hidden,) = tangents
    reset, update, candidate = _gru_gates(inputs, product)
    known = jnp.split(product, 3)[2]
    by_candidate = (1.0 - update) * (1.0 - candidate * candidate)
    by_reset, by_update = by_candidate * known * reset * (1.0 - reset), (hidden - candidate) * update * (1.0 - update)
    d_seen_by_reset, d_seen_by_update, d_seen = jnp.split(d_inputs, 3)
    d_known_to_reset, d_known_to_update, d_known = jnp.split(d_product, 3)
    d_next = (
        update * d_hidden
        + by_reset * (d_seen_by_reset + d_known_to_reset)
        + by_update * (d_seen_by_update + d_known_to_update)
        + by_candidate * (d_seen + reset * d_known)
    )
    return (candidate + update * (hidden - candidate),), (d_next,)


@jax.custom_jvp
def _lstm_step(inputs: Any, product: Any, state: State) -> State:
    _, memory = state
    write, forget, show, candidate = _lstm_gates(inputs, product)
    memory = forget * memory + write * candidate
    return show * jnp.tanh(memory), memory


def _lstm_gates(inputs: Any, product: Any) -> tuple[Any, Any, Any, Any]:
    write, forget, show, candidate = jnp.split(inputs + product, 4)
    return jax.nn.sigmoid(write), jax.nn.sigmoid(forget), jax.nn.sigmoid(show), jnp.tanh(candidate)


@_lstm_step.defjvp
def _lstm_tangents(primals: Any, tangents: Any) -> tuple[State, State]:
    inputs, product, (_, memory) = primals
    d_inputs, d_product, (_, d_memory) = tangents
    write, forget, show, candidate = _lstm_gates(inputs, product)
    after = forget * memory + write * candidate
    shown = jnp.tanh(after)
    d_write, d_forget, d_show, d_candidate = jnp.split(d_inputs + d_product, 4)
    d_after = (
        forget * d_memory
        + (memory * forget * (1.0 - forget)) * d_forget
        + (candidate * write * (1.0 - write)) * d_write
        + (write * (1.0 - candidate * candidate)) * d_candidate
    )
    d_next = (shown * show * (1.0 - show)) * d_show + (show * (1.0 - shown * shown)) * d_after
    return (show * shown, after), (d_next, d_after)


KINDS = {
    "gru": Kind(_gru_step, n_states=1, biases=(0.0, 0.0, 0.0)),
    "lstm": Kind(_lstm_step, n_states=2, biases=(0.0, 1.0, 0.0, 0.0)),
}
