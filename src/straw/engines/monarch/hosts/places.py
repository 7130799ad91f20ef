"""Who is on which machine.

    hosts=here,tls://b:26100 num_generators=3     generators 0 and 2 here, 1 on b
    STRAW_HOSTS                                   wins over the page: a scheduler names other machines each time

Which generator writes what is no matter: a sample is a function of prompt, seed and version.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from straw.config.sections import Engine as EngineSection
from straw.engines.monarch.hosts.address import HERE, Address, read_address, read_hosts
from straw.errors import ConfigError

HOSTS = "STRAW_HOSTS"


@dataclass(frozen=True, slots=True)
class Places:
    """None stands for this machine."""

    hosts: tuple[Address | None, ...]
    trainer: Address | None
    count: int  # of generators

    @property
    def others(self) -> list[Address]:
        return [address for address in self.hosts if address is not None]

    def at(self, generator: int) -> Address | None:
        return self.hosts[generator % len(self.hosts)]

    def num_generators(self, host: Address | None) -> int:
        return sum(self.at(index) == host for index in range(self.count))


def hosts_of(engine: EngineSection) -> Sequence[str]:
    """As they are written, where they are said from outside too."""
    said = os.environ.get(HOSTS, "")
    return said.split(",") if said else engine.hosts


def placed(engine: EngineSection) -> Places:
    hosts = read_hosts(hosts_of(engine)) or [None]
    if any(hosts) and (engine.fresh_weights or engine.weights == "pushed"):
        name = "fresh_weights=true" if engine.fresh_weights else "weights=pushed"
        raise ConfigError(
            f"weights go to each host once, and are shared there, got hosts={','.join(hosts_of(engine))} with {name}. "
            f"Leave {name} out."
        )
    if engine.num_generators < len(hosts):
        raise ConfigError(
            f"every host has a generator, got {len(hosts)} hosts and num_generators={engine.num_generators}. "
            f"Write num_generators={len(hosts)}, or fewer hosts."
        )
    trainer = None if engine.trainer_host == HERE else read_address(engine.trainer_host)
    if trainer not in (None, *hosts):
        there = ",".join(str(one or HERE) for one in hosts)
        raise ConfigError(
            f"the trainer is on one of the hosts, or here; got trainer_host={trainer} with hosts={there}. "
            f"Write trainer_host={HERE}."
        )
    return Places(tuple(hosts), trainer, engine.num_generators)
