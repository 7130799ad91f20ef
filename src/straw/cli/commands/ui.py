"""straw ui: a page on run folders, in a browser."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from straw.cli.arguments import counted, take_flag, take_option, wants_help
from straw.errors import ConfigError, RunError
from straw.text.shown.say import say, say_lines

PORT, HOST = 8765, "127.0.0.1"
UI = f"""straw ui [FOLDER] [port={PORT}]

A page on every run under a folder (without one: runs), as they go: which run, curves of any number, rollouts with
their tokens, rewards and advantages, alarms, the page of each run and where its values came from, runs side by side,
and sweeps as they fill. Nothing needs to be told to the runs, and nothing is written.

  straw ui                    what is under runs
  straw ui runs/sweeps        what is under that folder
  straw ui port=9000          at another port; port=0 takes any that is free

Open the address that is printed: it ends with a token, and without it nobody gets an answer. The server listens at
this machine's own address only. From another machine: ssh -L {PORT}:localhost:{PORT} THIS-MACHINE, and open the
address there.

  host=0.0.0.0 --on-the-network       lets others in, over a connection that everybody on the way can read

Keys: / searches, arrows walk through the list, Enter opens, x marks for comparison, c compares, Esc goes back, ? tells
them all.
"""


def ui(words: list[str]) -> int:
    if wants_help(words):
        say_lines(UI)
        return 0
    on_the_network = take_flag(words, "--on-the-network", "--on_the_network")
    host = take_option(words, "host", HOST) or HOST
    port = take_option(words, "port", str(PORT))
    if len(words) > 1 or (words and words[0].startswith("-")):
        raise ConfigError(f"straw ui takes one folder; got {' '.join(words)!r}. Write for example straw ui runs.")
    folder = Path(words[0] if words else "runs").expanduser()
    if not folder.is_dir():
        raise RunError(
            f"straw ui shows what is under a folder, and there is no folder {folder} yet: begin a run, or name another"
        )
    check_host(host, on_the_network)
    check_installed()
    from straw.ui.server.serve import serve

    serve(folder, host, counted("port", port, most=65_535, example=PORT) if port else PORT, say)
    return 0


def check_host(host: str, on_the_network: bool) -> None:
    """Only loopback, unless a person has said that he knows what else it means."""
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise ConfigError(f"host is an address in numbers, or localhost; got {host!r}. Write host={HOST}.") from None
    if not address.is_loopback and not on_the_network:
        raise ConfigError(
            f"straw ui listens at this machine's own address, and host={host} would let everybody on the network ask: "
            "prompts, replies and the token would cross it unencrypted. "
            f"Use ssh -L {PORT}:localhost:{PORT} instead, or add --on-the-network"
        )


def check_installed() -> None:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"straw ui needs {error.name}, and it is not there: pip install 'straw[ui]'") from None
