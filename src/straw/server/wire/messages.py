"""The protobuf messages of the protocol (package tinker_public, proto3), built at run time from the table below.

    number  type  name        *  repeated     ?  optional     map  from text     | NAME  one of them at a time

They live in a pool of their own, so a program that also imports the service's SDK, which registers the same names
in the default pool, meets no conflict. A test compares them with the SDK's, field by field.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "tinker_public"
STOP, LENGTH = 0, 1  # StopReason
FLOAT32, INT64, INT32, BFLOAT16 = 1, 2, 3, 4  # DType
ENUMS = {
    "StopReason": ("STOP_REASON_STOP", "STOP_REASON_LENGTH"),
    "DType": ("DTYPE_UNSPECIFIED", "DTYPE_FLOAT32", "DTYPE_INT64", "DTYPE_INT32", "DTYPE_BFLOAT16"),
}
TABLE = """
SampleResponse
    1 SampledSequence* sequences
    2 bytes? prompt_logprobs
    3 TopkLogprobs? topk_prompt_logprobs
    4 int32 prompt_cache_hit_tokens
    5 Tensor? target_prompt_logprobs
    6 PromptAltTokens? prompt_alt_tokens
PromptAltTokens
    1 Tensor tokens
    2 Tensor logprobs
SampledSequence
    1 StopReason stop_reason
    2 bytes tokens
    3 bytes? logprobs
    4 TopkLogprobs? topk_sampled_logprobs
TopkLogprobs
    1 bytes token_ids
    2 bytes logprobs
    3 uint32 k
    4 uint32 length
SparseCsr
    1 bytes values
    2 bytes crow_indices
    3 bytes col_indices
Tensor
    1 bytes dense | encoding
    2 SparseCsr sparse_csr | encoding
    3 DType dtype
    4 int64* shape
BatchedTensor
    1 bytes data
    2 bytes offsets
    3 DType dtype
    4 int64* trailing_shape
ArrayRecord
    1 string type_tag
    2 map:BatchedTensor fields
    3 int64 num_datums
ForwardBackwardOutput
    1 string loss_fn_output_type
    2 ArrayRecord* loss_fn_outputs
    3 map:double metrics
ForwardBackwardRequest
    1 string model_id
    2 int32 seq_id
    3 Datum* data
    4 string loss_fn
    5 map:double loss_fn_config
    6 bool forward_only
    7 map:LossConfigValue loss_fn_config_v2
LossConfigValue
    1 double number | value
    2 string text | value
Datum
    1 Chunk* model_input
    2 map:Tensor loss_fn_inputs
    3 ProvenanceSpan* model_input_spans
    4 ProvenanceSpan* loss_fn_input_spans
ProvenanceSpan
    1 PromptProvenanceSpan prompt_tokens | span
    2 SampledProvenanceSpan sampled_tokens | span
PromptProvenanceSpan
    1 string sequence_id
    2 int64 offset
    3 int64 length
SampledProvenanceSpan
    1 string sequence_id
    2 int64 offset
    3 int64 length
Chunk
    1 EncodedTextChunk encoded_text | chunk
    2 ImageChunk image | chunk
    3 DmelChunk dmel | chunk
EncodedTextChunk
    1 bytes tokens
ImageChunk
    1 bytes data
    2 string format
    3 int32? expected_tokens
    4 ImageDimensions? override_dimensions
ImageDimensions
    1 uint32 width
    2 uint32 height
DmelChunk
    1 bytes dmel
"""


def file_of(table: str) -> Any:
    """The table as protobuf describes files."""
    file = descriptor_pb2.FileDescriptorProto(name="straw/tinker_public.proto", package=PACKAGE, syntax="proto3")
    for name, values in ENUMS.items():
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for line in filter(None, table.splitlines()):
        if line.startswith(" "):
            add_field(file.message_type[-1], line)
        else:
            file.message_type.add(name=line)
    for message in file.message_type:
        name_optional(message)
    return file


def add_field(message: Any, line: str) -> None:
    number, kind, name, *one_of = line.replace("|", "").split()
    field = message.field.add(name=name, number=int(number), label=3 if kind.endswith("*") or "map:" in kind else 1)
    if kind.startswith("map:"):
        entry = "".join(word.capitalize() for word in name.split("_")) + "Entry"
        nested = message.nested_type.add(name=entry, options={"map_entry": True})
        add_field(nested, "1 string key")
        add_field(nested, f"2 {kind.removeprefix('map:')} value")
        set_type(field, f"{message.name}.{entry}")
        return
    set_type(field, kind.rstrip("*?"))
    if kind.endswith("?"):
        field.proto3_optional = True
    if one_of:
        known = [one.name for one in message.oneof_decl]
        if one_of[0] not in known:
            message.oneof_decl.add(name=one_of[0])
        field.oneof_index = (*known, one_of[0]).index(one_of[0])


def set_type(field: Any, kind: str) -> None:
    scalar = getattr(descriptor_pb2.FieldDescriptorProto, f"TYPE_{kind.upper()}", None)
    if scalar is not None:
        field.type = scalar
        return
    field.type_name = f".{PACKAGE}.{kind}"
    field.type = 14 if kind in ENUMS else 11  # an enum, a message


def name_optional(message: Any) -> None:
    """proto3 keeps whether an optional field is there in a "one of" of its own, behind the others."""
    for field in message.field:
        if field.proto3_optional:
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{field.name}")


FILE = file_of(TABLE)
POOL = descriptor_pool.DescriptorPool()
POOL.Add(FILE)


def message(name: str) -> Any:
    """The class of that message."""
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


ForwardBackwardRequest = message("ForwardBackwardRequest")
ForwardBackwardOutput = message("ForwardBackwardOutput")
SampleResponse = message("SampleResponse")
