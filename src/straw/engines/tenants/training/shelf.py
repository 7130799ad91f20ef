"""Tenants by name: those used last in memory, the others each in a file, from which they come back bit for bit.

A tenant whose gradient is being computed stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors import SafetensorError

from straw.engines.tenants.training.tenant import Tenant
from straw.errors import ConfigError


class Shelf:
    def __init__(self, most_in_memory: int) -> None:
        self.most = max(1, most_in_memory)
        self.here: dict[str, Tenant] = {}  # the one used last is last
        self.away: dict[str, Tenant] = {}  # without tensors
        self.folder = TemporaryDirectory(prefix="straw-tenants-", ignore_cleanup_errors=True)

    def __contains__(self, name: str) -> bool:
        return name in self.here or name in self.away

    def __len__(self) -> int:
        return len(self.here) + len(self.away)

    def add(self, name: str, tenant: Tenant) -> None:
        self.here[name] = tenant
        self.make_room()

    def find(self, name: str) -> Tenant:
        if name in self.away:
            self.away[name].fetch(self.file(name))
            self.here[name] = self.away.pop(name)
            self.file(name).unlink()
        if name not in self.here:
            raise ConfigError(f"there is no training model {name[:80]!r}: it was never made, or was unloaded")
        self.here[name] = self.here.pop(name)
        self.make_room()
        return self.here[name]

    @contextmanager
    def using(self, name: str) -> Iterator[Tenant]:
        tenant = self.find(name)
        tenant.num_users += 1
        try:
            yield tenant
        finally:
            tenant.num_users -= 1

    def remove(self, name: str) -> None:
        self.here.pop(name, None)
        if self.away.pop(name, None) is not None:
            self.file(name).unlink(missing_ok=True)

    def make_room(self) -> None:
        """Never the one used last."""
        idle = [name for name, tenant in list(self.here.items())[:-1] if not tenant.num_users]
        for name in idle[: max(0, len(self.here) - self.most)]:
            try:
                self.here[name].put_away(self.file(name))
            except (OSError, SafetensorError):  # a full disk: then it stays, whole
                self.file(name).unlink(missing_ok=True)
                return
            self.away[name] = self.here.pop(name)

    def file(self, name: str) -> Path:
        return Path(self.folder.name) / f"{sha256(name.encode()).hexdigest()[:40]}.safetensors"

    def close(self) -> None:
        self.here.clear()
        self.away.clear()
        self.folder.cleanup()
