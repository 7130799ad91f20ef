"""A program that walks through the protocol with the SDK as it is. Run in a process of its own:

    TINKER_BASE_URL=... TINKER_API_KEY=tml-test python walk.py MODEL_NAME

It prints one line of JSON with what it saw; whatever is wrong ends it. It imports nothing of straw, and keeps to what
SDKs from 0.25 on have, so that the same program runs with any of them.
"""

from __future__ import annotations

import json
import math
import sys
import warnings
from typing import Any

import tinker
import torch
from tinker import types

warnings.simplefilter("ignore")
PROMPT, REPLY = [5, 6, 7, 8], [9, 10, 11]
LOSSES: dict[str, dict[str, float]] = {
    "cross_entropy": {}, "importance_sampling": {}, "ppo": {"clip_low_threshold": 0.8, "clip_high_threshold": 1.2},
    "cispo": {}, "dro": {"beta": 0.1},
}  # fmt: skip


def tensor(values: list[Any], kind: Any = torch.float32) -> types.TensorData:
    return types.TensorData.from_torch(torch.tensor(values, dtype=kind))


def datum(loss: str) -> types.Datum:
    tokens = PROMPT + REPLY
    read, targets, first = tokens[:-1], tokens[1:], len(PROMPT) - 1
    weights = [0.0] * first + [1.0] * len(REPLY)
    inputs = {"target_tokens": tensor(targets, torch.int64)}
    if loss == "cross_entropy":
        inputs["weights"] = tensor(weights)
    else:
        inputs["logprobs"] = tensor([-4.0 * one for one in weights])
        inputs["advantages"] = tensor(weights)
    return types.Datum(model_input=types.ModelInput.from_ints(read), loss_fn_inputs=inputs)


def loss_of(output: Any) -> float:
    return float(output.metrics["loss:sum"])


def train(client: Any) -> dict[str, float]:
    """Every loss once, and the likelihood of a reply that is trained on."""
    before = loss_of(client.forward([datum("cross_entropy")], "cross_entropy").result())
    for _ in range(5):
        first = client.forward_backward([datum("cross_entropy")], "cross_entropy")
        step = client.optim_step(types.AdamParams(learning_rate=5e-3))
        first.result(), step.result()
    after = loss_of(client.forward([datum("cross_entropy")], "cross_entropy").result())
    assert after < before - 0.5, (before, after)
    seen = {}
    for loss, config in LOSSES.items():
        output = client.forward_backward([datum(loss)] * 2, loss, config or None).result()
        seen[loss] = loss_of(output)
        assert len(output.loss_fn_outputs) == 2, loss
        assert len(output.loss_fn_outputs[0]["logprobs"].tolist()) == len(PROMPT + REPLY) - 1
        client.optim_step(types.AdamParams(learning_rate=0.0)).result()
    return {**seen, "before": before, "after": after}


def custom(client: Any) -> float:
    """A loss of the caller's own is the built-in one where it is the same formula."""

    def loss(data: list[Any], logprobs: list[Any]) -> tuple[Any, dict[str, float]]:
        weights = [torch.tensor(one.loss_fn_inputs["weights"].tolist()) for one in data]
        total = -sum((w * lp).sum() for w, lp in zip(weights, logprobs, strict=True))
        return total, {"mine": float(total)}

    found = client.forward_backward_custom([datum("cross_entropy")], loss).result()
    client.optim_step(types.AdamParams(learning_rate=0.0)).result()
    assert math.isfinite(found.metrics["mine"])
    return float(found.metrics["mine"])


def sample(sampler: Any) -> dict[str, Any]:
    prompt = types.ModelInput.from_ints(PROMPT)
    params = types.SamplingParams(max_tokens=6, seed=3, temperature=1.0)
    one = sampler.sample(prompt, 3, params).result()
    again = sampler.sample(prompt, 3, params).result()
    tokens = [list(each.tokens) for each in one.sequences]
    assert tokens == [list(each.tokens) for each in again.sequences], "the same seed writes the same"
    assert len({tuple(each) for each in tokens}) > 1, "and its samples differ from each other"
    greedy = sampler.sample(prompt, 1, types.SamplingParams(max_tokens=3, temperature=0.0)).result().sequences[0]
    stop = list(greedy.tokens)[1]
    stopped = sampler.sample(prompt, 1, types.SamplingParams(max_tokens=3, temperature=0.0, stop=[stop])).result()
    assert list(stopped.sequences[0].tokens) == list(greedy.tokens)[: list(greedy.tokens).index(stop) + 1]
    logprobs = sampler.compute_logprobs(types.ModelInput.from_ints(PROMPT + REPLY)).result()
    assert logprobs[0] is None and all(math.isfinite(one) for one in logprobs[1:])
    return {"tokens": tokens, "greedy": list(greedy.tokens), "logprobs": sum(logprobs[1:])}


def refused(client: Any) -> str:
    """A wrong call is told in one line, and the next call is done."""
    try:
        client.forward_backward([datum("importance_sampling")], "stable_reinforce").result()
    except Exception as error:
        message = str(error)
    else:
        raise AssertionError("stable_reinforce was taken")
    assert "importance_sampling" in message, message
    client.forward([datum("cross_entropy")], "cross_entropy").result()
    return message


def saved(service: Any, client: Any) -> dict[str, Any]:
    """Weights and optimizer come back: the next step is the same."""
    path = client.save_state("one").result().path
    step = [client.forward_backward([datum("cross_entropy")], "cross_entropy"),
            client.optim_step(types.AdamParams(learning_rate=5e-3))]  # fmt: skip
    [one.result() for one in step]
    here = loss_of(client.forward([datum("cross_entropy")], "cross_entropy").result())
    other = service.create_training_client_from_state_with_optimizer(path)
    other.forward_backward([datum("cross_entropy")], "cross_entropy").result()
    other.optim_step(types.AdamParams(learning_rate=5e-3)).result()
    there = loss_of(other.forward([datum("cross_entropy")], "cross_entropy").result())
    assert here == there, (here, there)
    named = client.save_weights_for_sampler("named").result().path
    sampler = service.create_sampling_client(model_path=named)
    return {"path": path, "named": named, "sampled": sample(sampler)["greedy"]}


def rest(service: Any, path: str) -> list[str]:
    client = service.create_rest_client()
    run = path.removeprefix("tinker://").split("/")[0]
    listed = client.list_checkpoints(run).result().checkpoints
    assert path in [one.tinker_path for one in listed]
    assert client.get_training_run(run).result().training_run_id == run
    assert run in [one.training_run_id for one in client.list_training_runs().result().training_runs]
    client.publish_checkpoint_from_tinker_path(path).result()
    assert [one.public for one in client.list_checkpoints(run).result().checkpoints if one.tinker_path == path] == [
        True
    ]
    client.unpublish_checkpoint_from_tinker_path(path).result()
    assert client.get_weights_info_by_tinker_path(path).result().lora_rank == 4
    client.delete_checkpoint_from_tinker_path(path).result()
    left = [one.tinker_path for one in client.list_checkpoints(run).result().checkpoints]
    assert path not in left
    return left


def main(name: str) -> None:
    service = tinker.ServiceClient()
    assert name in [one.model_name for one in service.get_server_capabilities().supported_models]
    client = service.create_lora_training_client(base_model=name, rank=4, seed=1)
    seen: dict[str, Any] = {"version": tinker.__version__, "losses": train(client), "custom": custom(client)}
    seen["rank"] = client.get_info().lora_rank
    seen["refused"] = refused(client)
    seen["sampled"] = sample(client.save_weights_and_get_sampling_client())
    seen["saved"] = saved(service, client)
    seen["left"] = rest(service, seen["saved"]["path"])
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1])
