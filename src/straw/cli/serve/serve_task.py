"""straw serve-task: any task as a world that other people's trainers play."""

from __future__ import annotations

from pathlib import Path

from straw.cli.arguments import counted, take_flag, take_option, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

SERVE_TASK = """straw serve-task TASK [key=value ...] [port=8765] [host=127.0.0.1] [sessions=256]

Serves a task as an OpenEnv environment: other trainers play it, and get what reward_type pays. One session for each web
socket; the same seed is the same problem, and split=test in a reset asks what is held out. Needs no package.

  straw serve-task secret N=64                              the secret game, at http://127.0.0.1:8765
  straw serve-task sum_digits reward_type=plus_minus port=0 any port that is free
  straw serve-task env:mine.py:Game                         an environment of your own, by calls, one a line
  straw serve-task secret N=64 package=straw_secret         beside it, a package for verifiers that plays it

Play it: GenericEnvClient(base_url="http://127.0.0.1:8765") of openenv, or straw train openenv:http://127.0.0.1:8765, or
pip install ./straw_secret and vf-eval straw-secret.
Every option of a page is understood; those of the task and its reward count. host=ADDRESS --open lets the network in,
and anybody there: it asks for no key.
"""
HOST, PORT, SESSIONS = "127.0.0.1", 8765, 256


def serve_task(words: list[str]) -> int:
    if wants_help(words):
        say_lines(SERVE_TASK)
        return 0
    from straw.server.play.package import write_package
    from straw.server.play.serve import serve
    from straw.server.serve import Address, bound_to

    port = counted("port", take_option(words, "port", str(PORT)) or str(PORT), most=65_535, example=PORT)
    most = counted("sessions", take_option(words, "sessions", "256") or str(SESSIONS), least=1, example=SESSIONS)
    address = Address(host=take_option(words, "host", HOST) or HOST, port=port)
    if not take_flag(words, "--open") and not address.is_loopback:
        raise ConfigError(
            f"straw serve-task asks for no key, and host={address.host} is for the network: add --open if everybody "
            f"there may play, or leave host={HOST}"
        )
    folder = take_option(words, "package", "straw_secret")
    game = game_of(words)
    bound = bound_to(address)
    if folder is not None:
        write_package(Path(folder), game.task.name, address.url(bound.getsockname()[1]))
        say(f"{folder} is a package for verifiers: pip install ./{folder}")

    def tell() -> None:
        url = address.url(bound.getsockname()[1])
        say(f"straw serves {game.task.name} at {url}, for {most} players at once; rewards: {game.channel.name}")
        say("until you end this with Ctrl-C")

    try:
        serve(game, bound, most=most, on_the_network=not address.is_loopback, tell=tell)
    finally:
        bound.close()
    return 0


def game_of(words: list[str]):  # type: ignore[no-untyped-def]
    """The task and its reward, from the words of straw train."""
    from straw.config import load_page, parse_overrides
    from straw.server.play.game import Game
    from straw.training.resolve.page_to_plan import plan_of

    if not words or "=" in words[0] or words[0].startswith("-"):
        raise ConfigError("straw serve-task wants a task: write for example straw serve-task secret N=64")
    plan = plan_of(load_page(None, parse_overrides([f"task={words[0]}", *words[1:]])))
    return Game(plan.task, plan.channel)
