"""asample: a request for replies to one prompt, and the replies as the SDK reads them.

stop null          the end token stops           stop [..]       these too, and the end token still does
stop []            nothing does                  stop "text"     the token that completes it does

A prompt comes in one chunk or several. Where the first of several is empty the others are a conversation, what it opens
with and then replies and messages in turn: straw's own client sends that, and has the bits of a local run.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from straw.engines.tenants.records import Array, Sampled, Sampling, Sequence, Tokens, TopK
from straw.server.wire import messages
from straw.server.wire.fields import Fields
from straw.server.wire.limits import Limits
from straw.server.wire.refused import BadRequest, quoted
from straw.server.wire.tensors import Csr, float32, int32, int64
from straw.server.wire.training import no_such_chunk

HOTTEST = 1e4  # what is hotter is even
NO_LOGPROB = -99999.0  # of an empty cell of a top-k table


@dataclass(frozen=True, slots=True)
class Form:
    """How the answer about the prompt is laid out: as the request was."""

    last_n: int | None = None  # scores of the last n tokens of the prompt alone
    cells: Csr | None = None  # of sparse target_prompt_logprobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Asample:
    """One asample. A session is named, or (old programs) the model itself."""

    sampling_session_id: str
    seq_id: int
    num_samples: int
    seed: int | None
    prompt: Tokens
    turns: tuple[int, ...] = ()
    max_tokens: int | None = None
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    stop: frozenset[int] = frozenset()
    stop_strings: tuple[str, ...] = ()
    end_token_stops: bool = True
    topk_logprobs: int = 0
    prompt_logprobs: bool = False
    topk_prompt_logprobs: int = 0
    target_tokens: Array | None = None
    prompt_alternatives: int = 0
    record_stability_info: bool = False
    form: Form = field(default_factory=Form)

    def sampling(self, seeds: tuple[int, ...]) -> Sampling:
        """What the model is asked, with a seed for each reply."""
        return Sampling(
            prompt=self.prompt, turns=self.turns, seeds=seeds, max_tokens=self.max_tokens, temperature=self.temperature,
            top_k=self.top_k, top_p=self.top_p, stop=self.stop, stop_strings=self.stop_strings,
            end_token_stops=self.end_token_stops, topk_logprobs=self.topk_logprobs,
            prompt_logprobs=self.prompt_logprobs, topk_prompt_logprobs=self.topk_prompt_logprobs,
            target_tokens=self.target_tokens, prompt_alternatives=self.prompt_alternatives,
        )  # fmt: skip


def read_asample(body: dict[str, Any], limits: Limits) -> Asample:
    """The request, or BadRequest: nothing else is raised, whatever the object holds."""
    fields = Fields(body, limits)
    prompt, turns = read_prompt(fields, limits)
    topk, alternatives = (
        read_width(fields, name, len(prompt), limits) for name in ("topk_prompt_logprobs", "prompt_alt_tokens_k")
    )
    target_tokens, cells = read_targets(fields, len(prompt), limits)
    found = Asample(
        sampling_session_id=fields.text("sampling_session_id"),
        seq_id=fields.integer("seq_id", 0),
        num_samples=fields.integer("num_samples", 1, limits.num_samples, default=1),
        prompt=prompt,
        topk_logprobs=fields.integer("topk_sample_logprobs", 0, limits.topk, default=0),
        prompt_logprobs=fields.flag("prompt_logprobs"),
        topk_prompt_logprobs=topk,
        prompt_alternatives=alternatives,
        target_tokens=target_tokens,
        record_stability_info=fields.flag("record_stability_info"),
        form=Form(read_last_n(fields, len(prompt)), cells),
        **read_params(fields.inner("sampling_params"), limits),
    )
    return replace(found, turns=turns) if are_turns(turns) and not found.sampling((0,)).asks_of_prompt else found


def are_turns(lengths: tuple[int, ...]) -> bool:
    """An opening, and pairs of a reply and a message that say something."""
    pairs = list(zip(lengths[1::2], lengths[2::2], strict=False))
    return len(lengths) > 1 and len(lengths) % 2 == 1 and lengths[0] > 0 and all(map(sum, pairs))


def read_width(fields: Fields, name: str, length: int, limits: Limits) -> int:
    """Of a table with a row for each place of the prompt."""
    k: int = fields.integer(name, 0, limits.topk, default=0)
    limits.at_most("dense_cells", k * length, f"cells of {name}")
    return k


def read_params(fields: Fields, limits: Limits) -> dict[str, Any]:
    top_k = fields.integer("top_k", -1, default=-1)
    top_p = fields.number("top_p", 0, 1, default=1.0)
    if top_p == 0:
        raise fields.refuse("top_p", "more than 0 and at most 1")
    return {
        "seed": fields.integer_or_none("seed", -(1 << 63), (1 << 64) - 1),
        "max_tokens": fields.integer_or_none("max_tokens", 1, limits.max_tokens),
        "temperature": fields.number("temperature", 0, HOTTEST, default=1.0),
        "top_k": max(top_k, 0),
        "top_p": top_p,
        **read_stop(fields, limits),
    }


def read_stop(fields: Fields, limits: Limits) -> dict[str, Any]:
    stop = fields.get("stop")
    if stop is None:
        return {}
    stops = [stop] if isinstance(stop, str) else stop
    rule = "a text, texts, or token ids"
    if not isinstance(stops, list):
        raise fields.refuse("stop", rule)
    limits.at_most("stops", len(stops), "stops of one request")
    if not stops:
        return {"end_token_stops": False}
    if all(type(one) is int for one in stops):
        return {"stop": frozenset(map(limits.token, stops))}
    if not all(isinstance(one, str) and one for one in stops):
        raise fields.refuse("stop", f"{rule}, none of them empty")
    limits.at_most("stop_length", max(map(len, stops)), "characters of a stop text")
    return {"stop_strings": tuple(dict.fromkeys(stops))}


def read_prompt(fields: Fields, limits: Limits) -> tuple[Tokens, tuple[int, ...]]:
    """Its tokens, and the lengths of the chunks behind an empty first one."""
    chunks = fields.inner("prompt").get("chunks")
    if not isinstance(chunks, list):
        raise BadRequest(f"prompt.chunks is a list of chunks, got {quoted(chunks)}: send encoded_text", 422)
    tokens: list[int] = []
    ends: list[int] = []
    for index, values in enumerate(chunks):
        chunk = Fields(values, limits, f"prompt.chunks[{index}]")
        if (kind := chunk.text("type", "encoded_text")) != "encoded_text":
            raise no_such_chunk(kind, f"prompt.chunks[{index}]")
        tokens += chunk.numbers("tokens", limits.dense_cells)
        limits.at_most("prompt_tokens", len(tokens), "tokens of a prompt")
        ends.append(len(tokens))
    if not tokens:
        raise BadRequest("a prompt has at least one token, got none: send one, as the tokenizer's start token")
    limits.token(min(tokens))
    limits.token(max(tokens))
    lengths = (end - begin for begin, end in pairwise(ends)) if ends[0] == 0 else ()
    return tuple(tokens), tuple(lengths)


def read_last_n(fields: Fields, length: int) -> int | None:
    last_n = fields.integer_or_none("prompt_logprobs_last_n", 1, max(length - 1, 1))
    if last_n is not None and not fields.flag("prompt_logprobs"):
        raise fields.refuse("prompt_logprobs_last_n", "for prompt_logprobs", "set prompt_logprobs to true")
    return last_n


def read_targets(fields: Fields, length: int, limits: Limits) -> tuple[Array | None, Csr | None]:
    """[length - 1, K] token ids, -1 for none: dense, or the cells that are there."""
    if fields.get("target_prompt_logprobs") is None:
        return None, None
    tensor = fields.inner("target_prompt_logprobs")
    if tensor.text("dtype", "int64") != "int64":
        raise tensor.refuse("dtype", "int64")
    shape = tensor.numbers("shape", 2) if tensor.get("shape") is not None else []
    if len(shape) != 2 or shape[0] != length - 1 or shape[1] < 1:
        raise tensor.refuse("shape", f"[{length - 1}, K]", f"a row for each prompt token but the first, got {shape}")
    limits.at_most("target_width", shape[1], "columns of target_prompt_logprobs")
    limits.at_most("dense_cells", shape[0] * shape[1], "cells of target_prompt_logprobs")
    data = np.array(tensor.numbers("data", shape[0] * shape[1]), "<i8")
    if ((data < -1) | (data >= (limits.vocabulary or 1 << 31))).any():
        limits.token(int(data.max() if data.min() >= -1 else data.min()))
    if tensor.get("sparse_crow_indices") is None:
        if len(data) != shape[0] * shape[1]:
            raise tensor.refuse("data", f"{shape[0] * shape[1]} token ids")
        return data.reshape(shape), None
    crow = np.array(tensor.numbers("sparse_crow_indices", shape[0] + 1), "<i8")
    cells = Csr((shape[0], shape[1]), crow, np.array(tensor.numbers("sparse_col_indices", len(data)), "<i8"))
    cells.check("target_prompt_logprobs")
    if len(data) != len(cells.col):
        raise tensor.refuse("data", f"{len(cells.col)} token ids, one for each cell")
    return cells.dense(data, -1), cells


# --- the answer


def write_sampled(sampled: Sampled, form: Form | None = None) -> bytes:
    """A SampleResponse, laid out as the request asked."""
    form = form or Form()
    answer = messages.SampleResponse(prompt_cache_hit_tokens=sampled.cached_prompt_tokens)
    for sequence in sampled.sequences:
        put_sequence(answer.sequences.add(), sequence)
    if sampled.prompt_logprobs is not None:
        answer.prompt_logprobs = float32(from_last(sampled.prompt_logprobs, form.last_n, np.nan))
    if sampled.topk_prompt is not None:
        topk = sampled.topk_prompt
        put_topk(
            answer.topk_prompt_logprobs,
            TopK(from_last(topk.tokens, form.last_n, 0), from_last(topk.logprobs, form.last_n, NO_LOGPROB)),
        )
    if sampled.target_logprobs is not None:
        put_targets(answer.target_prompt_logprobs, sampled.target_logprobs, form.cells)
    if sampled.alternatives is not None:
        put_alternatives(answer.prompt_alt_tokens, sampled.alternatives)
    return bytes(answer.SerializeToString(deterministic=True))


def from_last(array: Array, last_n: int | None, empty: float) -> Array:
    """The array with what stands before its last n rows made empty."""
    if last_n is None:
        return array
    found = array.copy()
    found[: len(found) - last_n] = empty
    return found


def put_sequence(message: Any, sequence: Sequence) -> None:
    message.stop_reason = messages.STOP if sequence.stopped else messages.LENGTH
    message.tokens, message.logprobs = int32(sequence.tokens), float32(sequence.logprobs)
    if sequence.topk is not None:
        put_topk(message.topk_sampled_logprobs, sequence.topk)


def put_topk(message: Any, topk: TopK) -> None:
    message.length, message.k = topk.tokens.shape
    message.token_ids, message.logprobs = int32(topk.tokens), float32(topk.logprobs)


def put_alternatives(message: Any, drawn: TopK) -> None:
    message.tokens.dtype, message.logprobs.dtype = messages.INT64, messages.FLOAT32
    message.tokens.dense, message.logprobs.dense = int64(drawn.tokens), float32(drawn.logprobs)
    for tensor in (message.tokens, message.logprobs):
        tensor.shape.extend(drawn.tokens.shape)


def put_targets(message: Any, logprobs: Array, cells: Csr | None) -> None:
    message.dtype = messages.FLOAT32
    message.shape.extend(logprobs.shape)
    if cells is None:
        message.dense = float32(logprobs)
        return
    sparse = message.sparse_csr
    sparse.values = float32(cells.listed(logprobs))
    sparse.crow_indices, sparse.col_indices = int64(cells.crow), int64(cells.col)
