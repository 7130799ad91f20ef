"""The plain arrangement on Monarch, as the digits study has it: the peer of `distributed`.

    each generator writes one trajectory at a time with transformers' generate
    the trainer updates on the batch, padded, every reply with its own prompt
    weights go by value: trainer -> controller -> every generator

Three actors of a kind that anybody would write first; nothing is slowed down on purpose.
"""

from __future__ import annotations

from typing import Any

import torch
from monarch.actor import Actor, endpoint, this_host
from transformers import AutoModelForCausalLM


def load(folder: str) -> Any:
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


class PlainGenerator(Actor):
    def __init__(self, folder: str) -> None:
        self.model = load(folder)

    @endpoint
    def generate(self, prompt: list[int], num_tokens: int, seed: int) -> list[int]:
        torch.manual_seed(seed)
        with torch.no_grad():
            out = self.model.generate(
                torch.tensor([prompt]), do_sample=True, top_k=0, min_new_tokens=num_tokens, max_new_tokens=num_tokens,
                pad_token_id=0,
            )  # fmt: skip
        return out[0, len(prompt) :].tolist()

    @endpoint
    def take(self, weights: dict[str, torch.Tensor]) -> None:
        self.model.load_state_dict(weights)


class PlainTrainer(Actor):
    def __init__(self, folder: str) -> None:
        self.model = load(folder)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-6)

    @endpoint
    def update(self, prompt: list[int], replies: list[list[int]], advantages: list[float]) -> float:
        rows = torch.tensor([prompt + reply for reply in replies])
        logits = self.model(rows).logits[:, len(prompt) - 1 : -1]
        logps = torch.log_softmax(logits.float(), -1).gather(-1, rows[:, len(prompt) :, None])[..., 0]
        loss = -(logps.mean(1) * torch.tensor(advantages)).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss)

    @endpoint
    def weights(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach() for name, tensor in self.model.state_dict().items()}


class Plain:
    """The verbs that the benchmark calls."""

    def __init__(self, folder: str, num_generators: int) -> None:
        procs = [this_host().spawn_procs({"gpus": 1}) for _ in range(num_generators + 1)]
        self.procs = procs
        self.trainer = procs[0].spawn("trainer", PlainTrainer, folder)
        self.generators = [proc.spawn(f"generator{i}", PlainGenerator, folder) for i, proc in enumerate(procs[1:])]
        self.sync()

    def generate(self, prompt: list[int], num_tokens: int, seed: int) -> list[list[int]]:
        futures = [one.generate.call_one(prompt, num_tokens, seed + i) for i, one in enumerate(self.generators)]
        return [future.get() for future in futures]

    def update(self, prompt: list[int], replies: list[list[int]]) -> None:
        advantages = [1.0 if row % 2 else -1.0 for row in range(len(replies))]
        self.trainer.update.call_one(prompt, replies, advantages).get()

    def sync(self) -> None:
        weights = self.trainer.weights.call_one().get()
        for future in [one.take.call_one(weights) for one in self.generators]:
            future.get()

    def close(self) -> None:
        for proc in self.procs:
            proc.stop().get()
