"""The SDK trains a step and samples. Run as `walk.py` is; it prints how many tokens it was given."""

from __future__ import annotations

import sys

import tinker
from tinker import types

client = tinker.ServiceClient().create_lora_training_client(sys.argv[1], rank=2)
client.optim_step(types.AdamParams(learning_rate=0.0)).result()
params = types.SamplingParams(max_tokens=8, stop=[])
sampler = client.save_weights_and_get_sampling_client()
reply = sampler.sample(types.ModelInput.from_ints([5, 6, 7]), 1, params).result().sequences[0]
print(f"{len(reply.tokens)} tokens")
