"""straw certs: an authority for one job, and a certificate for each of its machines."""

from __future__ import annotations

from pathlib import Path

from straw.cli.arguments import counted, take_option, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

CERTS = """straw certs HOST ... out=DIR [days=30]

Make certificates for one job: for each worker under the name or address that it is called by, and one for the page.

  straw certs a b out=certs                       workers at tls://a:26100 and tls://b:26100
  straw certs 10.0.0.1 gpu-2.lab out=certs        addresses and longer names

  straw worker --listen tls://a:26100 certs=certs                        on a, with a copy of the folder
  straw train PAGE.toml hosts=tls://a:26100,tls://b:26100 certs=certs    where the run is directed

DIR has ca.crt, HOST.crt and HOST.key for each, page.crt and page.key; all files are for their owner alone (0600). A
worker needs ca.crt and its own pair. The authority's key is thrown away, so nobody signs another: a new host takes new
certificates. With a worker's pair nobody can call another worker; with page's pair one can: keep it where runs are
directed. They end after some days (days=30). Whoever holds them may run code on the workers, so make them for each job
anew. Needs the program openssl.
"""


def certs(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(CERTS)
        return 0 if words else 2
    from straw.engines.monarch.hosts.wire.certificates import make_certificates

    out = take_option(words, "out", "certs")
    days = counted("days", take_option(words, "days", "30") or "30", least=1, most=3650, example=30)
    if not out:
        raise ConfigError(f"certificates want a folder of their own. Write straw certs {' '.join(words)} out=certs")
    if strange := [word for word in words if word.startswith("-") or "=" in word]:
        raise ConfigError(f"straw certs has no option {strange[0]!r}: see straw certs --help")
    folder = Path(out).expanduser()
    made = make_certificates(words, folder, days)
    say(f"{folder} has {len(made)} files for {', '.join(words)} and the page, good for {days} days")
    return 0
