"""straw chat: talk to what was trained, in this terminal or through a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from straw.cli.arguments import counted, take_flag, take_option, take_trust, wants_help
from straw.config.option import MOST_SEED
from straw.config.values import read_number
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines, say_part

if TYPE_CHECKING:
    from straw.cli.chat.talk import Talk

CHAT = """straw chat RUN|MODEL [key=value ...]

Talk to a run's newest sound checkpoint, or to a model. A reply is shown as it is written.

  straw chat runs/mine                         what this run has learned; a name below runs/ is enough
  straw chat runs/mine --at 0                  the same before its first step; --at 100, --at best:accuracy
  straw chat smollm2                           a model, by any name that model_name takes
  straw chat smollm2 temperature=0.7 system="You answer in one word."
  echo "What is 2 + 3?" | straw chat runs/mine       a pipe: one reply, on one line, for each line

  temperature=1      sampling temperature; 0 takes the likeliest token; without it the run's own
  max_tokens=256     of a reply
  system=TEXT        a system prompt, before the first message
  seed=0             of the draws: the same words and the same seed give the same replies

/reset begins a new conversation, /quit (or Ctrl-D) ends. A model whose code is not transformers' own needs
trust_remote_code=true, after a look at that code.
"""
MOST_TOKENS = 32_768
BYE, AGAIN = ("/quit", "/exit"), "/reset"


def chat(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(CHAT)
        return 0 if words else 2
    trusts, at = take_trust(words), take_option(words, "at", "100")
    system, asked = take_option(words, "system", '"Be brief."'), take_option(words, "temperature", "0.7")
    room = counted("max_tokens", take_option(words, "max_tokens", "256") or "256", least=1, most=MOST_TOKENS)
    seed = counted("seed", take_option(words, "seed", "0") or "0", most=MOST_SEED, example=0)
    quiet = take_flag(words, "--quiet")
    if len(words) != 1 or words[0].startswith("-") or "=" in words[0]:
        raise ConfigError(f"straw chat takes one run or model; got {' '.join(words) or 'none'}. Write: straw chat RUN")
    temperature = None if asked is None else number("temperature", asked)
    from straw.cli.chat.talk import opened

    talk = opened(words[0], at, trusts, lambda line: None if quiet else say(f"straw: {line}", error=True))
    talk.configure(system or "", temperature, room, seed)
    if is_terminal():
        return converse(talk)
    return answer_lines(talk)


def number(name: str, text: str) -> float:
    with suppress(ValueError):
        if (found := read_number(text)) >= 0:
            return found
    raise ConfigError(f"{name} is a number that is 0 or more; got {text[:40]!r}. Write for example {name}=0.7.")


def is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def answer_lines(talk: Talk) -> int:
    """One reply, on one line, for each line that comes."""
    for line in sys.stdin:
        message = line.strip()
        if message in BYE:
            break
        if message == AGAIN:
            talk.reset()
        elif message:
            say("".join(talk.reply(message)).strip())
    return 0


def converse(talk: Talk) -> int:
    with suppress(ImportError):
        import readline  # noqa: F401  (input() then has a history and can be edited)
    say(f"{talk.title}, temperature {talk.temperature:g}. /reset begins anew, /quit ends.")
    for message in asked_lines():
        if message == AGAIN:
            talk.reset()
            say("a new conversation")
        elif message:
            show(talk, message)
    return 0


def show(talk: Talk, message: str) -> None:
    """A reply as it is written; Ctrl-C ends it and not the conversation."""
    try:
        for part in talk.reply(message):
            say_part(part)
    except KeyboardInterrupt:
        talk.reset()
        say_part(" ... stopped; a new conversation begins")
    say()


def asked_lines() -> Iterator[str]:
    while True:
        try:
            line = input("> ").strip()
        except EOFError:
            say()
            return
        if line in BYE:
            return
        yield line


def run_or_none(name: str) -> Path | None:
    """The folder of a run that a word names: a path, or a name below runs."""
    from straw.files import is_file
    from straw.runs.reading import CONFIG, spelled_out

    places = (spelled_out(name), Path("runs") / name)
    return next((place for place in places if is_file(place / CONFIG)), None)
