"""A base model by its name, with room for tenants.

open_backend("tiny-1M")                 random weights until somebody trains them; a run's export is a better base
open_backend("smollm2")                 after `straw models add smollm2`
open_backend("runs/first-model")        a folder: what `straw export` wrote, or any in Hugging Face's form
open_backend("org/name", dtype="bfloat16", device="cuda")
"""

from __future__ import annotations

import torch

from straw.engines.local.models.resolve import load_model
from straw.engines.tenants.engine import TenantEngine, TenantSettings
from straw.engines.tenants.records import IN_MEMORY


def open_backend(
    model_name: str,
    *,
    dtype: str = "float32",
    device: str = "cpu",
    full: bool = False,
    seed: int = 0,
    trust_remote_code: bool = False,
    tokens_per_microbatch: int | None = None,
    gradient_checkpointing: bool = False,
    fast_llama: bool = True,
    tenants_in_memory: int = IN_MEMORY,
    threads: int = 1,
) -> TenantEngine:
    """`seed` makes the weights of an embedded model; with one thread of torch the bits are those of a run with one."""
    torch.set_num_threads(threads)
    loaded = load_model(model_name, seed=seed, trust_remote_code=trust_remote_code)
    settings = TenantSettings(
        device=device, dtype=dtype, full=full, tokens_per_microbatch=tokens_per_microbatch,
        gradient_checkpointing=gradient_checkpointing, fast_llama=fast_llama, tenants_in_memory=tenants_in_memory,
    )  # fmt: skip
    return TenantEngine(loaded.model, loaded.chat(), settings, name=model_name)
