"""A sign of life from inside long computations: a beat at every layer, on the way there and on the way back.

    beat()          nothing, unless somebody watches this process from outside and has called `watch`
    layer(q, k, v)  the beat of a layer that has these queries, keys and values

Whoever watches can bound the silence between two beats, however long the work is: prefill, decoding and training all
go through the layouts' `attend`. On the way back autograd is inside its own code, so a hook at the queries beats there.
No number is changed by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def nothing() -> None: ...


beat: Callable[[], None] = nothing  # to be called as pulse.beat(), since `watch` puts another in its place


def watch(new: Callable[[], None] | None) -> None:
    """From now on a beat calls this; None: nothing."""
    global beat
    beat = nothing if new is None else new


def layer(*inputs: Any) -> None:
    """A beat now, and one when the gradient comes back to the first of these tensors that takes any."""
    if beat is nothing:
        return
    beat()
    for tensor in inputs:
        if tensor.requires_grad:
            tensor.register_hook(on_the_way_back)
            return


def on_the_way_back(gradient: Any) -> None:
    beat()
