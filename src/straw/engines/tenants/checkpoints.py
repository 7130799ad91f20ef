"""A tenant as a folder, and back.

adapters      adapter_config.json  adapter_model.safetensors        PEFT's own form
all weights   config.json  model.safetensors  tokenizer.json ...    a model folder in Hugging Face's form
either        optimizer.safetensors                                 Adam's moments, and how many steps it took
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from straw.engines.local.adapters.folder import ADAPTER_CONFIG
from straw.engines.local.models.pretrained import quietly, read_folder
from straw.engines.local.training.checkpoints import Adam, read_adam, write_adam
from straw.engines.tenants.adapter_folder import read_adapter, shape_of, write_adapter
from straw.engines.tenants.bank import Adapter, FullWeights, Weights
from straw.engines.tenants.records import Shape
from straw.engines.tenants.training.tenant import Tenant
from straw.errors import ConfigError, ModelError, RunError
from straw.files import is_file
from straw.runs.checkpoints.weights import OPTIMIZER
from straw.runs.files.atomic_write import whole_folder

if TYPE_CHECKING:
    from straw.engines.tenants.engine import TenantEngine


@contextmanager
def asked_for(folder: Path) -> Iterator[None]:
    """Whoever names a folder is told what is wrong with it, by its last name."""
    try:
        yield
    except (ModelError, RunError) as error:
        raise ConfigError(str(error).replace(str(folder), folder.name)) from error


def save_tenant(engine: TenantEngine, tenant: Tenant, folder: Path, *, optimizer: bool) -> None:
    with whole_folder(folder) as new:
        if tenant.adapter is not None and engine.bank is not None:
            others = [layer for layer in engine.bank.sizes if layer not in tenant.adapter.pairs]
            write_adapter(new, tenant.adapter, tenant.shape, engine.facts.name, others)
        else:
            with quietly():
                engine.model.save_pretrained(new)
                engine.chat.tokenizer.save_pretrained(new)
        if optimizer:
            write_adam(new, tenant.trained, Adam(tenant.optimizer.state, tenant.version, True))


def load_tenant(engine: TenantEngine, folder: Path, *, optimizer: bool) -> Tenant:
    if optimizer and not is_file(folder / OPTIMIZER):
        raise RunError(f"{folder} holds weights and no {OPTIMIZER}: load it without the optimizer")
    weights, shape = load_weights(engine, folder)
    if isinstance(weights, Adapter):
        tenant = Tenant.with_adapter(shape, weights)
    else:
        tenant = Tenant(shape, dict(engine.model.named_parameters()), None)
    adam = read_adam(folder, tenant.trained) if optimizer else Adam({}, 0, True)
    tensors = weights.tensors() if isinstance(weights, Adapter) else weights.tensors
    tenant.restart(tensors, adam.state, adam.policy_version)
    return tenant


def load_weights(engine: TenantEngine, folder: Path) -> tuple[Weights, Shape]:
    """Where they are needed, without gradients."""
    if engine.bank is None:
        return FullWeights(full_weights(engine.model, folder)), Shape(rank=0)
    if not is_file(folder / ADAPTER_CONFIG):
        raise ModelError(f"this server trains adapters, and {folder} has no {ADAPTER_CONFIG}: name another checkpoint")
    written = read_adapter(folder)
    tensors = {name: tensor.to(engine.device) for name, tensor in written.tensors.items()}
    adapter = engine.bank.adapter_of(tensors, written.alpha / written.rank)
    parts = {engine.bank.part(layer) for layer in adapter.pairs}
    return adapter, shape_of(written, parts, {a.shape[0] for a, _ in adapter.pairs.values()}, folder)


def full_weights(model: nn.Module, folder: Path) -> dict[str, Tensor]:
    theirs = {name: p.data for name, p in read_folder(folder).model.named_parameters()}
    mine = dict(model.named_parameters())
    if {name: p.shape for name, p in theirs.items()} != {name: p.shape for name, p in mine.items()}:
        raise ModelError(f"{folder} holds the weights of another model than is served: name another checkpoint")
    return {name: theirs[name].to(p.device) for name, p in mine.items()}
