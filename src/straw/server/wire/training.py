"""forward_backward: a request's data as Examples, and what came of them as the SDK reads it.

A datum is tokens, and arrays with a row for each token. Each number is looked at here: whatever reaches the model is
finite, of the shape of its targets and in its vocabulary, or the request was refused as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from straw.engines.tenants.records import Array, Example, Gradient, Tokens
from straw.errors import did_you_mean
from straw.server.wire import messages
from straw.server.wire.body import look_over, no_protobuf
from straw.server.wire.limits import Limits, no_such_token
from straw.server.wire.refused import BadRequest, quoted
from straw.server.wire.tensors import float32, from_bytes, int64, read_tensor, shape_text

TARGETS = "target_tokens"
INPUTS = (
    TARGETS, "weights", "logprobs", "advantages", "clip_low_threshold", "clip_high_threshold", "sequence_ratio_mask",
)  # fmt: skip
RECORD = "ArrayRecord"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardBackward:
    """One chunk of a forward_backward call, or of a forward one."""

    model_id: str
    seq_id: int
    data: list[Example]
    loss_fn: str
    settings: dict[str, float]
    forward_only: bool
    sequences: frozenset[str] = frozenset()  # of samples that the data say they come from


def read_forward_backward(body: bytes, limits: Limits) -> ForwardBackward:
    """The request, or BadRequest: nothing else is raised, whatever the bytes are."""
    limits.at_most("body_bytes", len(body), "bytes of a body")
    look_over(body, limits)
    request = messages.ForwardBackwardRequest()
    try:
        request.ParseFromString(body)
    except (DecodeError, UnicodeDecodeError) as error:
        raise no_protobuf() from error
    if not request.data:
        raise BadRequest("data of a request: at least one datum, got none: leave the call out")
    if request.seq_id < 1:
        raise BadRequest(f"seq_id is 1, 2, 3 and so on for each model, got {request.seq_id}: send the next one")
    reader = Reader(limits)
    return ForwardBackward(
        model_id=name(request.model_id, "model_id", limits),
        seq_id=request.seq_id,
        data=[reader.example(datum, f"datum {index}") for index, datum in enumerate(request.data)],
        loss_fn=name(request.loss_fn, "loss_fn", limits),
        settings=settings(request, limits),
        forward_only=request.forward_only,
        sequences=frozenset(reader.sequences),
    )


def name(value: str, what: str, limits: Limits) -> str:
    if not value:
        raise BadRequest(f"{what} is a text, got none: send what the SDK sends")
    limits.at_most("name_length", len(value), f"characters of {what}")
    return value


def settings(request: Any, limits: Limits) -> dict[str, float]:
    """loss_fn_config: the second map where it says anything, and only numbers."""
    found = dict(request.loss_fn_config)
    for key, value in request.loss_fn_config_v2.items():
        if value.WhichOneof("value") != "number":
            raise BadRequest(f"loss_fn_config[{quoted(key)}] is a number, got {quoted(value.text)}: send a number")
        found[key] = value.number
    limits.at_most("settings", len(found), "settings in loss_fn_config")
    for key, number in found.items():
        limits.at_most("name_length", len(key), "characters of a setting's name")
        if not np.isfinite(number):
            raise BadRequest(f"loss_fn_config[{quoted(key)}] is a finite number, got {number}: send another")
    return found


class Reader:
    """Data of one request, whose limits hold for all of them together."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.num_tokens = self.num_cells = 0
        self.sequences: set[str] = set()

    def example(self, datum: Any, where: str) -> Example:
        tokens = self.tokens(datum.model_input, where)
        self.num_tokens += len(tokens)
        self.limits.at_most("tokens_per_request", self.num_tokens, "tokens of a request")
        inputs = {key: self.input(datum, key, len(tokens), where) for key in self.names(datum, where)}
        targets = inputs[TARGETS]
        if ((targets < 0) | (targets >= (self.limits.vocabulary or 1 << 31))).any():
            raise no_such_token(self.limits, int(targets.max() if targets.min() >= 0 else targets.min()))
        for key, array in inputs.items():
            if array.shape != targets.shape:
                raise BadRequest(
                    f"{where}: {key} has the shape of {TARGETS}, {shape_text(targets.shape)}, got "
                    f"{shape_text(array.shape)}: send as many"
                )
        self.spans(datum, len(tokens), where)
        return Example(tokens, inputs)

    def tokens(self, chunks: Any, where: str) -> Tokens:
        pieces = [self.chunk(chunk, where) for chunk in chunks]
        tokens = np.concatenate(pieces) if pieces else np.zeros(0, "<i4")
        if not len(tokens):
            raise BadRequest(f"{where}: model_input has at least one token, got none: leave the datum out")
        self.limits.at_most("tokens_per_datum", len(tokens), f"{where}: tokens")
        if ((tokens < 0) | (tokens >= (self.limits.vocabulary or 1 << 31))).any():
            raise no_such_token(self.limits, int(tokens.max() if tokens.min() >= 0 else tokens.min()))
        return tuple(tokens.tolist())

    def chunk(self, chunk: Any, where: str) -> Array:
        kind = chunk.WhichOneof("chunk")
        if kind == "encoded_text":
            return from_bytes(chunk.encoded_text.tokens, "<i4", where, "tokens")
        raise no_such_chunk(kind or "nothing", where)

    def names(self, datum: Any, where: str) -> list[str]:
        """Of the arrays, and all of them known."""
        found = list(datum.loss_fn_inputs)
        for key in found:
            if key not in INPUTS:
                raise BadRequest(
                    f"{where}: a loss reads {', '.join(INPUTS)}, got {quoted(key)}: "
                    f"leave it out ({did_you_mean(key[:64], INPUTS)})"
                )
        if TARGETS not in found:
            raise BadRequest(f"{where}: loss_fn_inputs have {TARGETS}, got {quoted(found)}: send them for every loss")
        return found

    def input(self, datum: Any, key: str, length: int, where: str) -> Array:
        array = read_tensor(datum.loss_fn_inputs[key], f"{where}: {key}", length, self.limits)
        if array.ndim == 2:
            self.num_cells += array.size
            self.limits.at_most("dense_cells", self.num_cells, "cells of a request's [N, K] arrays, once dense")
        is_float = array.dtype.kind == "f"
        if key == TARGETS:
            if is_float:
                raise BadRequest(f"{where}: {key} are int64, got floats: send token ids")
            return array
        if is_float and not np.isfinite(array).all():
            place = int(np.flatnonzero(~np.isfinite(array))[0])
            raise BadRequest(f"{where}: {key} are finite, got {array.flat[place]} at place {place}: send numbers")
        return array if is_float else array.astype("<f4")

    def spans(self, datum: Any, length: int, where: str) -> None:
        """Where tokens came from: both lists or neither, and each covers its field."""
        lists = {"model_input_spans": datum.model_input_spans, "loss_fn_input_spans": datum.loss_fn_input_spans}
        if not any(map(len, lists.values())):
            return
        for key, spans in lists.items():
            total = sum(self.span(span, f"{where}: {key}") for span in spans)
            if total != length:
                raise BadRequest(
                    f"{where}: {key} cover the datum's {length} tokens, got {total}: send both lists whole, or neither"
                )

    def span(self, span: Any, where: str) -> int:
        kind = span.WhichOneof("span")
        one = getattr(span, kind) if kind else None
        if one is None or not one.sequence_id or one.offset < 0 or one.length < 0:
            raise BadRequest(f"{where}: a span names a sequence, and its offset and length are 0 or more: send that")
        self.limits.at_most("name_length", len(one.sequence_id), "characters of a sequence's id")
        self.sequences.add(one.sequence_id)
        return int(one.length)


def no_such_chunk(kind: str, where: str) -> BadRequest:
    return BadRequest(f"{where}: a chunk is encoded_text, got {quoted(kind)}: this server's models read text alone")


# --- the answer


def write_gradient(gradient: Gradient) -> bytes:
    """A ForwardBackwardOutput: data that follow each other with one number of columns are one record."""
    answer = messages.ForwardBackwardOutput(loss_fn_output_type=RECORD, metrics=gradient.metrics)
    data = list(zip(gradient.logprobs, gradient.elementwise_loss, strict=True))
    for trailing, group in groupby(data, key=lambda pair: pair[0].shape[1:]):
        logprobs, losses = zip(*group, strict=True)
        record = answer.loss_fn_outputs.add(type_tag=RECORD, num_datums=len(logprobs))
        put(record.fields["logprobs"], logprobs, trailing)
        put(record.fields["elementwise_loss"], losses, trailing)
    return bytes(answer.SerializeToString(deterministic=True))


def put(field: Any, arrays: tuple[Array, ...], trailing: tuple[int, ...]) -> None:
    """Arrays end to end, with the bytes where each begins."""
    parts = [float32(array) for array in arrays]
    field.data, field.dtype = b"".join(parts), messages.FLOAT32
    field.offsets = int64(np.cumsum([0, *map(len, parts)]))
    field.trailing_shape.extend(trailing)
