"""The front door.

    straw train secret N=64 reward_type=binary      one run, a folder, a picture
    straw demo                                      four channels and the supervised anchor, side by side
    straw models                                    which models are there, and how to get one

Options are written key=value, --key value or --key=value. What people can mend is one line on
stderr and exit status 2; what only we can mend keeps its traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from straw.errors import ConfigError, StrawError, did_you_mean
from straw.text.shown.say import guard, say, say_lines

USAGE = """straw: reinforcement learning for small language models, with every bit accounted for

Train
  straw train TASK [key=value ...]     train, and leave a run folder     straw train --help
  straw train PAGE.toml [key=value ..] the same from a page
  straw resume RUN                     go on where a run stopped
  straw sweep PAGE.toml                many runs from one page
  straw demo [key=value ...]           measure four reward channels and SFT, in minutes
  straw check RECIPE.toml              does a recipe still learn as it did?

Look
  straw runs [FOLDER]                  what ran, and what became of it
  straw watch [RUN|FOLDER]             runs of other processes, live in this terminal
  straw show RUN                       a run's numbers, curves, and rollouts to read
  straw compare RUN RUN ...            runs side by side
  straw ui [FOLDER]                    a page on what runs, live, in a browser
  straw report RUNS -o report.html     what runs say, on one page with figures
  straw observe N=1024 [key=value ..]  how fast anybody could learn a secret, without any model

Compare learners
  straw bench LEARNER --short          bits an episode on fixed games: a row of straw, or a file of yours
  straw board [FILES] -o board.html    entries side by side; --check FILE.json plays one again

Use what was trained
  straw chat RUN|MODEL                 talk to it
  straw eval TASK model=NAME           ask problems, and let several graders judge the same replies
  straw export RUN                     its weights for transformers and PEFT, or as GGUF
  straw serve model=NAME               for programs that speak the Tinker protocol, or OpenAI's, on this machine
  straw serve-task TASK                a task as a world for other people's trainers (OpenEnv)

Other machines
  straw worker --listen tls://HOST:PORT  lend this machine to a run that another one directs
  straw certs HOST ... out=DIR         certificates for the machines of one job
  straw slurm PAGE nodes=3             a script for sbatch: workers on every node, and the run
  straw kubernetes PAGE nodes=3        the same as Jobs for kubectl
  straw plan PAGE generators=1,8,64    what it will do on so many generators, and what will hold it back

Set up and extend
  straw doctor                         what this machine can do, and what to type next
  straw list [KIND]                    the names there are: tasks, rewards, algorithms, models, recipes, ...
  straw new KIND NAME                  a task, reward, algorithm, learner or grader of your own, with its test and page
  straw models [list | add NAME]       which models are there
  straw worlds [add LIBRARY]           environments of OpenEnv and verifiers, each with its own python
  straw clean                          what runs and caches hold, and how to free it
  straw schema                         a JSON schema of pages, for editors
  straw completion bash|zsh|fish       completion for your shell

  straw COMMAND --help                 teaches the command
  trust_code=HASH                      behind any of them: code of others that a page names may run
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    guard()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        say_lines(USAGE)
        return 0
    if words[0] == "--version":
        say(f"straw {version()}")
        return 0
    try:
        return command_named(words[0])(trusting(words[1:]))
    except StrawError as error:
        say(f"straw: {error}", error=True)
        return 2
    except KeyboardInterrupt:
        say("straw: stopped by you; what was written stays in the run folder", error=True)
        return 130
    except BrokenPipeError:  # `straw models | head`; what is still to be written goes nowhere, or Python complains
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def trusting(words: list[str]) -> list[str]:
    """The words without trust_code=HASH, which names code from outside that this person has looked at."""
    from straw import outside
    from straw.cli.arguments import take_option

    marks = take_option(words, "trust_code", "0123456789abcdef") or take_option(words, "trust-code")
    outside.trust_marks(marks.split(",") if marks else [])
    return words


def version() -> str:
    from straw.version import VERSION

    return VERSION


COMMANDS = {
    "train": "straw.cli.commands.train:train",
    "resume": "straw.cli.commands.resume:resume",
    "export": "straw.cli.commands.export:export",
    "eval": "straw.cli.eval.eval:eval_command",
    "runs": "straw.cli.commands.runs:runs",
    "show": "straw.cli.commands.show:show",
    "compare": "straw.cli.commands.compare:compare",
    "report": "straw.cli.commands.report:report",
    "ui": "straw.cli.commands.ui:ui",
    "serve": "straw.cli.serve.serve:serve",
    "serve-task": "straw.cli.serve.serve_task:serve_task",
    "worlds": "straw.cli.worlds.worlds:worlds",
    "sweep": "straw.cli.sweep.sweep:sweep",
    "check": "straw.cli.check.check:check",
    "demo": "straw.cli.demo.demo:demo",
    "observe": "straw.cli.commands.observe:observe",
    "bench": "straw.cli.bench.bench:bench",
    "board": "straw.cli.bench.board:board",
    "models": "straw.cli.commands.models:models",
    "watch": "straw.cli.live.watch_runs:watch",
    "chat": "straw.cli.chat.chat:chat",
    "doctor": "straw.cli.tools.doctor:doctor",
    "list": "straw.cli.tools.list_names:list_names",
    "new": "straw.cli.new.new:new",
    "clean": "straw.cli.clean.clean:clean",
    "worker": "straw.cli.cluster.worker:worker",
    "certs": "straw.cli.cluster.certs:certs",
    "slurm": "straw.cli.cluster.slurm:slurm",
    "kubernetes": "straw.cli.cluster.kubernetes:kubernetes",
    "plan": "straw.cli.plan.plan:plan",
    "schema": "straw.cli.tools.schema:schema",
    "completion": "straw.cli.tools.completion:completion",
}


def command_named(name: str) -> Callable[[list[str]], int]:
    """Imported when it is asked for, so that help and mistakes need no torch."""
    if name not in COMMANDS:
        raise ConfigError(f"straw has no command {name!r}: {did_you_mean(name, COMMANDS)}")
    module, _, function = COMMANDS[name].partition(":")
    command: Callable[[list[str]], int] = getattr(import_module(module), function)
    return command
