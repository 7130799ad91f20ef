"""What a request of OpenAI's form asks for: the settings that completions and chat have in common.

Served beside OpenAI's own are vLLM's top_k, stop_token_ids, ignore_eos and return_token_ids. A setting that would
change what is drawn, and is not served, is refused by name; what only describes the caller (user, metadata) is passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from secrets import randbits
from typing import Any

from straw.engines.tenants.records import Sampling, Tokens
from straw.seeds import seed_for
from straw.server.wire.fields import Fields
from straw.server.wire.limits import Limits
from straw.server.wire.sampling import HOTTEST

UNSERVED: dict[str, tuple[Any, ...]] = {  # and the values that ask for nothing
    "presence_penalty": (0,), "frequency_penalty": (0,), "repetition_penalty": (1,), "min_p": (0,),
    "logit_bias": ({},), "suffix": ("",), "response_format": ({"type": "text"},), "functions": ([],),
    "function_call": ("none",), "audio": (), "modalities": (["text"],), "prediction": (), "web_search_options": (),
    "guided_json": (), "guided_regex": (), "guided_choice": (), "structured_outputs": (),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`logprobs`: of the tokens that were written, and of as many likeliest ones at each place; None: of none."""

    model: str
    n: int
    sampling: Sampling  # its prompt and seeds are set for each prompt
    seed: int | None
    logprobs: int | None
    stream: bool
    include_usage: bool
    return_token_ids: bool

    def asked(self, prompt: Tokens, index: int = 0) -> Sampling:
        """For one prompt; `index` counts those of a request, whose replies differ."""
        return replace(self.sampling, prompt=prompt, seeds=seeds_of(self.seed, self.n, index))


def seeds_of(seed: int | None, count: int, index: int) -> tuple[int, ...]:
    """The first reply to the first prompt has the given seed itself; the others have their own from it."""
    if seed is None:
        return tuple(randbits(63) for _ in range(count))
    first = seed % 2**64 if index == 0 else seed_for("prompt", seed, index)
    return (first, *(seed_for("sample", first, place) for place in range(1, count)))


def read_settings(fields: Fields, limits: Limits, max_tokens: int | None, logprobs: int | None) -> Settings:
    check_unserved(fields)
    stop, ids = stops_of(fields, limits), fields.get("stop_token_ids") or []
    if ids:
        ids = [limits.token(one) for one in fields.numbers("stop_token_ids", limits.stops)]
    sampling = Sampling(
        prompt=(), seeds=(), max_tokens=max_tokens, temperature=fields.number("temperature", 0, HOTTEST, default=1.0),
        top_k=max(fields.integer("top_k", -1, default=-1), 0), top_p=top_p_of(fields), stop=frozenset(ids),
        stop_strings=stop, end_token_stops=not fields.flag("ignore_eos"), topk_logprobs=logprobs or 0,
    )  # fmt: skip
    return Settings(
        model=fields.text("model"),
        n=fields.integer("n", 1, limits.num_samples, default=1),
        sampling=sampling,
        seed=fields.integer_or_none("seed", -(1 << 63), (1 << 64) - 1),
        logprobs=logprobs,
        stream=fields.flag("stream"),
        include_usage=fields.inner("stream_options").flag("include_usage"),
        return_token_ids=fields.flag("return_token_ids"),
    )


def check_unserved(fields: Fields) -> None:
    for name, neutral in UNSERVED.items():
        if (value := fields.get(name)) is not None and value not in neutral:
            raise fields.refuse(name, "not served here", "leave it out")


def top_p_of(fields: Fields) -> float:
    top_p = fields.number("top_p", 0, 1, default=1.0)
    if top_p == 0:
        raise fields.refuse("top_p", "more than 0 and at most 1")
    return top_p


def stops_of(fields: Fields, limits: Limits) -> tuple[str, ...]:
    stop = fields.get("stop")
    stops: Sequence[Any] = () if stop is None else (stop,) if isinstance(stop, str) else stop
    if not isinstance(stops, list | tuple) or not all(isinstance(one, str) and one for one in stops):
        raise fields.refuse("stop", "a text or texts, none of them empty")
    limits.at_most("stops", len(stops), "stops of one request")
    limits.at_most("stop_length", max(map(len, stops), default=0), "characters of a stop text")
    return tuple(dict.fromkeys(stops))
