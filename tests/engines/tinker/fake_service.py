"""The SDK's clients, with real computations behind them and no wire: a LocalEngine for every training model.

Losses are computed here by plain torch from the arrays as they are sent, so that they judge what the engine makes of a
datum; the sampler is the local engine's. Everything that a client asked for is written down in `calls`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace as Record
from typing import Any

import numpy as np
import torch
from torch import Tensor

from straw.engines.base import AdamParams, Reply, SamplingParams, Tokens
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward.hf_reader import plainly

Make = Callable[[int, int], LocalEngine]  # of a rank and a seed


class Done:
    """A future that is done."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def result(self) -> Any:
        return self.value


class FakeService:
    def __init__(self, make: Make, folder: Path) -> None:
        self.make, self.folder = make, folder
        self.calls: list[str] = []
        self.states: dict[str, tuple[Path, int, int]] = {}
        self.num_runs = 0
        self.is_closed = False

    def get_server_capabilities(self) -> Any:
        return Record(supported_models=[Record(model_name="tiny-0.2M", max_context_length=2048)])

    def create_lora_training_client(self, base_model: str, rank: int, seed: int, **which: bool) -> Done:
        self.calls.append(f"create rank={rank} seed={seed} unembed={which['train_unembed']}")
        return Done(FakeTraining(self, self.make(rank, seed), rank, seed))

    def loaded(self, path: str, optimizer: bool) -> FakeTraining:
        if path not in self.states:
            raise NotFoundError(f"there is no {path}")
        folder, rank, seed = self.states[path]
        engine = self.make(rank, seed)
        engine.load(folder, optimizer=optimizer)
        return FakeTraining(self, engine, rank, seed)

    def create_training_client_from_state_with_optimizer(self, path: str) -> Done:
        self.calls.append("from state with optimizer")
        return Done(self.loaded(path, True))

    def create_training_client_from_state(self, path: str) -> Done:
        self.calls.append("from state")
        return Done(self.loaded(path, False))

    def create_sampling_client(self, model_path: str) -> Done:
        return Done(FakeSampling(self, self.loaded(model_path, False).engine))

    def create_rest_client(self) -> Any:
        return self

    def delete_checkpoint_from_tinker_path(self, path: str) -> Done:
        del self.states[path]
        return Done(None)

    def close(self, status: str) -> Done:
        self.is_closed = True
        return Done(status)


class NotFoundError(Exception):
    """As the SDK's is called."""


class FakeTraining:
    def __init__(self, service: FakeService, engine: LocalEngine, rank: int, seed: int) -> None:
        self.service, self.engine, self.rank, self.seed = service, engine, rank, seed
        service.num_runs += 1
        self.run = f"run-{service.num_runs}"

    def get_tokenizer(self) -> Any:
        return self.engine.chat.tokenizer

    def _logprobs(self, datum: Any) -> Tensor:
        tokens = torch.tensor([datum.model_input.to_ints()])
        every = log_softmaxes(self.engine, tokens)
        targets = torch.from_numpy(datum.loss_fn_inputs["target_tokens"].to_numpy())
        return every.gather(1, targets.reshape(len(targets), -1)).reshape(targets.shape)

    def _outputs(self, logprobs: Sequence[Tensor], loss: float) -> Any:
        import tinker

        outputs = [{"logprobs": tinker.TensorData.from_torch(one.detach())} for one in logprobs]
        return Record(loss_fn_outputs=outputs, metrics={"loss:sum": loss})

    @torch.no_grad()
    def forward(self, data: Sequence[Any], loss_fn: str) -> Done:
        self.service.calls.append(f"forward {loss_fn} {len(data)}")
        return Done(self._outputs([self._logprobs(datum) for datum in data], 0.0))

    def forward_backward(self, data: Sequence[Any], loss_fn: str, config: Mapping[str, float] | None = None) -> Done:
        self.service.calls.append(f"forward_backward {loss_fn} {len(data)}")
        logprobs = [self._logprobs(datum) for datum in data]
        losses = [LOSSES[loss_fn](lp, inputs_of(datum), config or {}) for lp, datum in zip(logprobs, data, strict=True)]
        total = torch.stack(losses).sum()
        total.backward()
        return Done(self._outputs(logprobs, float(total.detach())))

    def forward_backward_custom(self, data: Sequence[Any], loss_fn: Any) -> Done:
        self.service.calls.append(f"custom {len(data)}")
        logprobs = [self._logprobs(datum) for datum in data]
        leaves = [one.detach().requires_grad_() for one in logprobs]
        total, _ = loss_fn(data, leaves)
        total.backward()
        torch.autograd.backward(logprobs, [one.grad for one in leaves])
        return Done(self._outputs(logprobs, float(total.detach())))

    def optim_step(self, params: Any) -> Done:
        for parameter in self.engine.trained.values():
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        norm = self.engine.optim_step(
            AdamParams(
                learning_rate=params.learning_rate, beta1=params.beta1, beta2=params.beta2, eps=params.eps,
                weight_decay=params.weight_decay, grad_clip=params.grad_clip_norm,
            )
        )  # fmt: skip
        return Done(Record(metrics=norm))

    def _keep(self, kind: str, name: str) -> Done:
        path = f"tinker://{self.run}/{kind}/{name}"
        folder = self.service.folder / path.removeprefix("tinker://")
        self.engine.save(folder)
        self.service.states[path] = folder, self.rank, self.seed
        return Done(Record(path=path))

    def save_state(self, name: str, ttl_seconds: int | None = None) -> Done:
        return self._keep("weights", name)

    def save_weights_for_sampler(self, name: str) -> Done:
        return self._keep("sampler_weights", name)

    def save_weights_and_get_sampling_client(self) -> Done:
        engine = self.service.make(self.rank, self.seed)
        with torch.no_grad():
            for name, parameter in engine.trained.items():
                parameter.copy_(self.engine.trained[name])
        self.service.calls.append("snapshot")
        return Done(FakeSampling(self.service, engine))


class Asked:
    """The future of a sampling request."""

    def __init__(self, client: FakeSampling, seeds: list[int]) -> None:
        self.client, self.seeds = client, seeds
        self.replies: list[Reply] | None = None

    def result(self) -> Any:
        if self.replies is None:
            self.client.answer()
        assert self.replies is not None
        sequences = [
            Record(
                tokens=list(one.tokens), logprobs=list(one.logprobs), stop_reason="stop" if one.stopped else "length"
            )
            for one in self.replies
        ]
        return Record(sequences=sequences, prompt_cache_hit_tokens=0)


class FakeSampling:
    def __init__(self, service: FakeService, engine: LocalEngine) -> None:
        self.service, self.engine = service, engine
        self.waiting: dict[tuple[Tokens, SamplingParams], list[Asked]] = {}

    def sample(self, prompt: Any, num_samples: int, sampling_params: Any) -> Asked:
        self.service.calls.append(f"sample {num_samples}")
        params = SamplingParams(
            max_tokens=sampling_params.max_tokens, temperature=sampling_params.temperature,
            top_k=max(0, sampling_params.top_k), top_p=sampling_params.top_p, stop=frozenset(sampling_params.stop),
        )  # fmt: skip
        waiting = self.waiting.setdefault((tuple(prompt.to_ints()), params), [])
        waiting.append(asked := Asked(self, [sampling_params.seed + row for row in range(num_samples)]))
        return asked

    def answer(self) -> None:
        """All that waits, requests for one prompt together: a reply does not depend on its neighbours."""
        for (prompt, params), waiting in self.waiting.items():
            seeds = [seed for asked in waiting for seed in asked.seeds]
            replies = iter(self.engine.sample([prompt], len(seeds), params, [seeds])[0])
            for asked in waiting:
                asked.replies = [next(replies) for _ in asked.seeds]
        self.waiting.clear()

    @torch.no_grad()
    def compute_logprobs(self, prompt: Any) -> Done:
        self.service.calls.append("compute_logprobs")
        tokens = torch.tensor([prompt.to_ints()])
        every = log_softmaxes(self.engine, tokens)[:-1]
        return Done([None, *every.gather(1, tokens[0, 1:, None])[:, 0].tolist()])


def log_softmaxes(engine: LocalEngine, tokens: Tensor) -> Tensor:
    """By transformers alone."""
    with plainly(engine.model):
        return engine.model(tokens, use_cache=False).logits[0].float().log_softmax(-1)


def inputs_of(datum: Any) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.array(one.to_numpy())) for name, one in datum.loss_fn_inputs.items()}


def cross_entropy(lp: Tensor, inputs: Mapping[str, Tensor], config: Mapping[str, float]) -> Tensor:
    return -(inputs["weights"] * lp).sum()


def importance_sampling(lp: Tensor, inputs: Mapping[str, Tensor], config: Mapping[str, float]) -> Tensor:
    return -(torch.exp(lp - inputs["logprobs"]) * inputs["advantages"]).sum()


def ppo(lp: Tensor, inputs: Mapping[str, Tensor], config: Mapping[str, float]) -> Tensor:
    ratio, paid = torch.exp(lp - inputs["logprobs"]), inputs["advantages"]
    clipped = ratio.clamp(config["clip_low_threshold"], config["clip_high_threshold"])
    return -torch.minimum(ratio * paid, clipped * paid).sum()


LOSSES = {"cross_entropy": cross_entropy, "importance_sampling": importance_sampling, "ppo": ppo}
