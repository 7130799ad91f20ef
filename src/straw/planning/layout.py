"""Which machine does what: generators go round the hosts, as in `engines.monarch.hosts.places`.

hosts=3                   this machine and two others; generators 0 and 3 here
hosts=tls://a:1,here      two machines; without `here` this one only trains and directs
per_host=8                as many machines as it takes for eight generators each
"""

from __future__ import annotations

from dataclasses import dataclass

from straw.engines.monarch.hosts.address import read_hosts
from straw.errors import ConfigError

MOST_GENERATORS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Machine 0 directs and trains."""

    generators: int
    others: int = 0  # machines beside the directing one
    is_here: bool = True  # whether there are generators on the directing machine
    cores: float = 1.0  # of each machine
    cards: int = 0  # of each machine; 0: the page computes on processors

    @property
    def machines(self) -> int:
        return 1 + self.others

    def host_of(self, generator: int) -> int:
        with_generators = self.others + self.is_here
        return generator % with_generators + (not self.is_here)

    def on(self, machine: int) -> int:
        """Generators there."""
        with_generators, first = self.others + self.is_here, int(not self.is_here)
        if machine < first:
            return 0
        return (self.generators - (machine - first) + with_generators - 1) // with_generators


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """What is said of machines, for any number of generators."""

    others: int = 0
    is_here: bool = True
    per_host: int | None = None
    cores: float = 1.0
    cards: int = 0

    def layout(self, generators: int) -> Layout:
        others = self.others
        if self.per_host is not None:
            others = -(-generators // self.per_host) - 1
        others = min(others, generators - self.is_here)
        return Layout(
            generators=generators, others=others, is_here=self.is_here, cores=self.cores, cards=self.cards
        )  # fmt: skip


def hosts_from(said: str | None, per_host: int | None, cores: float, cards: int) -> Hosts:
    """hosts=4, or the addresses of a page."""
    if said is not None and per_host is not None:
        raise ConfigError(f"machines are said once; got hosts={said} and per_host={per_host}: leave one of them out")
    if said is None:
        return Hosts(per_host=per_host, cores=cores, cards=cards)
    if said.isascii() and said.isdecimal():
        count = int(said) if len(said) < 6 else 10**6
        if not 1 <= count <= MOST_GENERATORS:
            raise ConfigError(f"hosts is a number of machines from 1 to {MOST_GENERATORS:,}, got {said}: write hosts=2")
        return Hosts(others=count - 1, cores=cores, cards=cards)
    addresses = read_hosts(said.split(","))
    others = sum(address is not None for address in addresses)
    return Hosts(others=others, is_here=None in addresses, cores=cores, cards=cards)
