"""How much one request may ask for. What is more is refused with 413 and the limit's name, before any work is done.

The defaults let every program of the service through that a laptop can serve; each can be set where the server starts.
"""

from __future__ import annotations

from dataclasses import dataclass

from straw.server.wire.refused import BadRequest, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`vocabulary` is the model's, so that a token it lacks is refused here; None lets every token through.

    >>> Limits(vocabulary=8).token(9)
    Traceback (most recent call last):
    straw.server.wire.refused.BadRequest: a token is one of this model's, 0 to 7, got 9: encode with its tokenizer
    """

    vocabulary: int | None = None
    body_bytes: int = 64 << 20  # after decompression
    json_bytes: int = 8 << 20
    json_depth: int = 32
    name_length: int = 512  # of a model, a session, a checkpoint's path
    # training
    data_per_request: int = 16_384
    parts_per_request: int = 262_144  # chunks, inputs and spans of all its data
    tokens_per_datum: int = 131_072
    tokens_per_request: int = 2_097_152
    target_width: int = 4_096  # K of N x K targets
    dense_cells: int = 8_388_608  # of all N x K arrays of a request, once they are dense
    settings: int = 32
    # sampling
    prompt_tokens: int = 131_072
    num_samples: int = 1_024
    max_tokens: int = 1_048_576
    topk: int = 1_024
    stops: int = 64
    stop_length: int = 512  # characters of one stop string

    def at_most(self, name: str, value: int, what: str) -> int:
        """The value, where it is no more than the limit of that name."""
        limit = getattr(self, name)
        if value > limit:
            raise BadRequest(f"{what}: at most {limit:,} ({name}), got {value:,}: send less at once", 413)
        return value

    def token(self, value: int) -> int:
        if value < 0 or (self.vocabulary is not None and value >= self.vocabulary) or value >= 1 << 31:
            raise no_such_token(self, value)
        return value


def no_such_token(limits: Limits, value: int) -> BadRequest:
    last = (limits.vocabulary or 1 << 31) - 1
    return BadRequest(f"a token is one of this model's, 0 to {last}, got {quoted(value)}: encode with its tokenizer")
