"""The SDK trains all weights of a base model, of a server that was started with --full. Run as `walk.py` is.

It prints what it saw as one line of JSON; whatever is wrong ends it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import tinker
import torch
from tinker import types

TOKENS = [5, 6, 7, 8, 9, 10, 11]
ADAM = types.AdamParams(learning_rate=1e-3)


def datum() -> types.Datum:
    inputs = {
        "target_tokens": types.TensorData.from_torch(torch.tensor(TOKENS[1:])),
        "weights": types.TensorData.from_torch(torch.ones(len(TOKENS) - 1)),
    }
    return types.Datum(model_input=types.ModelInput.from_ints(TOKENS[:-1]), loss_fn_inputs=inputs)


def stepped(client: Any, count: int) -> float:
    """The loss before the last of some steps."""
    loss = 0.0
    for _ in range(count):
        found, step = client.forward_backward([datum()], "cross_entropy"), client.optim_step(ADAM)
        loss = float(found.result().metrics["loss:sum"])
        step.result()
    return loss


def logprobs_of(sampler: Any) -> list[float]:
    return list(sampler.compute_logprobs(types.ModelInput.from_ints(TOKENS)).result()[1:])


def refused(make: Any) -> str:
    try:
        make()
    except Exception as error:
        return str(error)
    raise AssertionError("it was taken")


def main(name: str) -> None:
    service = tinker.ServiceClient()
    with_adapters = refused(lambda: service.create_lora_training_client(name, rank=4).get_info())
    client = service.create_lora_training_client(name, rank=0)
    info = client.get_info()
    base = service.create_sampling_client(base_model=name)
    before, untouched = stepped(client, 1), logprobs_of(base)
    sampler = client.save_weights_and_get_sampling_client()
    early = logprobs_of(sampler)
    path = client.save_state("one").result().path
    further = stepped(client, 3)
    last = logprobs_of(client.save_weights_and_get_sampling_client())
    assert logprobs_of(sampler) == early and logprobs_of(base) == untouched, "what was kept stays as it was"
    assert sum(untouched) < sum(early) < sum(last), "it learns"
    client.load_state_with_optimizer(path).result()
    again = stepped(client, 3)
    assert again == further, "from a checkpoint it goes on with the same bits"
    second = refused(lambda: service.create_lora_training_client(name, rank=0).get_info())
    run = service.create_rest_client().get_training_run(info.model_id).result()
    print(json.dumps({"info": info.is_lora, "run": run.is_lora, "rank": info.lora_rank, "before": before,
                      "after": again, "adapters": with_adapters, "second": second}))  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
