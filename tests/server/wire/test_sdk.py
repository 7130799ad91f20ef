"""The wire against the SDK's own classes, in both directions. Skipped where the SDK is not installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from straw.engines.tenants.records import Gradient, Sampled, Sequence, TopK
from straw.server.wire import messages
from straw.server.wire.body import decompress
from straw.server.wire.limits import Limits
from straw.server.wire.sampling import read_asample, write_sampled
from straw.server.wire.training import read_forward_backward, write_gradient

tinker = pytest.importorskip("tinker")
import torch  # noqa: E402
from google.protobuf import descriptor_pb2  # noqa: E402
from tinker.proto import request_conv, response_conv, tinker_public_pb2  # noqa: E402

LIMITS = Limits(vocabulary=100)
NAN = float("nan")


def described(file: Any) -> dict[str, Any]:
    return {one.name: one for one in [*file.message_type, *file.enum_type]}


def test_every_message_is_the_sdks_field_by_field() -> None:
    theirs = descriptor_pb2.FileDescriptorProto()
    tinker_public_pb2.DESCRIPTOR.CopyToProto(theirs)
    ours = descriptor_pb2.FileDescriptorProto()
    messages.POOL.FindFileByName(messages.FILE.name).CopyToProto(ours)
    known, wanted = described(ours), described(theirs)
    json_only = {"SamplingParams", "StopStrings", "StopTokens"}  # asample is JSON
    assert set(known) == set(wanted) - json_only
    for name, message in known.items():
        for one in [*getattr(wanted[name], "field", []), *getattr(message, "field", [])]:
            one.ClearField("json_name")
        for nested in [*getattr(wanted[name], "nested_type", []), *getattr(message, "nested_type", [])]:
            for one in nested.field:
                one.ClearField("json_name")
        assert message == wanted[name], name


def request(data: list[Any], **config: Any) -> Any:
    return tinker.types.ForwardBackwardRequest(
        forward_backward_input=tinker.types.ForwardBackwardInput(
            data=data, loss_fn="ppo", loss_fn_config=config or None
        ),
        model_id="s:train:0",
        seq_id=3,
    )


def datum(tokens: list[int], **inputs: Any) -> Any:
    return tinker.Datum(model_input=tinker.ModelInput.from_ints(tokens), loss_fn_inputs=inputs)


def test_the_sdks_request_is_read() -> None:
    one = datum([1, 7, 3], target_tokens=[7, 3, 19], logprobs=[0.0, -0.5, -1.5], advantages=[0.0, 1.0, -1.0])
    body = request_conv.forward_backward_request_to_proto(request([one], clip_low_threshold=0.5)).SerializeToString()
    read = read_forward_backward(body, LIMITS)
    assert (read.model_id, read.seq_id, read.loss_fn, read.forward_only) == ("s:train:0", 3, "ppo", False)
    assert read.settings == {"clip_low_threshold": 0.5}
    assert read.data[0].tokens == (1, 7, 3)
    assert read.data[0].inputs["target_tokens"].tolist() == [7, 3, 19]
    assert read.data[0].inputs["target_tokens"].dtype == np.int64
    assert read.data[0].inputs["logprobs"].tolist() == [0.0, -0.5, -1.5]


def test_a_prompt_in_a_chunk_of_its_own_is_set_apart() -> None:
    request = messages.ForwardBackwardRequest(model_id="m", seq_id=1, loss_fn="cross_entropy")
    for chunks in ((5, 6, 7), (8, 9)), ((5, 6, 7, 8, 9),):
        datum = request.data.add()
        for tokens in chunks:
            datum.model_input.add().encoded_text.tokens = np.array(tokens, "<i4").tobytes()
        targets = datum.loss_fn_inputs["target_tokens"]
        targets.dtype, targets.dense = messages.INT64, np.arange(5).astype("<i8").tobytes()
        targets.shape.append(5)
    apart, whole = read_forward_backward(request.SerializeToString(), Limits()).data
    assert apart.tokens == whole.tokens == (5, 6, 7, 8, 9)
    assert apart.prompt == 3 and whole.prompt == 5


def test_soft_targets_arrive_sparse_and_are_read_dense() -> None:
    targets = torch.zeros(4, 9, dtype=torch.int64)
    targets[1, 2], targets[3, 0], targets[3, 8] = 5, 6, 99
    weights = (targets > 0).float() / 2
    one = datum([1, 2, 3, 4], target_tokens=targets, weights=weights)
    assert one.loss_fn_inputs["target_tokens"].sparse_crow_indices is not None
    body = request_conv.forward_backward_request_to_proto(request([one])).SerializeToString()
    inputs = read_forward_backward(body, LIMITS).data[0].inputs
    assert np.array_equal(inputs["target_tokens"], targets.numpy())
    assert np.array_equal(inputs["weights"], weights.numpy())


def test_spans_are_read_and_name_their_sequences() -> None:
    from tinker.types.provenance_spans import PromptProvenanceSpan, SampledProvenanceSpan

    one = datum([1, 2, 3], target_tokens=[2, 3, 4])
    prompt = PromptProvenanceSpan(sequence_id="q", length=2)
    reply = SampledProvenanceSpan(sequence_id="q", length=1)
    one = one.with_provenance([prompt, reply], [prompt, reply])
    body = request_conv.forward_backward_request_to_proto(request([one])).SerializeToString()
    assert read_forward_backward(body, LIMITS).sequences == {"q"}


def test_zstd_as_the_sdk_sends_it() -> None:
    zstandard = pytest.importorskip("zstandard")
    body = request_conv.forward_backward_request_to_proto(request([datum([1], target_tokens=[2])])).SerializeToString()
    assert decompress(zstandard.ZstdCompressor().compress(body), "zstd", LIMITS) == body


def test_the_sdk_reads_what_a_gradient_is_written_as() -> None:
    shapes = [(3,), (2,), (2, 4), (1, 4), (2, 3), (2,)]
    logprobs = [np.arange(np.prod(shape), dtype="f4").reshape(shape) - index for index, shape in enumerate(shapes)]
    losses = [-one for one in logprobs]
    read = response_conv.deserialize_forward_backward_output(
        write_gradient(Gradient(logprobs, losses, {"loss:sum": 2.5, "kl:mean": 0.25}))
    )
    assert read.metrics == {"loss:sum": 2.5, "kl:mean": 0.25}
    assert [tuple(one["logprobs"].shape or ()) for one in read.loss_fn_outputs] == shapes
    for index, one in enumerate(read.loss_fn_outputs):
        assert np.array_equal(one["logprobs"].to_numpy(), logprobs[index])
        assert np.array_equal(one["elementwise_loss"].to_numpy(), losses[index])


def test_a_gradient_is_written_byte_by_byte_as_by_the_sdks_classes() -> None:
    theirs = tinker_public_pb2.ForwardBackwardOutput(loss_fn_output_type="ArrayRecord", metrics={"loss:sum": 1.0})
    record = theirs.loss_fn_outputs.add(type_tag="ArrayRecord", num_datums=1)
    for name, value in (("logprobs", -1.0), ("elementwise_loss", 1.0)):
        record.fields[name].data = np.array([value], "<f4").tobytes()
        record.fields[name].offsets = np.array([0, 4], "<i8").tobytes()
        record.fields[name].dtype = 1
    ours = write_gradient(Gradient([np.float32([-1.0])], [np.float32([1.0])], {"loss:sum": 1.0}))
    assert ours == theirs.SerializeToString(deterministic=True)


def sample_request(**more: Any) -> dict[str, Any]:
    """As the SDK's client puts it into JSON."""
    params = tinker.SamplingParams(**more.pop("params", {}))
    made = tinker.types.SampleRequest(
        sampling_session_id="s", seq_id=0, prompt=tinker.ModelInput.from_ints([1, 2, 3]), sampling_params=params, **more
    )
    found: dict[str, Any] = made.model_dump(mode="json", exclude_unset=False, exclude_none=True)
    return found


def test_the_sdks_sampling_request_is_read() -> None:
    read = read_asample(sample_request(num_samples=4, params={"max_tokens": 9, "stop": ["\n\nUser:"]}), LIMITS)
    assert (read.prompt, read.num_samples, read.max_tokens, read.seed) == ((1, 2, 3), 4, 9, None)
    assert (read.stop_strings, read.end_token_stops, read.top_k) == (("\n\nUser:",), True, 0)
    assert not read_asample(sample_request(params={"stop": []}), LIMITS).end_token_stops
    assert read_asample(sample_request(params={"stop": [5, 6]}), LIMITS).stop == {5, 6}
    assert read.sampling((1, 2, 3, 4)).seeds == (1, 2, 3, 4)


def test_target_logprobs_come_back_as_they_were_asked() -> None:
    cells = {"sparse_crow_indices": [0, 1, 3], "sparse_col_indices": [2, 0, 1]}
    tensor = {"data": [7, 8, 9], "dtype": "int64", "shape": [2, 3], **cells}
    read = read_asample({**sample_request(), "target_prompt_logprobs": tensor}, LIMITS)
    assert read.target_tokens is not None
    assert read.target_tokens.tolist() == [[-1, -1, 7], [8, 9, -1]]
    found = np.where(read.target_tokens < 0, 0, -read.target_tokens / 4).astype("f4")
    answer = response_conv.deserialize_sample_response(
        write_sampled(Sampled(sequences=(), target_logprobs=found), read.form)
    ).target_prompt_logprobs
    assert answer is not None
    assert (answer.shape, answer.data, answer.sparse_crow_indices) == ([2, 3], [-1.75, -2.0, -2.25], [0, 1, 3])


def test_the_sdk_reads_what_replies_are_written_as() -> None:
    topk = TopK(np.array([[5, 6], [7, 8]], "i4"), np.array([[-1, -2], [-3, -4]], "f4"))
    prompt = TopK(np.array([[0, 0], [1, 2], [3, 4]], "i4"), np.array([[-99999, -99999], [-1, -2], [-1, -2]], "f4"))
    sampled = Sampled(
        sequences=(
            Sequence(tokens=(5, 7), logprobs=np.array([-1, -3], "f4"), stopped=True, topk=topk),
            Sequence(tokens=(5,), logprobs=np.array([-1], "f4"), stopped=False),
        ),
        prompt_logprobs=np.array([NAN, -0.5, -0.25], "f4"),
        topk_prompt=prompt,
        alternatives=TopK(np.array([[7, 7, 1], [3, 2, 1]]), np.array([[-1, -1, -2], [-3, -4, -5]], "f4")),
        cached_prompt_tokens=3,
    )
    read = response_conv.deserialize_sample_response(write_sampled(sampled))
    assert [one.tokens for one in read.sequences] == [[5, 7], [5]]
    assert [one.stop_reason for one in read.sequences] == ["stop", "length"]
    assert read.sequences[0].topk_logprobs_np.token_ids.tolist() == [[5, 6], [7, 8]]
    assert read.sequences[1].topk_logprobs_np is None
    assert read.prompt_logprobs == [None, -0.5, -0.25]
    assert read.topk_prompt_logprobs[0] is None and read.topk_prompt_logprobs[1] == [(1, -1.0), (2, -2.0)]
    assert read.prompt_cache_hit_tokens == 3
    assert read.prompt_alt_tokens is not None
    assert read.prompt_alt_tokens.tokens.to_numpy().tolist() == [[7, 7, 1], [3, 2, 1]]
    assert read.prompt_alt_tokens.logprobs.to_numpy().tolist() == [[-1, -1, -2], [-3, -4, -5]]


def test_the_last_n_alone_are_told() -> None:
    asked = read_asample(sample_request(prompt_logprobs=True, prompt_logprobs_last_n=1), LIMITS)
    read = response_conv.deserialize_sample_response(
        write_sampled(Sampled(sequences=(), prompt_logprobs=np.array([NAN, -0.5, -0.25], "f4")), asked.form)
    )
    assert read.prompt_logprobs == [None, None, -0.25]
