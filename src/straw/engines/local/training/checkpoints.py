"""A checkpoint of what trains: two files of safetensors that belong to one another.

    weights.safetensors      every trained parameter by its name
    optimizer.safetensors    "name|moment" for both of Adam's moments and its step, and
                             version = [policy version, whether the sampler has it]

Reading says in one line what is wrong with a file, before anything is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from straw.engines.local.models.folder import first_line
from straw.errors import ConfigError, RunError
from straw.files import is_file, is_folder
from straw.runs.checkpoints.weights import OPTIMIZER

WEIGHTS, BASE = "weights.safetensors", "base"
Parameters = Mapping[str, nn.Parameter]


@dataclass(frozen=True, slots=True)
class Adam:
    """The optimiser's state by parameter, and how far the policy has come."""

    state: Mapping[Tensor, dict[str, Tensor]]
    policy_version: int
    is_published: bool


def write_checkpoint(folder: Path, trained: Parameters, adam: Adam | None) -> None:
    save_file({name: p.detach().contiguous() for name, p in trained.items()}, folder / WEIGHTS)
    if adam is not None:
        write_adam(folder, trained, adam)


def write_adam(folder: Path, trained: Parameters, adam: Adam) -> None:
    moments = {
        f"{name}|{moment}": value.contiguous()
        for name, p in trained.items()
        for moment, value in adam.state.get(p, {}).items()
    }
    version = torch.tensor([adam.policy_version, adam.is_published])
    save_file({**moments, "version": version}, folder / OPTIMIZER)


def write_base(folder: Path, frozen: Mapping[str, Tensor]) -> None:
    """What lies beneath adapters, in base/."""
    (folder / BASE).mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in frozen.items()}, folder / BASE / WEIGHTS)


def read_base(folder: Path, frozen: Mapping[str, Tensor]) -> None:
    """Into the given tensors."""
    if not is_folder(folder / BASE):
        raise RunError(f"{folder} holds {BASE}, the weights beneath its adapters, and here it does not: restore it")
    for name, tensor in read_weights(folder / BASE, frozen).items():
        frozen[name].copy_(tensor)


def read_weights(folder: Path, trained: Mapping[str, Tensor]) -> dict[str, Tensor]:
    tensors = read(folder / WEIGHTS)
    shapes = {name: p.shape for name, p in trained.items()}
    if {name: tensor.shape for name, tensor in tensors.items()} != shapes:
        raise ConfigError(
            f"{folder / WEIGHTS} holds {len(tensors)} tensors of another model than the {len(shapes)} that train here: "
            "give the same model_name and lora_rank as the run that wrote it"
        )
    return {name: tensors[name].to(p.device) for name, p in trained.items()}


def read_adam(folder: Path, trained: Parameters) -> Adam:
    tensors = read(folder / OPTIMIZER)
    version = tensors.pop("version", torch.zeros(0))
    state: dict[Tensor, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        name, _, moment = key.partition("|")
        if name not in trained or value.shape not in (torch.Size(), trained[name].shape):
            raise ConfigError(f"{folder / OPTIMIZER} is of another model ({key} does not fit): use another checkpoint")
        state.setdefault(trained[name], {})[moment] = value.to(trained[name].device)
    if len(version) != 2:
        raise ConfigError(f"{folder / OPTIMIZER} names no policy version: use another checkpoint")
    return Adam(state, int(version[0]), bool(version[1]))


def read(path: Path) -> dict[str, Tensor]:
    if not is_file(path):
        raise RunError(f"a checkpoint holds {path.name}; {path.parent} does not: name the folder of one checkpoint")
    try:
        return load_file(path)
    except Exception as error:  # safetensors raises its own class for every kind of damage
        raise RunError(f"{path} is damaged ({first_line(error)}): use another checkpoint of the run") from error
