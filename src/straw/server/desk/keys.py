"""Who asks. A key is never kept: what belongs to its holder is marked with a hash of it.

On loopback any key that begins with tml- will do, and different keys are different people. Anywhere else the server has
a list of keys, and only those get in; they are compared in constant time.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest

from straw.server.wire.refused import BadRequest

LONGEST = 4096
PREFIX = "tml-"


def owner_of(key: str) -> str:
    return sha256(b"straw owner " + key.encode("utf-8", "replace")).hexdigest()[:24]


class Keys:
    """`known` is empty where any key is good."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self.known = [sha256(one.encode()).digest() for one in known]

    def owner(self, key: str | None) -> str:
        if not key:
            raise BadRequest("send a key as X-API-Key: TINKER_API_KEY=tml-local where the server is your own", 401)
        if len(key) > LONGEST or not self.is_good(key):
            raise BadRequest(self.refusal, 401)
        return owner_of(key)

    def is_good(self, key: str) -> bool:
        if not self.known:
            return key.startswith(PREFIX)
        given = sha256(key.encode("utf-8", "replace")).digest()
        return any([compare_digest(given, one) for one in self.known])  # a list: every one is compared

    @property
    def refusal(self) -> str:
        if self.known:
            return "this server knows other keys: ask whoever started it, and set TINKER_API_KEY"
        return "a key begins with tml-: TINKER_API_KEY=tml-local where the server is your own"
