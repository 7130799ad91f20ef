"""Who may call whom: both sides show a certificate of the job's authority, and the callee has the name that was called.

context = of_worker(folder, "a")          for who listens at tls://a:PORT
context = of_page(folder)                 for who calls
reason(error)                             why it came to nothing, in words
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

from straw.engines.monarch.hosts.wire.certificates import AUTHORITY, PAGE, file_name
from straw.errors import ConfigError

WELCOME = b"straw worker\n"  # what a worker says first, and to nobody whom it did not let in


class NotLetIn(ConnectionError):
    """In TLS 1.3 who is called looks at our certificate when for us all is done, and asyncio sends no alert."""


class NoWorker(ConnectionError):
    """Something else is there."""


SAID = {  # in what OpenSSL says, and what it means
    "certificate required": "it wants a certificate, and was shown none: name the job's folder with certs=DIR",
    "peer did not return": "it showed no certificate",
    "unknown ca": "it does not know who signed our certificate: certs=DIR has to be the same folder on both machines",
    "unsupported certificate": "our certificate is a worker's, and only page.crt may call",
    "wrong version number": "what is there speaks no TLS: a worker listens at tls://",
    "http request": "what is there speaks no TLS: a worker listens at tls://",
    "record layer failure": "what is there speaks no TLS: a worker listens at tls://",
    "unsuitable certificate purpose": "its certificate is for another purpose: only page.crt calls, and workers listen",
    "certificate has expired": "its certificate has expired: make new ones with straw certs",
    "certificate expired": "our certificate has expired: make new ones with straw certs",
    "not yet valid": "its certificate is not valid yet: the clocks of the two machines differ",
    "bad certificate": "it did not take our certificate: the clocks may differ, or certs=DIR is of another job",
    "certificate unknown": "it did not take our certificate: certs=DIR has to be the same folder on both machines",
    "hostname mismatch": "its certificate is not for that name: straw certs wants every name that is called",
    "ip address mismatch": "its certificate is not for that address: straw certs wants every address that is called",
    "certificate verify failed": "its certificate is of another authority: certs=DIR has to be the same folder on both",
}


def of_worker(folder: Path, host: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    return set_up(context, folder, file_name(host), f"straw certs {host} out=DIR makes one for {host}")


def of_page(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks the name
    return set_up(context, folder, PAGE, "straw certs HOST ... out=DIR makes it")


def set_up(context: ssl.SSLContext, folder: Path, name: str, way_out: str) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    for file in (f"{AUTHORITY}.crt", f"{name}.crt", f"{name}.key"):
        if not (folder / file).is_file():
            raise ConfigError(f"certs={folder} has no {file}: {way_out}")
    if (folder / f"{name}.key").stat().st_mode & 0o077:
        raise ConfigError(f"others may read {folder / name}.key: chmod 600 it, or make new ones with straw certs")
    try:
        context.load_verify_locations(folder / f"{AUTHORITY}.crt")
        context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"certs={folder} cannot be used ({said_by(error)}): {way_out}") from error
    return context


def reason(error: BaseException) -> str:
    """In words, and with the way out where there is one."""
    if isinstance(error, ssl.SSLError):
        words = f"{getattr(error, 'verify_message', '')} {error}".lower().replace("_", " ")
        return next((meant for said, meant in SAID.items() if said in words), f"TLS failed ({said_by(error)})")
    if isinstance(error, socket.gaierror):
        return "that name leads nowhere: is it spelled so, and known to this machine?"
    if isinstance(error, NotLetIn):
        return (
            "it did not take our certificate: certs=DIR has to be of the same job on both machines; it says more there"
        )
    if isinstance(error, NoWorker):
        return "what is there is no straw worker"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there: is straw worker running, and at this port?"
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "it does not answer: the machine is down, or a firewall stands between"
    if isinstance(error, ConnectionError | asyncio.IncompleteReadError):
        return "it closed the connection"
    return said_by(error)


def said_by(error: BaseException) -> str:
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error or type(error).__name__)


def is_final(error: BaseException) -> bool:
    """Whether to call again would be in vain."""
    return isinstance(error, ssl.SSLError | NotLetIn | NoWorker)
