"""What newer SDKs ask beside `walk.py`: encrypted exports, samplers in flight, groups, top-k, tokenizers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pyrage
import tinker
import torch
from tinker import types

PROMPT = [5, 6, 7, 8]


def tensor(values: list[Any], kind: Any = torch.float32) -> types.TensorData:
    return types.TensorData.from_torch(torch.tensor(values, dtype=kind))


def gspo(client: Any) -> float:
    mask = [0.0, 0.0, 0.0, 1.0, 1.0]
    inputs = {
        "target_tokens": tensor([6, 7, 8, 9, 10], torch.int64), "logprobs": tensor([-4.0 * one for one in mask]),
        "advantages": tensor(mask), "sequence_ratio_mask": tensor(mask),
    }  # fmt: skip
    datum = types.Datum(model_input=types.ModelInput.from_ints([*PROMPT, 9]), loss_fn_inputs=inputs)
    return float(client.forward_backward([datum], "gspo").result().metrics["loss:sum"])


def soft(client: Any) -> int:
    """N x K targets, which the SDK sends in sparse form where that is smaller."""
    weights = torch.zeros(5, 8)
    weights[4, :2] = 0.5
    inputs = {
        "target_tokens": types.TensorData.from_torch(torch.arange(40).reshape(5, 8)),
        "weights": types.TensorData.from_torch(weights),
    }
    datum = types.Datum(model_input=types.ModelInput.from_ints([*PROMPT, 9]), loss_fn_inputs=inputs)
    found = client.forward_backward([datum], "cross_entropy").result()
    assert list(found.loss_fn_outputs[0]["logprobs"].shape) == [5, 8]
    client.optim_step(types.AdamParams(learning_rate=1e-4)).result()
    return len(found.loss_fn_outputs)


def chunked(client: Any) -> int:
    """More data than fit into one request: the SDK sends the later ones first."""
    data = [
        types.Datum(
            model_input=types.ModelInput.from_ints([*PROMPT, 9]),
            loss_fn_inputs={
                "target_tokens": tensor([6, 7, 8, 9, number % 90], torch.int64),
                "weights": tensor([0.0, 0.0, 0.0, 0.0, 1.0]),
            },
        )
        for number in range(1100)
    ]
    found = client.forward_backward(data, "cross_entropy").result()
    client.optim_step(types.AdamParams(learning_rate=1e-4)).result()
    return len(found.loss_fn_outputs)


def exported(service: Any, client: Any, folder: Path) -> list[str]:
    """Fetched without a key and decrypted, it is an adapter of PEFT's form."""
    identity = pyrage.x25519.Identity.generate()
    path = client.save_weights_external("out", age_encryption_recipients=[str(identity.to_public())]).result().path
    found = service.create_rest_client().get_external_weights_urls(path).result()
    for name, url in found.urls.items():
        with urlopen(url) as file:
            (folder / name.removesuffix(".age")).write_bytes(pyrage.decrypt(file.read(), [identity]))
    assert json.loads((folder / "adapter_config.json").read_text())["r"] == 4
    from safetensors.torch import load_file

    assert load_file(folder / "adapter_model.safetensors")
    service.create_rest_client().delete_checkpoint_from_tinker_path(path).result()
    return list(found.urls)


def scored(sampler: Any) -> None:
    prompt = types.ModelInput.from_ints([*PROMPT, 9])
    found = sampler.sample(
        prompt, 1, types.SamplingParams(max_tokens=2, seed=1), include_prompt_logprobs=True, topk_prompt_logprobs=3
    ).result()
    for place, table in enumerate(found.topk_prompt_logprobs[1:], start=1):
        assert len(table) == 3, table
        best = max(logprob for _, logprob in table)
        assert found.prompt_logprobs[place] <= best + 1e-6


def alternatives(sampler: Any) -> None:
    """Drawn in the place of each token of the prompt but the first."""
    prompt, params = types.ModelInput.from_ints([*PROMPT, 9]), types.SamplingParams(max_tokens=1, seed=1)
    found = sampler.sample(prompt, 1, params, prompt_alt_tokens_k=5).result().prompt_alt_tokens
    assert found.tokens.shape == found.logprobs.shape == [len(PROMPT), 5]
    asked = types.TensorData.from_torch(found.tokens.to_torch())
    judged = sampler.sample(prompt, 1, params, target_prompt_logprobs=asked).result().target_prompt_logprobs
    assert abs(judged.to_torch() - found.logprobs.to_torch()).max() < 1e-6


def recorded(client: Any) -> None:
    """A client that records for stable_reinforce has its samples, and is told that the loss is not here."""
    sampler = client.save_weights_and_get_sampling_client(record_stability_info=True)
    sampler = sampler.result() if hasattr(sampler, "result") else sampler
    params = types.SamplingParams(max_tokens=2, seed=1)
    assert sampler.sample(types.ModelInput.from_ints(PROMPT), 1, params).result().sequences[0].tokens


def main(name: str, folder: Path) -> None:
    service = tinker.ServiceClient()
    client = service.create_lora_training_client(base_model=name, rank=4, seed=1)
    seen: dict[str, Any] = {"gspo": gspo(client), "soft": soft(client), "chunked": chunked(client)}
    assert seen["chunked"] == 1100
    first = client.save_weights_and_get_sampling_client(kind="inflight").result()
    second = client.save_weights_and_get_sampling_client(kind="inflight").result()
    params = types.SamplingParams(max_tokens=4, seed=2)
    pair = [one.sample(types.ModelInput.from_ints(PROMPT), 1, params).result() for one in (first, second)]
    assert list(pair[0].sequences[0].tokens) == list(pair[1].sequences[0].tokens)
    scored(first)
    alternatives(first)
    recorded(client)
    seen["tokens"] = client.get_tokenizer().encode("hello")
    seen["files"] = exported(service, client, folder)
    rest = service.create_rest_client()
    path = client.save_state("kept", ttl_seconds=3600).result().path
    rest.set_checkpoint_ttl_from_tinker_path(path, None).result()
    assert [one.expires_at for one in rest.list_user_checkpoints().result().checkpoints if one.tinker_path == path] == [
        None
    ]
    session = rest.list_sessions().result().sessions[0]
    assert rest.get_session(session).result().training_run_ids
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
