"""A double of vLLM 0.32 and 0.33 as far as straw speaks to it: names, arguments and order as its sources have them.

    LLM                             model folder, dummy weights, the four calls of a weight update, generate
    WeightTransferTrainerFactory    trainer_init(init_info, client=, source=) -> .send_weights(), .shutdown()
    ModuleSource                    over the named_parameters() of a module: the one source that both versions have

It refuses what vLLM refuses: a call out of order, an unknown argument, a parameter that the model does not have, or one
that is announced otherwise than it comes. What it draws comes from transformers' own modules with the weights that
were sent, so a weight that was not, or went elsewhere, shows in the log-probabilities.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import torch
from transformers import AutoConfig, AutoModelForCausalLM

VERSION = "0.32.0"


@dataclass
class WeightTransferConfig:
    backend: str = "nccl"


@dataclass(kw_only=True)
class SamplingParams:
    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    max_tokens: int | None = 16
    stop_token_ids: list[int] | None = None
    ignore_eos: bool = False
    logprobs: int | None = None
    detokenize: bool = True

    def __post_init__(self) -> None:
        assert self.seed is None or -(2**63) <= self.seed < 2**63


@dataclass(frozen=True)
class ParamMeta:
    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]


class ModuleSource:
    """Over named_parameters(), which are told first and come then."""

    def __init__(self, module: torch.nn.Module) -> None:
        self._module = module

    def told(self) -> list[ParamMeta]:
        return [ParamMeta(name, p.dtype, tuple(p.shape)) for name, p in self._module.named_parameters()]

    def come(self) -> list[tuple[str, torch.Tensor]]:
        return list(self._module.named_parameters())


@dataclass(kw_only=True)
class IPCTrainerInitInfo:
    backend: ClassVar[str] = "ipc"
    rank: int
    packed: bool = False


class Sender:
    """vLLM's trainer side; tensors themselves stand for the handles to their memory."""

    def __init__(self, client: Any, source: ModuleSource) -> None:
        self.client, self.source = client, source

    def send_weights(self) -> None:
        self.client.start_weight_update()
        told, come = self.source.told(), self.source.come()
        assert [(one.name, one.dtype, one.shape) for one in told] == [(n, t.dtype, tuple(t.shape)) for n, t in come]
        self.client.update_weights({
            "names": [one.name for one in told], "dtype_names": [str(one.dtype).split(".")[-1] for one in told],
            "shapes": [list(one.shape) for one in told], "ipc_handles": [tensor for _, tensor in come],
        })  # fmt: skip
        self.client.finish_weight_update()

    def shutdown(self) -> None: ...


class Factory:
    @classmethod
    def trainer_init(cls, init_info: Any, *, client: Any, source: ModuleSource | None = None) -> Sender:
        assert isinstance(init_info, IPCTrainerInitInfo) and isinstance(source, ModuleSource)
        client.init_weight_transfer_engine({"packed": init_info.packed})
        return Sender(client, source)


@dataclass
class Calls:
    """Of the last LLM, in their order."""

    made: list[str] = field(default_factory=list)


CALLS = Calls()


class LLM:
    def __init__(
        self, model: str, *, load_format: str, skip_tokenizer_init: bool, dtype: str, gpu_memory_utilization: float,
        max_num_seqs: int, logprobs_mode: str, weight_transfer_config: WeightTransferConfig,
    ) -> None:  # fmt: skip
        assert load_format == "dummy" and skip_tokenizer_init and weight_transfer_config.backend == "ipc"
        assert logprobs_mode == "processed_logprobs" and 0 < gpu_memory_utilization < 1 and max_num_seqs >= 1
        config = AutoConfig.from_pretrained(model)
        self.model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).eval()
        CALLS.made = ["made"]

    def _then(self, call: str, *after: str) -> None:
        assert CALLS.made[-1] in after, f"{call} behind {CALLS.made[-1]}"
        CALLS.made.append(call)

    def init_weight_transfer_engine(self, request: dict[str, Any]) -> None:
        assert request == {"init_info": {"packed": False}}
        self._then("init", "made")

    def start_weight_update(self) -> None:
        self._then("start", "init", "generate", "reset")

    @torch.no_grad()
    def update_weights(self, request: dict[str, Any]) -> None:
        self._then("update", "start", "update")
        sent, there = request["update_info"], dict(self.model.named_parameters())
        assert set(sent["names"]) == set(there), set(sent["names"]) ^ set(there)
        for name, shape, tensor in zip(sent["names"], sent["shapes"], sent["ipc_handles"], strict=True):
            assert list(there[name].shape) == shape
            there[name].copy_(tensor)

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        self._then("finish", "update")

    def reset_prefix_cache(self) -> bool:
        self._then("reset", "finish")
        return True

    @torch.no_grad()
    def generate(self, prompts: list[dict[str, Any]], ways: list[SamplingParams], use_tqdm: bool = True) -> list[Any]:
        self._then("generate", "reset", "generate")
        return [self._one(one["prompt_token_ids"], way) for one, way in zip(prompts, ways, strict=True)]

    def _one(self, prompt: list[int], way: SamplingParams) -> Any:
        """One reply: softmax of the processed logits, drawn by a generator with the reply's seed."""
        chance = torch.Generator().manual_seed(int(way.seed or 0))
        tokens: list[int] = []
        places: list[dict[int, Any]] = []
        while len(tokens) < int(way.max_tokens or 0) and not (tokens and tokens[-1] in (way.stop_token_ids or [])):
            z = self.model(torch.tensor([prompt + tokens])).logits[0, -1].float()
            p = torch.softmax(z / (way.temperature or 1.0), -1)
            token = int(torch.multinomial(p, 1, generator=chance)) if way.temperature else int(p.argmax())
            tokens.append(token)
            places.append({token: SimpleNamespace(logprob=float(p[token].log()))})
        return SimpleNamespace(outputs=[SimpleNamespace(token_ids=tokens, logprobs=places)])


def modules() -> dict[str, ModuleType]:
    """By the names that vLLM imports have."""
    names = {
        "vllm": {"LLM": LLM, "SamplingParams": SamplingParams},
        "vllm.config": {"WeightTransferConfig": WeightTransferConfig},
        "vllm.distributed": {},
        "vllm.distributed.weight_transfer": {"WeightTransferTrainerFactory": Factory, "ModuleSource": ModuleSource},
        "vllm.distributed.weight_transfer.ipc_engine": {"IPCTrainerInitInfo": IPCTrainerInitInfo},
    }
    made = {}
    for name, contents in names.items():
        made[name] = ModuleType(name)
        vars(made[name]).update(contents)
    return made


def installed(patch: Any) -> None:
    """For as long as the monkeypatch lasts."""
    for name, module in modules().items():
        patch.setitem(sys.modules, name, module)
