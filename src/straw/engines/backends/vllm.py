"""vLLM as a generator: it reads weights by its weight-transfer protocol, and draws token by token on the same card.

    LLM(folder, load_format="dummy", weight_transfer_config=ipc)           config alone: weights come from here
    trainer_init -> init_weight_transfer_engine                            once
    send_weights -> start_weight_update, update_weights, finish_...        at every `take`: start, update, finish
    reset_prefix_cache                                                     keys of the last weights are nobody's

Written against vLLM 0.32 and 0.33, whose trainer takes no config but `IPCTrainerInitInfo`; older ones speak otherwise
and are refused. Handles to the card's memory go to vLLM's own process, so engine and vLLM share one CUDA card. Adapters
travel merged into their layers. Log-probabilities are those of the distribution that was drawn from
(`processed_logprobs`), and each reply has its own seed; no bits are promised (VLLM_BATCH_INVARIANT=1 is vLLM's own way
to a sampler whose rows do not meet, and the trainer here has other kernels still).

Tried against a double of that protocol (tests); `make gpu` runs the real one where it is installed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Any

import torch
from packaging.version import Version
from torch import Tensor, nn

from straw.engines.backends.base import Backend
from straw.engines.base import Done, Reply, SamplingParams, Tokens
from straw.engines.local import heartbeat as pulse
from straw.engines.local.models.folder import first_line
from straw.errors import ConfigError, EngineFailed

LEAST, BELOW = "0.32", "0.34"
SHARE = 0.4  # of the card's memory, for vLLM's weights and keys; the engine has the rest
PICKLES = "VLLM_ALLOW_INSECURE_SERIALIZATION"


class Vllm(Backend):
    """generator=vllm: vLLM beside this process, on the same CUDA card (extra vllm)."""

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        import vllm
        from vllm.config import WeightTransferConfig
        from vllm.distributed.weight_transfer import ModuleSource, WeightTransferTrainerFactory
        from vllm.distributed.weight_transfer.ipc_engine import IPCTrainerInitInfo

        self.vllm = vllm
        with tempfile.TemporaryDirectory() as folder:
            engine.model.config.save_pretrained(folder)
            self.llm = vllm.LLM(
                model=folder, load_format="dummy", skip_tokenizer_init=True, dtype=engine.settings.dtype,
                gpu_memory_utilization=SHARE, max_num_seqs=engine.settings.rows_at_once or 256,
                logprobs_mode="processed_logprobs", weight_transfer_config=WeightTransferConfig(backend="ipc"),
            )  # fmt: skip
        weights = Weights(engine.model, getattr(torch, engine.settings.dtype))
        self.sender = WeightTransferTrainerFactory.trainer_init(
            IPCTrainerInitInfo(rank=0), client=Client(self.llm), source=ModuleSource(weights)
        )

    @staticmethod
    def check(device: str) -> None:
        try:
            there = metadata.version("vllm")
        except metadata.PackageNotFoundError:
            raise ConfigError(
                "generator=vllm needs vLLM, and it is not installed: pip install 'straw[vllm]' (Linux with a CUDA "
                "card), or write generator=transformers"
            ) from None
        if not Version(LEAST) <= Version(there) < Version(BELOW):
            raise ConfigError(
                f"generator=vllm speaks the weight transfer of vLLM {LEAST} and newer, below {BELOW}; got {there}: pip "
                f"install 'vllm>={LEAST},<{BELOW}', or write generator=transformers"
            )
        if not device.startswith("cuda"):
            raise ConfigError(
                f"vLLM gets its weights over a CUDA card's memory; got generator=vllm with device={device}. Write "
                "device=cuda, or generator=transformers."
            )
        if (card := device.partition(":")[2]) not in ("", "0"):
            raise ConfigError(
                f"vLLM takes the first card that it sees, and weights do not leave a card; got device={device}. Write "
                f"CUDA_VISIBLE_DEVICES={card} in front of the command, and device=cuda"
            )
        if os.environ.get(PICKLES) != "1":
            raise ConfigError(
                "vLLM hands memory handles to its own process as pickles, and does so only where it is allowed: write "
                f"{PICKLES}=1 in front of the command, or generator=transformers"
            )

    def take(self, version: int) -> None:
        """Weights as they are now; keys that the last ones made are dropped."""
        try:
            self.sender.send_weights()
            self.llm.reset_prefix_cache()
        except Exception as error:
            raise EngineFailed(f"vLLM did not take version {version} ({first_line(error)})") from error

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]],
        done: Done | None,
    ) -> list[list[Reply]]:  # fmt: skip
        asked = [{"prompt_token_ids": list(prompt)} for prompt in prompts for _ in range(num_samples)]
        ways = [self._params(params, seed) for row in seeds for seed in row]
        pulse.beat()
        try:
            outputs = self.llm.generate(asked, ways, use_tqdm=False)
        except Exception as error:
            raise EngineFailed(f"vLLM failed ({first_line(error)})") from error
        flat = [reply_of(output.outputs[0], params) for output in outputs]
        rows = [flat[start : start + num_samples] for start in range(0, len(flat), num_samples)]
        for prompt, row in enumerate(rows if done is not None else []):
            for number, reply in enumerate(row):
                done(prompt, number, reply)  # type: ignore[misc]
        return rows

    def _params(self, params: SamplingParams, seed: int) -> Any:
        """Our stop tokens alone stop a reply."""
        return self.vllm.SamplingParams(
            n=1, temperature=params.temperature, top_k=params.top_k, top_p=params.top_p, seed=seed % 2**63,
            max_tokens=params.max_tokens, stop_token_ids=sorted(params.stop), ignore_eos=True, logprobs=0,
            detokenize=False,
        )  # fmt: skip

    def close(self) -> None:
        self.sender.shutdown()
        self.llm = self.sender = None


class Client:
    """How vLLM's trainer side reaches an LLM of this process: the four calls of its protocol."""

    def __init__(self, llm: Any) -> None:
        self.llm = llm

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        self.llm.init_weight_transfer_engine({"init_info": init_info})

    def start_weight_update(self) -> None:
        self.llm.start_weight_update()

    def update_weights(self, update_info: dict[str, Any]) -> None:
        self.llm.update_weights({"update_info": update_info})

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        self.llm.finish_weight_update(weight_version)


class Weights(nn.Module):
    """The engine's weights as a checkpoint has them, for a source of parameters of a module."""

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.of, self.dtype = (model,), dtype  # no submodule of this one

    def named_parameters(self, *given: Any, **named: Any) -> Iterator[tuple[str, Any]]:
        for name, weight in plain_weights(self.of[0]):
            yield name, weight.to(self.dtype)


@torch.no_grad()
def plain_weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """By the names that they have without adapters, which are merged into what they stand beside."""
    deltas = {
        f"{name}.base_layer.weight": module.get_delta_weight
        for name, module in model.named_modules()
        if hasattr(module, "get_delta_weight") and hasattr(module, "base_layer")
    }
    for name, parameter in model.named_parameters():
        if ".lora_" not in name:
            weight = parameter.detach()
            weight = weight + deltas[name]("default") if name in deltas else weight
            yield name.replace(".base_layer.", "."), weight


def reply_of(output: Any, params: SamplingParams) -> Reply:
    tokens = tuple(output.token_ids)
    logprobs = tuple(place[token].logprob for token, place in zip(tokens, output.logprobs, strict=True))
    return Reply(tokens, logprobs, bool(tokens) and tokens[-1] in params.stop)
