"""Where a worker listens: tls://HOST:PORT.

    tls://a:26100            mutual TLS
    tls://[fd00::1]:26100    an address in numbers of IPv6 stands in brackets
    tcp://127.0.0.1:26100    without TLS, on this machine alone: whoever may call a worker runs code there
    here                     among `hosts`, the directing process's own machine

A name is called as it stands, and has to be in the certificate of who answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from reprlib import repr as shortened

from straw.errors import ConfigError

HERE = "here"
PORT = 26_100
PART = r"[A-Za-z0-9_-]{1,63}"  # of a name, between dots: a longer or an empty one is nobody's
NAME = rf"(?=[A-Za-z0-9]){PART}(?:\.{PART})*(?<=[A-Za-z0-9])"
SHAPE = re.compile(rf"(tls|tcp)://(?:\[([0-9A-Fa-f:.]+)\]|({NAME})):(\d{{1,5}})")
EXAMPLE = f"Write for example tls://a:{PORT}."


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int
    is_plain: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tcp' if self.is_plain else 'tls'}://{host}:{self.port}"


def read_address(text: str) -> Address:
    found = SHAPE.fullmatch(text)
    if found is None or not 0 < int(found[4]) < 65_536:
        raise ConfigError(f"a worker listens at tls://HOST:PORT; got {shortened(text)}. {EXAMPLE}")
    address = Address(found[2] or found[3], int(found[4]), found[1] == "tcp")
    if address.is_plain and not is_loopback(address.host):
        raise ConfigError(
            f"over plain TCP whoever can call a worker runs code there, so it ends at this machine; got {text}. "
            f"Write tls://{text.removeprefix('tcp://')}, with certs=DIR from straw certs."
        )
    return address


def is_loopback(host: str) -> bool:
    """Of an address in numbers: a name may lead anywhere."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_hosts(texts: Sequence[str]) -> list[Address | None]:
    """None stands for here."""
    found = [None if text == HERE else read_address(text) for text in texts]
    for index, address in enumerate(found):
        if address in found[:index]:
            raise ConfigError(f"hosts names a worker once, got {address or HERE} twice: leave one of them out")
    return found
