"""Six questions about sampling that another server for the SDK, SkyRL's, asks itself; here in our words.

    TINKER_BASE_URL=... TINKER_API_KEY=tml-test HF_ENDPOINT=... HF_HOME=... python sampling_walk.py MODEL_NAME

Run in a process of its own; imports nothing of straw. It prints the names of the questions that were answered well.
"""

from __future__ import annotations

import json
import math
import sys
import warnings
from typing import Any

import tinker
from tinker import types

warnings.simplefilter("ignore")
TEXT = "Hello, how are you doing today? "


class Asker:
    def __init__(self, sampler: Any) -> None:
        self.sampler, self.tokenizer = sampler, sampler.get_tokenizer()
        self.prompt = types.ModelInput.from_ints(self.tokenizer.encode(TEXT))

    def ask(self, num_samples: int = 1, more: dict[str, Any] | None = None, **params: Any) -> Any:
        found = self.sampler.sample(
            prompt=self.prompt, num_samples=num_samples, sampling_params=types.SamplingParams(**params), **(more or {})
        )
        return found.result()

    def tokens(self, num_samples: int = 1, **params: Any) -> list[tuple[int, ...]]:
        return [tuple(one.tokens) for one in self.ask(num_samples, **params).sequences]


def lengths_and_stop_tokens(asker: Asker) -> None:
    """As many replies as asked for, as long as asked for; a stop token is the last of its reply."""
    greedy: dict[str, Any] = {"temperature": 0.0, "seed": 42}
    for num_samples, max_tokens in ((1, 20), (2, 10)):
        replies = asker.tokens(num_samples, max_tokens=max_tokens, **greedy)
        assert [len(one) for one in replies] == [max_tokens] * num_samples, replies
    written = asker.tokens(max_tokens=10, **greedy)[0]
    stop = written[4]
    stopped = asker.ask(max_tokens=50, stop=[stop], **greedy).sequences[0]
    assert tuple(stopped.tokens) == written[: written.index(stop) + 1]
    assert stopped.stop_reason == "stop"


def the_likeliest_alone(asker: Asker) -> None:
    """top_k=1 leaves a seed nothing to decide; top_k=-1 leaves it everything."""
    one, every = (
        [asker.tokens(temperature=1.0, max_tokens=5, seed=42 + i, top_k=k)[0] for i in range(3)] for k in (1, -1)
    )
    assert len(set(one)) == 1 and len(set(every)) > 1, (one, every)
    assert one[0] == asker.tokens(temperature=0.0, max_tokens=5)[0]


def logprobs_of_the_prompt(asker: Asker) -> None:
    """One for each token but the first, and only where they are asked for; k likeliest where k is asked for."""
    params: dict[str, Any] = {"temperature": 0.0, "max_tokens": 4, "seed": 42}
    found = asker.ask(more={"include_prompt_logprobs": True}, **params)
    assert found.prompt_logprobs[0] is None and len(found.prompt_logprobs) == asker.prompt.length
    assert all(isinstance(one, float) and math.isfinite(one) for one in found.prompt_logprobs[1:])
    assert found.topk_prompt_logprobs is None
    assert asker.ask(**params).prompt_logprobs is None
    found = asker.ask(more={"include_prompt_logprobs": True, "topk_prompt_logprobs": 4}, **params)
    assert not found.topk_prompt_logprobs[0]
    for own, likeliest in zip(found.prompt_logprobs[1:], found.topk_prompt_logprobs[1:], strict=True):
        chances = [chance for _, chance in likeliest]
        assert len(chances) == 4 and chances == sorted(chances, reverse=True) and own <= chances[0] + 1e-5


def stop_strings(asker: Asker) -> None:
    """A reply ends with the token that completes the string."""
    params: dict[str, Any] = {"temperature": 0.0, "max_tokens": 50, "seed": 42}
    written = asker.tokens(**params)[0]
    text = asker.tokenizer.decode(written)
    string = text[len(text) // 2 :][:5]
    assert string, text
    stopped = asker.ask(stop=[string], **params).sequences[0]
    assert stopped.stop_reason == "stop"
    read = asker.tokenizer.decode(stopped.tokens)
    assert read.endswith(string) and string not in asker.tokenizer.decode(list(stopped.tokens)[:-1])
    assert tuple(stopped.tokens) == written[: len(stopped.tokens)]


def samples_differ(asker: Asker) -> None:
    """One seed: samples that differ from each other, the same when asked again; another seed: others."""
    params: dict[str, Any] = {"temperature": 1.0, "max_tokens": 10}
    first, again = (asker.tokens(3, seed=42, **params) for _ in range(2))
    assert first == again and len(set(first)) > 1
    assert asker.tokens(3, seed=999, **params) != first


def main(name: str) -> None:
    service = tinker.ServiceClient()
    base = Asker(service.create_sampling_client(base_model=name))
    adapter = service.create_lora_training_client(base_model=name).save_weights_and_get_sampling_client()
    lengths_and_stop_tokens(base)
    lengths_and_stop_tokens(Asker(adapter))
    others = (the_likeliest_alone, logprobs_of_the_prompt, stop_strings, samples_differ)
    for question in others:
        question(base)
    print(json.dumps(["base", "adapter", *(question.__name__ for question in others)]))


if __name__ == "__main__":
    main(sys.argv[1])
