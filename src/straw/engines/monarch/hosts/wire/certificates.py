"""An authority for one job, and what it signs: made by openssl's command line, which every system has.

    ca.crt              who signed; its key is gone when this is done, so nobody signs another
    HOST.crt, HOST.key  a worker's: its name or address, and the right to be called
    page.crt, page.key  the directing process's: the right to call workers

A worker's certificate does not let its holder command other workers. All files are for their owner alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from straw.engines.monarch.hosts.address import SHAPE
from straw.errors import ConfigError, RunError

AUTHORITY, PAGE = "ca", "page"
DAYS = 30
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
OF_AUTHORITY = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
OF_OTHERS = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage={use}\n{names}"


def make_certificates(hosts: Sequence[str], folder: Path, days: int = DAYS) -> list[Path]:
    """All files at once, or none; returns what was made."""
    try:
        check(hosts, folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=".straw-certs-", dir=folder.parent))  # 0700
    except OSError as error:
        raise not_written(folder, error) from error
    try:
        make_authority(workplace, days)
        for host in dict.fromkeys(hosts):
            names = "subjectAltName=" + ("IP:" if is_number(host) else "DNS:") + host
            sign(workplace, file_name(host), OF_OTHERS.format(use="serverAuth", names=names), days)
        sign(workplace, PAGE, OF_OTHERS.format(use="clientAuth", names=""), days)
        (workplace / f"{AUTHORITY}.key").unlink()
        for file in workplace.iterdir():
            file.chmod(0o600)
        os.rename(workplace, folder)
    except OSError as error:
        raise not_written(folder, error) from error
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    return sorted(folder.iterdir())


def not_written(folder: Path, error: OSError) -> RunError:
    return RunError(
        f"certificates could not be written to {folder} ({error.strerror or error}): name a folder that can be made, "
        "out=certs"
    )


def check(hosts: Sequence[str], folder: Path) -> None:
    if not hosts:
        raise ConfigError("straw certs wants the names or addresses of all workers: straw certs a b out=certs")
    for host in hosts:
        bracketed = f"[{host}]" if ":" in host else host
        if SHAPE.fullmatch(f"tls://{bracketed}:1") is None:
            raise ConfigError(f"a certificate is for the name or the address of a host; got {host!r}: straw certs a b")
        if file_name(host) in (AUTHORITY, PAGE):
            raise ConfigError(
                f"{file_name(host)}.crt is no worker's; got {host!r}: straw certs wants another name of that host, or "
                "its address"
            )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"certificates are made for one job, and {folder} is there already: name another, or free it")


def file_name(host: str) -> str:
    """IPv6 has colons, which not every file system has."""
    return host.replace(":", "_").lower()


def is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def make_authority(folder: Path, days: int) -> None:
    config = written(folder, f"[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n{OF_AUTHORITY}")
    openssl(
        folder, "req", "-x509", "-config", config, *CURVE, "-keyout", f"{AUTHORITY}.key", "-out", f"{AUTHORITY}.crt",
        "-days", str(days), "-subj", "/CN=straw job", "-sha256",
    )  # fmt: skip


def sign(folder: Path, name: str, extensions: str, days: int) -> None:
    """A key of its own, and the authority's word for it."""
    config = written(folder, "[req]\ndistinguished_name=dn\n[dn]\n")
    openssl(
        folder, "req", "-new", "-config", config, *CURVE, "-keyout", f"{name}.key", "-out", "request.csr",
        "-subj", f"/CN={name[:64]}",
    )  # fmt: skip
    config = written(folder, extensions)
    openssl(
        folder, "x509", "-req", "-in", "request.csr", "-CA", f"{AUTHORITY}.crt", "-CAkey", f"{AUTHORITY}.key",
        "-set_serial", str(int.from_bytes(os.urandom(15), "big") + 1), "-days", str(days), "-sha256",
        "-extfile", config, "-out", f"{name}.crt",
    )  # fmt: skip
    for leftover in ("request.csr", config):
        (folder / leftover).unlink()


def written(folder: Path, text: str) -> str:
    (folder / "config").write_text(text)
    return "config"


def openssl(folder: Path, *words: str) -> None:
    try:
        done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, umask=0o077, timeout=60)
    except FileNotFoundError:
        raise ConfigError(
            "certificates are made by the program openssl, and there is none here: install it, or make them on a "
            "machine that has it and copy the folder"
        ) from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise RunError(f"openssl {words[0]} failed ({said[-1] if said else done.returncode})")
