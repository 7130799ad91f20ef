"""Whatever arrives is read or refused in one line: no other exception, no memory without bound."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from straw.server.wire import messages
from straw.server.wire.body import decompress, read_json
from straw.server.wire.limits import Limits
from straw.server.wire.refused import BadRequest
from straw.server.wire.sampling import read_asample
from straw.server.wire.training import read_forward_backward

SMALL = Limits(vocabulary=50, body_bytes=4096, tokens_per_datum=64, data_per_request=8, dense_cells=256, topk=8)
ANY: dict[str, Any] = {"derandomize": True, "deadline": None, "max_examples": 150}


def good(tokens: int = 3, **settings: float) -> Any:
    request = messages.ForwardBackwardRequest(model_id="m", seq_id=1, loss_fn="ppo", loss_fn_config=settings)
    datum = request.data.add()
    datum.model_input.add().encoded_text.tokens = np.arange(tokens, dtype="<i4").tobytes()
    put(datum, "target_tokens", np.arange(tokens, dtype="<i8"))
    put(datum, "advantages", np.ones(tokens, "<f4"))
    put(datum, "logprobs", np.zeros(tokens, "<f4"))
    return request


def put(datum: Any, name: str, array: Any, **more: Any) -> None:
    tensor = datum.loss_fn_inputs[name]
    tensor.Clear()
    tensor.dense = array.tobytes()
    tensor.dtype = messages.INT64 if array.dtype.kind == "i" else messages.FLOAT32
    tensor.shape.extend(array.shape)


def put_sparse(datum: Any, name: str, shape: list[int], crow: list[int], col: list[int], num_values: int) -> None:
    tensor = datum.loss_fn_inputs[name]
    tensor.Clear()
    tensor.sparse_csr.values = np.ones(num_values, "<i8").tobytes()
    tensor.sparse_csr.crow_indices = np.array(crow, "<i8").tobytes()
    tensor.sparse_csr.col_indices = np.array(col, "<i8").tobytes()
    tensor.dtype = messages.INT64
    tensor.shape.extend(shape)


def set_spans(request: Any, *lengths: int, both: bool = True, sequence: str = "q") -> None:
    for length in lengths:
        request.data[0].model_input_spans.add().prompt_tokens.MergeFrom(
            messages.message("PromptProvenanceSpan")(sequence_id=sequence, length=length)
        )
        if both:
            request.data[0].loss_fn_input_spans.add().sampled_tokens.MergeFrom(
                messages.message("SampledProvenanceSpan")(sequence_id=sequence, length=length)
            )


def advantages(value: float) -> Callable[[Any], None]:
    return lambda r: put(r.data[0], "advantages", np.array([0, value, 0], "<f4"))


def targets(*values: int) -> Callable[[Any], None]:
    return lambda r: put(r.data[0], "target_tokens", np.array(values, "<i8"))


def sparse(*args: Any) -> Callable[[Any], None]:
    return lambda r: put_sparse(r.data[0], "target_tokens", *args)


def attribute(path: str, value: Any) -> Callable[[Any], None]:
    def change(request: Any) -> None:
        *way, last = path.split(".")
        for step in way:
            request = request[int(step)] if step.isdigit() else getattr(request, step)
        setattr(request, last, value)

    return change


BAD = {
    "no model": (attribute("model_id", ""), 400, "model_id"),
    "no loss": (attribute("loss_fn", ""), 400, "loss_fn"),
    "seq_id 0": (attribute("seq_id", 0), 400, "seq_id"),
    "negative seq_id": (attribute("seq_id", -4), 400, "got -4"),
    "long name": (attribute("model_id", "m" * 1000), 413, "name_length"),
    "no data": (lambda r: r.ClearField("data"), 400, "at least one datum"),
    "many data": (lambda r: r.data.extend([r.data[0]] * 8), 413, "data_per_request"),
    "no tokens": (lambda r: r.data[0].ClearField("model_input"), 400, "at least one token"),
    "odd bytes": (attribute("data.0.model_input.0.encoded_text.tokens", b"12345"), 400, "5 bytes"),
    "a token too high": (attribute("data.0.model_input.0.encoded_text.tokens", b"\xff\0\0\0" * 3), 400, "got 255"),
    "a negative token": (attribute("data.0.model_input.0.encoded_text.tokens", b"\xff" * 12), 400, "got -1"),
    "a long datum": (attribute("data.0.model_input.0.encoded_text.tokens", b"\0" * 400), 413, "tokens_per_datum"),
    "an image": (attribute("data.0.model_input.0.image.format", "png"), 400, "'image'"),
    "sound": (attribute("data.0.model_input.0.dmel.dmel", b"x"), 400, "'dmel'"),
    "an empty chunk": (lambda r: r.data[0].model_input.add(), 400, "'nothing'"),
    "NaN": (advantages(float("nan")), 400, "got nan at place 1"),
    "infinity": (advantages(float("-inf")), 400, "got -inf"),
    "NaN setting": (lambda r: r.loss_fn_config.update({"beta": float("nan")}), 400, "beta"),
    "text setting": (lambda r: setattr(r.loss_fn_config_v2["beta"], "text", "x"), 400, "is a number"),
    "many settings": (lambda r: r.loss_fn_config.update({str(i): 1.0 for i in range(40)}), 413, "settings"),
    "no targets": (lambda r: r.data[0].loss_fn_inputs.pop("target_tokens"), 400, "target_tokens"),
    "a target too high": (targets(1, 50, 2), 400, "0 to 49, got 50"),
    "a negative target": (targets(1, -1, 2), 400, "got -1"),
    "a short array": (targets(1, 2), 400, "row for each of the datum's 3 tokens"),
    "float targets": (lambda r: put(r.data[0], "target_tokens", np.ones(3, "<f4")), 400, "got floats"),
    "an unknown array": (lambda r: put(r.data[0], "advantage", np.ones(3, "<f4")), 400, "did you mean 'advantages'"),
    "different shapes": (lambda r: put(r.data[0], "advantages", np.ones((3, 2), "<f4")), 400, "the shape of"),
    "three dimensions": (lambda r: put(r.data[0], "advantages", np.ones((3, 1, 1), "<f4")), 400, "[3, K]"),
    "no columns": (lambda r: put(r.data[0], "advantages", np.ones((3, 0), "<f4")), 400, "[3, K]"),
    "no dtype": (lambda r: setattr(r.data[0].loss_fn_inputs["advantages"], "dtype", 0), 400, "dtype"),
    "a strange dtype": (lambda r: setattr(r.data[0].loss_fn_inputs["advantages"], "dtype", 77), 400, "number 77"),
    "no bytes": (lambda r: r.data[0].loss_fn_inputs["advantages"].ClearField("dense"), 400, "got neither"),
    "an absurd shape": (sparse([3, 1 << 40], [0, 0, 0, 0], [], 0), 413, "target_width"),
    "a negative shape": (sparse([3, -5], [0, 0, 0, 0], [], 0), 400, "[3, -5]"),
    "many cells": (sparse([3, 100], [0, 0, 0, 0], [], 0), 413, "dense_cells"),
    "sparse in one dimension": (sparse([3], [0, 0, 0, 0], [], 0), 400, "two dimensions"),
    "a short crow": (sparse([3, 4], [0, 1, 1], [0], 1), 400, "crow_indices"),
    "no crow": (sparse([3, 4], [], [], 0), 400, "crow_indices"),
    "a falling crow": (sparse([3, 4], [0, 2, 1, 2], [0, 1], 2), 400, "never fall"),
    "a crow beyond": (sparse([3, 4], [0, 9, 9, 9], [0, 1], 2), 400, "crow_indices"),
    "a column beyond": (sparse([3, 4], [0, 1, 1, 2], [0, 4], 2), 400, "0 to 3"),
    "a negative column": (sparse([3, 4], [0, 1, 1, 2], [0, -1], 2), 400, "0 to 3"),
    "a column twice": (sparse([3, 4], [0, 2, 2, 2], [1, 1], 2), 400, "rise"),
    "values that lack": (sparse([3, 4], [0, 1, 1, 2], [0, 1], 1), 400, "for each of its 2 cells"),
    "spans that lack": (lambda r: set_spans(r, 2), 400, "got 2"),
    "one list of spans": (lambda r: set_spans(r, 2, 1, both=False), 400, "loss_fn_input_spans"),
    "a span of nobody": (lambda r: set_spans(r, 2, 1, sequence=""), 400, "names a sequence"),
    "a negative span": (lambda r: set_spans(r, 4, -1), 400, "0 or more"),
    "a span without an arm": (lambda r: r.data[0].model_input_spans.add(), 400, "names a sequence"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_refused_in_one_line(name: str) -> None:
    change, status, said = BAD[name]
    request = good()
    change(request)
    with pytest.raises(BadRequest) as refused:
        read_forward_backward(request.SerializeToString(), SMALL)
    assert (refused.value.status, "\n" in refused.value.detail) == (status, False)
    assert said in refused.value.detail


def test_a_good_request_is_read_with_spans_and_bfloat16() -> None:
    request = good(beta=0.5)
    set_spans(request, 2, 1)
    tensor = request.data[0].loss_fn_inputs["advantages"]
    tensor.dense, tensor.dtype = np.array([0x3F80, 0xC000, 0], "<u2").tobytes(), messages.BFLOAT16
    read = read_forward_backward(request.SerializeToString(), SMALL)
    assert read.data[0].inputs["advantages"].tolist() == [1.0, -2.0, 0.0]
    assert (read.settings, read.sequences) == ({"beta": 0.5}, {"q"})


def read_or_refused(read: Callable[[], object]) -> bool:
    """Whether it was read; anything raised but BadRequest fails the test."""
    try:
        read()
    except BadRequest as refused:
        assert refused.status in (400, 413, 422) and len(refused.detail.splitlines()) == 1
        return False
    return True


def test_ten_thousand_mutations_of_a_request() -> None:
    draws, request = random.Random(1), good(beta=0.5)
    put_sparse(request.data[0], "target_tokens", [3, 4], [0, 1, 1, 2], [0, 1], 2)
    request.data[0].loss_fn_inputs.pop("advantages")
    request.data[0].loss_fn_inputs.pop("logprobs")
    set_spans(request, 2, 1)
    bodies, num_read = [good().SerializeToString(), request.SerializeToString()], 0
    for index in range(10_000):
        body = bytearray(bodies[index % 2])
        for _ in range(draws.choice((1, 1, 2, 8))):
            at, what = draws.randrange(len(body)), draws.random()
            if what < 0.6:
                body[at] = draws.randrange(256)
            elif what < 0.8:
                del body[at : at + draws.randrange(1, 9)]
            else:
                body[at:at] = draws.randbytes(draws.randrange(1, 9))
        num_read += read_or_refused(lambda body=bytes(body): read_forward_backward(body, SMALL))  # type: ignore[misc]
    assert 100 < num_read < 9_000  # some are still good, as where a weight's byte changed


@settings(**ANY)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(body: bytes) -> None:
    read_or_refused(lambda: read_forward_backward(body, SMALL))
    read_or_refused(lambda: read_json(body, SMALL))
    read_or_refused(lambda: decompress(body, "gzip", SMALL))
    read_or_refused(lambda: decompress(body, "zstd", SMALL))


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner), max_leaves=9
)
TENSOR = st.fixed_dictionaries(
    {},
    optional={
        "data": JSON | st.lists(st.integers(-2, 60), max_size=8),
        "dtype": JSON | st.just("int64"),
        "shape": JSON | st.lists(st.integers(-1, 4), min_size=2, max_size=2),
        "sparse_crow_indices": JSON | st.lists(st.integers(-1, 4), max_size=4),
        "sparse_col_indices": JSON | st.lists(st.integers(-1, 4), max_size=4),
    },
)
CHUNK = JSON | st.fixed_dictionaries({"tokens": JSON | st.lists(st.integers(-1, 60), max_size=4)})
ASAMPLE: dict[str, Any] = {
    "sampling_session_id": st.just("s") | JSON,
    "seq_id": st.integers(-1, 3) | JSON,
    "prompt": JSON | st.fixed_dictionaries({"chunks": st.lists(CHUNK, max_size=3) | JSON}),
}
PARAMS = {name: JSON for name in ("max_tokens", "seed", "temperature", "top_k", "top_p")}
STOP = JSON | st.lists(st.text(max_size=3)) | st.lists(st.integers(-1, 60))
OTHERS = (
    "num_samples", "topk_prompt_logprobs", "topk_sample_logprobs", "prompt_logprobs", "prompt_logprobs_last_n",
    "prompt_alt_tokens_k", "record_stability_info",
)  # fmt: skip


@settings(**ANY)
@given(
    st.fixed_dictionaries(
        ASAMPLE,
        optional={
            "sampling_params": JSON | st.fixed_dictionaries({}, optional={**PARAMS, "stop": STOP}),
            "target_prompt_logprobs": TENSOR | JSON,
            **{name: JSON for name in OTHERS},
        },
    )
)
def test_any_object_is_read_as_asample_or_refused(body: dict[str, Any]) -> None:
    read_or_refused(lambda: read_asample(body, SMALL))


def asample(**more: Any) -> dict[str, Any]:
    params = {name: more.pop(name) for name in (*PARAMS, "stop") if name in more}
    chunks = [{"type": "encoded_text", "tokens": [1, 2]}, {"type": "encoded_text", "tokens": [3]}]
    return {"sampling_session_id": "s", "seq_id": 0, "prompt": {"chunks": chunks}, "sampling_params": params, **more}


def test_a_good_asample_is_read() -> None:
    read = read_asample(asample(stop=["a", "a"], seed=5, temperature=0, top_k=-1), SMALL)
    assert (read.prompt, read.stop_strings, read.seed, read.temperature, read.top_k) == ((1, 2, 3), ("a",), 5, 0, 0)


@pytest.mark.parametrize(
    "chunks, turns",
    [
        ([[], [1, 2], [3], [4, 5]], (2, 1, 2)),
        ([[], [1], [], [2], [3, 4], []], (1, 0, 1, 2, 0)),
        ([[], [1, 2, 3]], ()),  # nothing was said behind it
        ([[], [1, 2], [3]], ()),
        ([[], [], [1], [2]], ()),
        ([[], [1], [], []], ()),
        ([[1, 2], [3], [4]], ()),
    ],
)
def test_a_prompt_behind_an_empty_chunk_is_a_conversation(chunks: list[list[int]], turns: tuple[int, ...]) -> None:
    prompt = {"chunks": [{"type": "encoded_text", "tokens": tokens} for tokens in chunks]}
    read = read_asample({**asample(), "prompt": prompt}, SMALL)
    assert read.prompt == tuple(token for tokens in chunks for token in tokens)
    assert read.turns == read.sampling((1,)).turns == turns
    asks = read_asample({**asample(prompt_logprobs=True), "prompt": prompt}, SMALL)
    assert asks.turns == ()


BAD_ASAMPLE: list[tuple[dict[str, Any], str]] = [
    ({"sampling_session_id": None}, "sampling_session_id"),
    ({"seq_id": True}, "seq_id"),
    ({"num_samples": 0}, "num_samples"),
    ({"num_samples": 10**40}, "num_samples"),
    ({"prompt": {"chunks": [{"type": "image", "data": "", "format": "png"}]}}, "'image'"),
    ({"prompt": {"chunks": [{"tokens": [1.5]}]}}, "whole numbers"),
    ({"prompt": {"chunks": [{"tokens": [50]}]}}, "0 to 49, got 50"),
    ({"prompt": {"chunks": []}}, "at least one token"),
    ({"temperature": -1}, "temperature"),
    ({"temperature": float("nan")}, "temperature"),
    ({"top_p": 0}, "top_p"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"stop": [""]}, "none of them empty"),
    ({"stop": [1, "a"]}, "stop"),
    ({"stop": "x" * 1000}, "stop_length"),
    ({"stop": [77]}, "got 77"),
    ({"prompt_alt_tokens_k": 9}, "0 to 8"),
    ({"topk_prompt_logprobs": 9}, "0 to 8"),
    ({"prompt_logprobs_last_n": 1}, "prompt_logprobs"),
    ({"prompt_logprobs": True, "prompt_logprobs_last_n": 3}, "from 1 to 2"),
    ({"target_prompt_logprobs": {"data": [1], "dtype": "int64", "shape": [1, 1]}}, "shape"),
    ({"target_prompt_logprobs": {"data": [1, -2], "dtype": "int64", "shape": [2, 1]}}, "got -2"),
    ({"target_prompt_logprobs": {"data": [1], "dtype": "int64", "shape": [2, 1 << 50]}}, "target_width"),
]


@pytest.mark.parametrize("more, said", BAD_ASAMPLE)
def test_a_bad_asample_is_refused_by_name(more: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRequest, match=r"^[^\n]+$") as refused:
        read_asample(asample(**more), SMALL)
    assert said in refused.value.detail
