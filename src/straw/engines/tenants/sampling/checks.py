"""What a request may ask; every refusal is one line that names the rule, the value and a way out."""

from __future__ import annotations

from math import isfinite

import numpy as np

from straw.engines.tenants.records import Sampling
from straw.errors import ConfigError

WITHOUT_LIMIT = 4096  # tokens of a reply, for a model that does not say how much it reads
MOST_LIKELIEST = 1000


def check(sampling: Sampling, vocabulary: int, room: int | None) -> None:
    check_prompt(sampling, vocabulary, room)
    check_turns(sampling)
    refuse(
        not (sampling.temperature >= 0 and isfinite(sampling.temperature)),
        f"temperature is at least 0; got {sampling.temperature}: 0 takes the likeliest token",
    )
    refuse(not 0 < sampling.top_p <= 1, f"top_p is above 0 and at most 1; got {sampling.top_p}: 1 keeps all tokens")
    refuse(sampling.top_k < 0, f"top_k is at least 0; got {sampling.top_k}: 0 keeps all tokens")
    refuse(
        sampling.max_tokens is not None and sampling.max_tokens < 0,
        f"max_tokens is at least 0; got {sampling.max_tokens}: leave it out for as many as there is room for",
    )
    refuse("" in sampling.stop_strings, "a stop string has at least one character; got an empty one: leave it out")
    most = min(MOST_LIKELIEST, vocabulary)
    for name in ("topk_logprobs", "topk_prompt_logprobs", "prompt_alternatives"):
        k, most = getattr(sampling, name), MOST_LIKELIEST if name == "prompt_alternatives" else most
        refuse(not 0 <= k <= most, f"{name} is between 0 and {most}; got {k}: ask for fewer")
    check_targets(sampling, vocabulary)


def check_prompt(sampling: Sampling, vocabulary: int, room: int | None) -> None:
    length = len(sampling.prompt)
    refuse(length == 0, "a prompt has at least one token; got none: begin with the tokenizer's end token")
    odd = [token for token in (min(sampling.prompt), max(sampling.prompt)) if not 0 <= token < vocabulary]
    refuse(bool(odd), f"this model has tokens 0 to {vocabulary - 1}; got {odd[:1]}: use its own tokenizer")
    refuse(
        room is not None and length > room,
        f"this model reads {room} tokens; the prompt has {length}: shorten it, or choose a model with more positions",
    )


def check_turns(sampling: Sampling) -> None:
    turns = sampling.turns
    if not turns:
        return
    pairs = list(zip(turns[1::2], turns[2::2], strict=False))
    refuse(
        sum(turns) != len(sampling.prompt) or min(turns) < 0 or turns[0] == 0 or len(turns) % 2 == 0
        or any(not sum(pair) for pair in pairs),
        "turns are an opening, then replies and messages in pairs, none of them empty, as many tokens as the prompt; "
        f"got {list(turns)[:20]} for {len(sampling.prompt)}: leave them out where the prompt is read as one",
    )  # fmt: skip
    refuse(sampling.asks_of_prompt, "what is asked about a prompt is asked where it is read as one: leave turns out")


def check_targets(sampling: Sampling, vocabulary: int) -> None:
    asked = sampling.target_tokens
    if asked is None:
        return
    places = len(sampling.prompt) - 1
    refuse(
        asked.ndim != 2 or asked.shape[0] != places,
        f"target_tokens has a row for every token of the prompt but the first; got {list(asked.shape)} for "
        f"{places + 1} tokens: send [{places}, K]",
    )
    are_tokens = np.issubdtype(asked.dtype, np.integer) and (
        asked.size == 0 or (asked.min() >= -1 and asked.max() < vocabulary)
    )
    refuse(
        not are_tokens,
        f"target_tokens are whole numbers from 0 to {vocabulary - 1}, or -1 for none: use the model's own tokenizer",
    )


def refuse(wrong: bool, why: str) -> None:
    if wrong:
        raise ConfigError(why)


def most_tokens(sampling: Sampling, room: int | None) -> int:
    """How long a reply may become. The last token of it is never read, so there is always room for one."""
    there = WITHOUT_LIMIT if room is None else max(1, room - len(sampling.prompt))
    return there if sampling.max_tokens is None else min(sampling.max_tokens, there)
