"""transformers' continuous batching as a generator: replies of many lengths share one paged memory of keys.

    twin      the engine's modules over again with the same parameters, so that an update is there at once; in bfloat16
              with copies of them, which `take` brings up to date
    manager   transformers' loop in a thread of its own; made anew when prompts, replies or their number want another

A prompt is read once and forked for its samples. Every call begins with empty memory: keys that the last weights left
behind would be taken for those of the next ones. There is one stream of chance for all replies, which a hash of their
seeds starts, so a call repeats its draws as long as nothing else of this process draws; nobody promises it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import wraps
from importlib import metadata
from typing import Any

import torch
from packaging.version import Version
from torch import nn
from transformers import GenerationConfig

from straw.engines.backends.base import Backend
from straw.engines.base import Done, Reply, SamplingParams, Tokens
from straw.engines.local import heartbeat as pulse
from straw.engines.local.models.folder import first_line
from straw.engines.local.models.pretrained import quietly
from straw.errors import ConfigError, EngineFailed
from straw.seeds import seed_for

LEAST = "5.23"
MAX_ROWS = 512  # replies that are written together, as in the engine
PAGE = 32  # tokens of a page of keys
READ_AT_ONCE = 1024  # tokens of a batch
PATIENCE_S = 1.0


class ContinuousBatching(Backend):
    """generator=transformers: continuous batching of transformers, on any device."""

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self.is_half = engine.settings.dtype == "bfloat16"
        self.twin = twin_of(engine.model, self.is_half)
        self.twin.forward = self._quiet_forward(self.twin.forward)
        self.manager: Any = None
        self.made_for: tuple[object, ...] = ()
        self.pages = 0

    @staticmethod
    def check(device: str) -> None:
        if Version(there := metadata.version("transformers")) < Version(LEAST):
            raise ConfigError(
                f"generator=transformers is written for transformers {LEAST} and newer; got {there}: pip install "
                f"'transformers>={LEAST}', or write generator=straw"
            )

    @torch.no_grad()
    def take(self, version: int) -> None:
        for mine, theirs in zip(self.twin.parameters(), self.engine.model.parameters(), strict=True):
            if mine is not theirs:
                mine.copy_(theirs)

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]],
        done: Done | None,
    ) -> list[list[Reply]]:  # fmt: skip
        forks = num_samples if params.temperature > 0 else 1  # there is one likeliest reply
        with quietly():
            manager = self._ready(prompts, forks, params)
            try:
                with manager.pause():
                    manager.batch_processor.cache.reset()
                    torch.manual_seed(seed_for("transformers", *(seed for row in seeds for seed in row)) % 2**63)
                    names = manager.add_requests([list(one) for one in prompts], max_new_tokens=params.max_tokens)
                return self._collected(places_of(names, num_samples, forks), params, done)
            except BaseException:
                self.close()  # whatever it was in the middle of
                raise

    def _collected(
        self, places: Mapping[str, list[tuple[int, int]]], params: SamplingParams, done: Done | None
    ) -> list[list[Reply]]:
        """Replies as they come."""
        missing = set(places)
        found: dict[tuple[int, int], Reply] = {}
        while missing:
            result = self.manager.get_result(timeout=PATIENCE_S)
            if result is None:
                self._check_running()
            elif result.error is not None:
                raise EngineFailed(f"transformers' continuous batching failed ({result.error}): write generator=straw")
            elif result.is_finished():
                missing.discard(result.request_id)
                reply = reply_of(result, params)
                for place in places[result.request_id]:
                    found[place] = reply
                    if done is not None:
                        done(*place, reply)
        num_samples = 1 + max(sample for _, sample in found)
        return [[found[at, sample] for sample in range(num_samples)] for at in range(len(found) // num_samples)]

    def _check_running(self) -> None:
        error = self.manager.background_thread_status.fatal_error
        if error is not None or not self.manager.is_running():
            why = "its thread ended" if error is None else first_line(error)
            raise EngineFailed(f"transformers' continuous batching stopped ({why}): write generator=straw")

    def _ready(self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams) -> Any:
        """A manager that draws in this way and has room for these."""
        rows = min(len(prompts) * num_samples, self.engine.settings.rows_at_once or MAX_ROWS)
        pages = (rows + 1) * (-(-(max(map(len, prompts)) + params.max_tokens) // PAGE) + 1)
        how = (params.temperature, params.top_k, params.top_p, params.stop, num_samples)
        if self.manager is None or self.made_for != how or pages > self.pages:
            self.close()
            self.manager, self.made_for, self.pages = self._begun(params, num_samples, rows, pages), how, pages
        return self.manager

    def _begun(self, params: SamplingParams, num_samples: int, rows: int, pages: int) -> Any:
        """Its thread takes after the one that begins it: one that nobody waits for when the process ends."""
        try:
            manager = self.twin.init_continuous_batching(
                drawing(params, num_samples), memory(rows, pages, self.engine.device.type)
            )
            manager.warmup()  # where its memory is made
        except Exception as error:
            kind = self.engine.model.config.model_type
            raise ConfigError(
                f"transformers' continuous batching cannot read a {kind} model here ({first_line(error)}): write "
                "generator=straw"
            ) from error
        beginner = threading.Thread(target=manager.start, daemon=True)
        beginner.start()
        beginner.join()
        return manager

    def _quiet_forward(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """Without gradients, which are a matter of the thread."""

        @wraps(forward)
        def read(*given: Any, **named: Any) -> Any:
            pulse.beat()
            with torch.no_grad():
                return forward(*given, **named)

        return read

    def close(self) -> None:
        if self.manager is not None:
            manager, self.manager = self.manager, None
            manager.stop(block=True, timeout=PATIENCE_S, hard_stop=True)
            manager.destroy()


def twin_of(model: Any, is_half: bool) -> Any:
    """The same modules over the same parameters, or over bfloat16 copies: its memory of keys has one dtype for all."""
    shared: dict[int, Any] = {id(tensor): tensor for tensor in [*model.parameters(), *model.buffers()]}
    if is_half:
        shared |= {id(p): nn.Parameter(p.detach().bfloat16(), requires_grad=False) for p in model.parameters()}
    twin = deepcopy(model, shared)
    twin.set_attn_implementation("sdpa")
    return twin


def places_of(names: Sequence[str], num_samples: int, forks: int) -> dict[str, list[tuple[int, int]]]:
    """Which (prompt, sample) a request answers: a prompt's own the last, its children the others; or one all."""
    if forks == 1:
        return {name: [(prompt, sample) for sample in range(num_samples)] for prompt, name in enumerate(names)}
    return {
        f"{name}__child#{sample}" if sample < forks - 1 else name: [(prompt, sample)]
        for prompt, name in enumerate(names)
        for sample in range(forks)
    }


def reply_of(result: Any, params: SamplingParams) -> Reply:
    tokens = tuple(result.generated_tokens)
    return Reply(tokens, tuple(result.logprobs), bool(tokens) and tokens[-1] in params.stop)


def drawing(params: SamplingParams, num_samples: int) -> GenerationConfig:
    """Greedy draws have no temperature; a stop token that is none stops nothing."""
    chance = {"temperature": params.temperature, "top_k": params.top_k, "top_p": params.top_p}
    return GenerationConfig(
        do_sample=params.temperature > 0, num_return_sequences=num_samples, pad_token_id=0,
        eos_token_id=sorted(params.stop) or [-1], **(chance if params.temperature > 0 else {}),
    )  # fmt: skip


def memory(rows: int, pages: int, device: str) -> Any:
    """On a card as it finds room; on a processor all of the memory would be free."""
    from transformers import ContinuousBatchingConfig

    if device == "cuda":
        return ContinuousBatchingConfig(return_logprobs=True, max_memory_percent=0.3, max_requests_per_batch=rows)
    return ContinuousBatchingConfig(
        return_logprobs=True, page_size=PAGE, num_blocks=pages, max_batch_tokens=READ_AT_ONCE,
        max_requests_per_batch=rows, auto_switch_to_flash=False,
    )  # fmt: skip
